//! Ports on loopback that belong to one peer for as long as it lives.
//!
//! They come from below the range from which Linux takes the local ports of outgoing connections
//! (32,768 and up): while a peer is down, no client is given its port, nor connects to itself.
//! A lock file for each block keeps the processes of a test run apart, and a peer keeps its block
//! while it is down; what else listens on the machine shows when the ports are bound once.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::{PeerError, Result, io};
use crate::corpus::cache;

/// The first port of the first block.
const FIRST: u16 = 16_384;
/// Ports of a block, enough for any peer.
const BLOCK: u16 = 16;
/// How many blocks there are.
const BLOCKS: u16 = 1_024;

/// A block of ports that nobody else uses.
pub(super) struct Ports {
    first: u16,
    /// Locked while this lives; the system lets go of it should the process die.
    _lock: File,
}

impl Ports {
    /// Finds a block whose ports are all free.
    pub(super) fn reserve() -> Result<Self> {
        let folder = cache()?.join("ports");
        fs::create_dir_all(&folder).map_err(io(folder.display()))?;
        // Somewhere: whoever asks next should not have to walk past all that are taken.
        let start = u16::try_from(RandomState::new().hash_one(0) % u64::from(BLOCKS)).unwrap_or(0);
        for step in 0..BLOCKS {
            let first = FIRST + (start + step) % BLOCKS * BLOCK;
            let path = folder.join(first.to_string());
            let options = File::options().create(true).append(true).open(&path);
            let lock = options.map_err(io(path.display()))?;
            if lock.try_lock().is_err() {
                continue;
            }
            let ports = Ports { first, _lock: lock };
            let bound: std::io::Result<Vec<_>> = (0..BLOCK)
                .map(|index| TcpListener::bind(ports.address(index)))
                .collect();
            if bound.is_ok() {
                return Ok(ports);
            }
        }
        Err(PeerError::NoPorts)
    }

    /// The port of this number in the block, from 0.
    pub(super) fn port(&self, index: u16) -> u16 {
        self.first + index
    }

    /// The same as an address.
    pub(super) fn address(&self, index: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port(index)))
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Ports};

    #[test]
    fn blocks_are_apart() {
        let blocks: Vec<Ports> = (0..20).map(|_| Ports::reserve().unwrap()).collect();
        let mut firsts: Vec<u16> = blocks.iter().map(|block| block.port(0)).collect();
        firsts.sort_unstable();
        assert!(firsts.windows(2).all(|pair| pair[1] - pair[0] >= BLOCK));
    }
}
