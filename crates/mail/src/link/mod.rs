//! What agents ask of the service, on the side that has the archive: mail handed over, the standby mailbox looked at and
//! changed, what is known of uncertain mail. How questions come in is `service::link`'s matter; `docs/link.md` has all of it.

mod deed;
mod evidence;
mod hand;
mod look;
#[cfg(test)]
mod tests;

pub use deed::apply;
pub(crate) use deed::put;
pub use evidence::evidence;
pub use hand::{HandedBy, hand_over};
pub use look::{Looked, look};
