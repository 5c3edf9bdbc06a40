//! Real mail for tests.
