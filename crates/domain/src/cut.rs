//! How a message is cut into single-instance parts and a skeleton, and put together again.
