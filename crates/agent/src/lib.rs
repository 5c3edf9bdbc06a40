//! The agent beside a user's mail program. What it decides is `everpost_domain::continuity`'s; here is how it speaks with the
//! service.

pub mod link;
