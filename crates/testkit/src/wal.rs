//! Where a SQLite write-ahead log can be cut, as a power failure cuts it.
//!
//! The file is a header of 32 bytes and frames of 24 bytes and a page each. A frame whose header
//! has a database size that is not zero ends a transaction; everything after the last whole one
//! is as if it had never been written.

/// Bytes of the file's header.
pub const HEADER: u64 = 32;
/// Bytes of a frame's header.
const FRAME: u64 = 24;

/// The structure of a write-ahead log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wal {
    /// Bytes of a page.
    pub page: u64,
    /// The salts that the frames of this generation carry.
    pub salts: [u8; 8],
    /// Where each frame of this generation ends.
    pub frames: Vec<u64>,
    /// Where each transaction ends.
    pub commits: Vec<u64>,
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Wal {
    /// Reads the structure of a log; `None` if it is not one (an empty file, say).
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if number(bytes, 0)? & !1 != 0x377f_0682 {
            return None;
        }
        let page = u64::from(number(bytes, 8)?);
        let salts: [u8; 8] = bytes.get(16..24)?.try_into().ok()?;
        let mut wal = Wal {
            page,
            salts,
            frames: Vec::new(),
            commits: Vec::new(),
        };
        let mut at = HEADER;
        loop {
            let start = usize::try_from(at).ok()?;
            let end = at + FRAME + page;
            let whole = end <= bytes.len() as u64;
            // Frames of an earlier generation may lie behind those of this one.
            if !whole || bytes.get(start + 8..start + 16) != Some(salts.as_slice()) {
                return Some(wal);
            }
            wal.frames.push(end);
            if number(bytes, start + 4)? != 0 {
                wal.commits.push(end);
            }
            at = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HEADER, Wal};

    #[test]
    fn frames_and_commits_are_found() {
        let mut bytes = Vec::new();
        for word in [0x377f_0683u32, 3_007_000, 512, 0, 1, 2, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
        let frame = |size: u32, salt: u32| {
            let words = [7u32, size, salt, 2, 0, 0];
            [
                words
                    .iter()
                    .flat_map(|word| word.to_be_bytes())
                    .collect::<Vec<u8>>(),
                vec![0; 512],
            ]
            .concat()
        };
        for (size, salt) in [(0, 1), (9, 1), (0, 1), (9, 0)] {
            bytes.extend(frame(size, salt));
        }
        bytes.extend([1; 30]);
        let wal = Wal::read(&bytes).unwrap();
        assert_eq!(wal.frames, [1, 2, 3].map(|count| HEADER + count * 536));
        assert_eq!(wal.commits, [HEADER + 2 * 536]);
        assert_eq!(Wal::read(b""), None);
    }
}
