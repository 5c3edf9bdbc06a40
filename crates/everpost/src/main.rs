//! The everpost program.
fn main() {}
