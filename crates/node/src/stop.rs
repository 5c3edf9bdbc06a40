//! The signal to stop, and those who wait for it.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells everybody to stop. Cheap to clone.
#[derive(Clone)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Stop(watch::Sender::new(false))
    }
}

impl Stop {
    /// Says that everybody should stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// True once it was said.
    pub fn stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is said.
    pub async fn wait(&self) {
        let mut said = self.0.subscribe();
        // The sender lives as long as `self`, so this cannot fail before it is said.
        said.wait_for(|said| *said).await.ok();
    }

    /// Says it when the process is asked to end: SIGTERM, or Ctrl-C.
    pub fn on_signals(&self) -> std::io::Result<()> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let stop = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            stop.stop();
        });
        Ok(())
    }
}
