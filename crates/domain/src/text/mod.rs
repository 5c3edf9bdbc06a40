//! Text becomes terms.
