//! A message while it comes: its bytes, within the room there is. A short one lies in memory, a long one in a sealed file
//! of the spool, so that a sender who takes its time holds no memory.

use std::io::{Read, Write};
use std::time::Duration;

use bytes::Bytes;
use everpost_store::{SpoolWriter, StoreError};
use tokio::time::timeout;

use super::{Capture, Room};

/// Least bytes that room is asked for at a time.
const STEP: usize = 64 << 10;
/// Bytes of a message that lie in memory while it comes.
const IN_MEMORY: usize = 256 << 10;
/// How long a message that is complete may wait for memory to be archived in. RFC 5321 §4.5.3.2.6 gives a server
/// ten minutes for its answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// What has come of a message. It never exceeds the room that was taken for it.
#[derive(Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    held: Held,
    file: Option<Spilled>,
    /// There was no room: what comes is not kept.
    dropped: bool,
}

/// Room that was taken, in memory or in the spool.
#[derive(Default)]
struct Held {
    room: Option<Room>,
    /// Bytes that there is room for.
    fits: usize,
}

impl Held {
    /// Makes room for `needed` bytes in all, by `take`. `None` if there is none.
    fn up_to(&mut self, needed: usize, take: impl Fn(usize) -> Option<Room>) -> Option<()> {
        let lacks = needed.saturating_sub(self.fits);
        if lacks == 0 {
            return Some(());
        }
        // In larger and larger steps, so that each byte is moved a few times at most.
        let step = lacks.max(STEP).max(self.fits / 2);
        let (more, bytes) = match take(step) {
            Some(more) => (more, step),
            None => (take(lacks)?, lacks),
        };
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
        self.fits = self.fits.saturating_add(bytes);
        Some(())
    }
}

impl Gathered {
    /// Takes room for a message whose size was announced. False if there is none.
    pub(super) fn reserve(&mut self, capture: &Capture, bytes: usize) -> bool {
        if bytes <= IN_MEMORY {
            return bytes == 0
                || self
                    .held
                    .up_to(bytes, |more| capture.try_room(more))
                    .is_some();
        }
        let mut held = Held::default();
        let fits = held.up_to(bytes, |more| capture.try_spool(more)).is_some();
        self.file = fits.then(|| Spilled::within(held));
        fits
    }

    /// Adds bytes. Where there is no room for them, all that came is let go, and nothing more kept.
    pub(super) fn push(&mut self, capture: &Capture, piece: &[u8]) {
        if !self.dropped && self.add(capture, piece).is_none() {
            *self = Gathered {
                dropped: true,
                ..Gathered::default()
            };
        }
    }

    fn add(&mut self, capture: &Capture, piece: &[u8]) -> Option<()> {
        let needed = self.bytes.len().saturating_add(piece.len());
        if let Some(file) = &mut self.file {
            return file.write(capture, piece);
        }
        if needed > IN_MEMORY {
            let file = self.file.insert(Spilled::within(Held::default()));
            file.write(capture, &self.bytes)?;
            file.write(capture, piece)?;
            (self.bytes, self.held) = (Vec::new(), Held::default());
            return Some(());
        }
        self.held.up_to(needed, |more| capture.try_room(more))?;
        if needed > self.bytes.capacity() {
            let grown = needed
                .max(self.bytes.len() / 2 * 3)
                .clamp(needed, self.held.fits);
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Some(())
    }

    /// The whole message with its room, to be held until it is archived; `None` if it was let go. A long one waits
    /// for room in memory.
    pub(super) async fn finish(&mut self, capture: &Capture) -> Option<(Bytes, Option<Room>)> {
        let Gathered {
            bytes,
            held,
            file,
            dropped,
        } = std::mem::take(self);
        if dropped {
            return None;
        }
        let Some(file) = file else {
            return Some((Bytes::from(bytes), held.room));
        };
        let room = timeout(PATIENCE, capture.room(file.bytes)).await.ok()??;
        let read = tokio::task::spawn_blocking(move || file.read()).await;
        let raw = read.ok()?.inspect_err(complain).ok()?;
        Some((raw, Some(room)))
    }
}

/// What lies in the spool of a message. Dropping it takes it away.
struct Spilled {
    writer: Option<SpoolWriter>,
    held: Held,
    bytes: usize,
}

impl Spilled {
    fn within(held: Held) -> Self {
        Spilled {
            writer: None,
            held,
            bytes: 0,
        }
    }

    /// Adds bytes. `None` if there is no room for them. Writing is to the kernel's memory, a block at a time.
    fn write(&mut self, capture: &Capture, piece: &[u8]) -> Option<()> {
        let needed = self.bytes.saturating_add(piece.len());
        self.held.up_to(needed, |more| capture.try_spool(more))?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(capture.tenant.spool().inspect_err(complain).ok()?),
        };
        let written = writer.write_all(piece).map_err(of_spool);
        written.inspect_err(complain).ok()?;
        self.bytes = needed;
        Some(())
    }

    /// All of it.
    fn read(mut self) -> Result<Bytes, StoreError> {
        let Some(writer) = self.writer.take() else {
            return Ok(Bytes::new());
        };
        let spooled = writer.finish()?;
        let mut bytes = Vec::with_capacity(self.bytes);
        let read = spooled
            .open()
            .and_then(|mut file| file.read_to_end(&mut bytes));
        spooled.remove()?;
        read.map_err(of_spool)?;
        Ok(Bytes::from(bytes))
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            // What is left behind goes when the service begins again.
            writer.abandon().ok();
        }
    }
}

fn of_spool(error: std::io::Error) -> StoreError {
    StoreError::File {
        path: "spool".into(),
        error,
    }
}

/// The sender is asked to come again; the operator has to know why.
fn complain(error: &StoreError) {
    tracing::error!(code = error.code(), %error, "a message could not be spooled");
}
