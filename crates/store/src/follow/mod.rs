//! Followers of `seq`: work that is derived from admitted events, done in their order,
//! each with a cursor of its own. None of them can refuse mail.

mod index;
mod log;

pub use index::IndexProgress;
pub(crate) use index::{Building, FreshDoc, blocking};
pub use log::LogHead;
pub(crate) use log::{log_signer, log_state, tile_path};

/// Numbers of followers in the table `follower`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Follower {
    Index = 1,
}
