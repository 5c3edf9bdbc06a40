//! Maildir names, flags and folders.
