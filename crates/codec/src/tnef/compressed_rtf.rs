//! Compressed RTF ([MS-OXRTFCP]): how MAPI stores formatted bodies, in TNEF and in `.msg`.

/// What the window holds before the first byte, given by the specification.
const INITIAL: &[u8; 207] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}\
{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier\
{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

const WINDOW: usize = 4096;
const COMPRESSED: [u8; 4] = *b"LZFu";
const PLAIN: [u8; 4] = *b"MELA";

/// The RTF, at most `limit` bytes of it; `None` if it does not open as compressed RTF. A stream
/// that is cut off gives what came before.
pub fn decompress_rtf(stream: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (header, body) = stream.split_first_chunk::<16>()?;
    let [_, _, _, _, a, b, c, d, kind @ .., _, _, _, _] = *header;
    let size = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    let limit = size.min(limit);
    match kind {
        PLAIN => Some(body.get(..limit).unwrap_or(body).to_vec()),
        COMPRESSED => Some(decompress(body, limit)),
        _ => None,
    }
}

fn decompress(body: &[u8], limit: usize) -> Vec<u8> {
    let mut window = [0u8; WINDOW];
    for (slot, byte) in window.iter_mut().zip(INITIAL) {
        *slot = *byte;
    }
    let mut out = Output {
        window,
        at: INITIAL.len(),
        done: Vec::new(),
        limit,
    };
    let mut input = body.iter().copied();
    'all: while let Some(flags) = input.next() {
        for bit in 0..8 {
            let Some(first) = input.next() else {
                break 'all;
            };
            if flags & (1 << bit) == 0 {
                out.push(first);
            } else {
                let Some(second) = input.next() else {
                    break 'all;
                };
                let pair = u16::from_be_bytes([first, second]);
                let from = usize::from(pair >> 4);
                if from == out.at {
                    break 'all;
                }
                out.copy(from, usize::from(pair & 15) + 2);
            }
            if out.done.len() >= out.limit {
                break 'all;
            }
        }
    }
    out.done
}

struct Output {
    window: [u8; WINDOW],
    /// Where the next byte goes in the window.
    at: usize,
    done: Vec<u8>,
    limit: usize,
}

impl Output {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.window.get_mut(self.at) {
            *slot = byte;
        }
        self.at = (self.at + 1) % WINDOW;
        if self.done.len() < self.limit {
            self.done.push(byte);
        }
    }

    fn copy(&mut self, from: usize, length: usize) {
        for step in 0..length {
            let byte = self.window.get((from + step) % WINDOW).copied();
            self.push(byte.unwrap_or(0));
        }
    }
}
