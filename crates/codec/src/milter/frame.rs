//! Frames: a length of four bytes (big endian, command byte included), a command, its data.

use super::Error;

/// Most bytes of a frame, its command included, unless set otherwise. By the protocol frames end at 64 KiB, but a
/// header field comes whole in one, and only the MTA knows how long it lets fields be.
pub const FRAME: u32 = 1 << 20;

/// Most bytes of one [`Event::Body`](super::Event::Body): what the protocol allows for a chunk.
pub const BODY_CHUNK: usize = 65_535;

/// Bytes of a length.
const LENGTH: usize = 4;

/// Bytes of a connection to frames. Holds no more than was pushed and not yet taken.
#[derive(Debug)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// Bytes at the start that were taken.
    taken: usize,
    limit: u32,
}

impl Frames {
    pub(super) fn new(limit: u32) -> Self {
        Frames {
            buffer: Vec::new(),
            taken: 0,
            limit,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Moving what is left only when it is the smaller half keeps the work linear.
        if self.taken >= self.buffer.len() / 2 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame: its command and its data.
    pub(super) fn next(&mut self) -> Result<Option<(u8, Vec<u8>)>, Error> {
        let rest = self.buffer.get(self.taken..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length);
        // Checked before the data are there, so that nobody makes us wait for 4 GiB.
        if length == 0 || length > self.limit {
            let limit = self.limit;
            return Err(Error::FrameLength { length, limit });
        }
        let frame = usize::try_from(length).ok().and_then(|n| rest.get(..n));
        let Some((command, data)) = frame.and_then(<[u8]>::split_first) else {
            return Ok(None);
        };
        let found = (*command, data.to_vec());
        self.taken = self.taken.saturating_add(LENGTH + 1 + data.len());
        Ok(Some(found))
    }
}

/// Appends a frame.
pub(super) fn write(command: u8, data: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(data.len() + 1).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.push(command);
    out.extend_from_slice(data);
}

/// `data` as strings that each end with a NUL; none where the last has no end.
pub(super) fn strings(data: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let data = match data {
        [] => None,
        data => Some(data.strip_suffix(b"\0")?),
    };
    Some(
        data.into_iter()
            .flat_map(|data| data.split(|&byte| byte == 0)),
    )
}
