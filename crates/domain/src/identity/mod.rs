//! When are two messages the same (mission: message matching)?
