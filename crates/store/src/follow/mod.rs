//! Followers of `seq`: work that is derived from admitted events, done in their order,
//! each with a cursor of its own. None of them can refuse mail.

mod extract;
mod index;
mod log;
mod prove;
mod replace;
mod splits;
#[cfg(test)]
mod tests;

pub(crate) use extract::LARGEST_COPY;
pub use extract::{ExtractProgress, TextStatus};
pub use index::IndexProgress;
pub(crate) use index::{Building, Content, FreshDoc, blocking};
pub use log::LogHead;
pub(crate) use log::{event_leaf, log_signer, log_state, read_event, tile_path};
pub use prove::Prover;
pub(crate) use splits::{SplitRow, split_path};

/// Numbers of followers in the table `follower`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Follower {
    Index = 1,
    Extract = 2,
}
