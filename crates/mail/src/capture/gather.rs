//! A message while it comes: its bytes, within the room there is.

use bytes::Bytes;

use super::{Capture, Room};

/// Least bytes that room is asked for at a time.
const STEP: usize = 64 << 10;

/// What has come of a message. Memory never exceeds the room that was taken for it.
#[derive(Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    room: Option<Room>,
    /// Bytes that there is room for.
    fits: usize,
    /// There was none: what comes is not kept.
    dropped: bool,
}

impl Gathered {
    /// Takes room for a message whose size was announced. False if there is none.
    pub(super) fn reserve(&mut self, capture: &Capture, bytes: usize) -> bool {
        self.more(capture, bytes)
    }

    /// Adds bytes. Where there is no room for them, all that came is let go, and nothing more kept.
    pub(super) fn push(&mut self, capture: &Capture, piece: &[u8]) {
        if self.dropped {
            return;
        }
        let needed = self.bytes.len().saturating_add(piece.len());
        if needed > self.fits {
            // In larger and larger steps, so that each byte is moved a few times at most.
            let step = (needed - self.fits).max(STEP).max(self.fits / 2);
            if !self.more(capture, step) && !self.more(capture, needed.saturating_sub(self.fits)) {
                *self = Gathered {
                    dropped: true,
                    ..Gathered::default()
                };
                return;
            }
        }
        if needed > self.bytes.capacity() {
            let grown = needed
                .max(self.bytes.len() / 2 * 3)
                .clamp(needed, self.fits);
            self.bytes.reserve_exact(grown - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
    }

    fn more(&mut self, capture: &Capture, bytes: usize) -> bool {
        let Some(more) = capture.try_room(bytes) else {
            return false;
        };
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
        self.fits = self.fits.saturating_add(bytes);
        true
    }

    /// The whole message with its room, to be held until it is archived; `None` if it was let go.
    pub(super) fn finish(&mut self) -> Option<(Bytes, Option<Room>)> {
        let Gathered {
            bytes,
            room,
            dropped,
            ..
        } = std::mem::take(self);
        (!dropped).then(|| (Bytes::from(bytes), room))
    }
}
