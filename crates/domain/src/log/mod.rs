//! The Merkle log: one append-only tree per (tenant, store) whose signed heads let anybody
//! who kept one prove what was captured, and that nothing was taken out since.
//!
//! The pieces, from the bottom: [`leaf_hash`] and [`node_hash`] (RFC 9162 §2.1.1);
//! [`Frontier`] and [`Tail`], with which a log grows; [`Tile`], the files it is kept in
//! (<https://c2sp.org/tlog-tiles>), and [`Audit`], which checks them all; [`ProofPlan`],
//! [`verify_inclusion`] and [`verify_consistency`], the proofs; [`Note`] and
//! [`Checkpoint`], its signed heads (<https://c2sp.org/signed-note>,
//! <https://c2sp.org/tlog-checkpoint>); [`Leaf`] and the records it commits to, and
//! [`LeafProof`], which shows one outside.

mod audit;
mod checkpoint;
mod fork;
mod hash;
mod leaf;
mod leaf_proof;
mod note;
mod proof;
mod record;
mod tail;
mod tile;
mod tile_set;
mod tree;
mod verify;

#[cfg(test)]
mod tests;

pub use audit::{Audit, AuditError, ProvenLeaves};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use fork::{ForkError, ForkNotice};
pub use hash::{empty_root, leaf_hash, node_hash};
pub use leaf::{EventKind, LEAF_BYTES, Leaf, SALT_BYTES};
pub use leaf_proof::{LeafProof, LeafProofError};
pub use note::{
    MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, NoteSignature, Signer, VerifierKey,
};
pub use proof::{Hashes, Missing, Node, OutOfRange, ProofPlan};
pub use record::{ActionRecord, CaptureRecord, Record};
pub use tail::{FullTile, Tail};
pub use tile::{NotATile, TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, Tile, WrongLength};
pub use tile_set::TileSet;
pub use tree::{Frontier, MAX_SIZE};
pub use verify::{ProofError, verify_consistency, verify_inclusion};
