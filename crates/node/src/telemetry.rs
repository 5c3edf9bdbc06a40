//! The log of a running role, on standard error: lines for people, or JSON.
//!
//! What is logged never holds a secret, an address of a person or anything that mail says:
//! whoever runs the machine reads it.

use tracing::Level;

/// Starts the log. A second call changes nothing.
pub fn start(json: bool) {
    let log = tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_writer(std::io::stderr);
    // An error says that there is a log already.
    if json {
        log.json().flatten_event(true).try_init().ok();
    } else {
        log.with_ansi(false).with_target(false).try_init().ok();
    }
}
