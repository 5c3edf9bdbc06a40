//! Maildir: what the names of its files and folders say.

mod folder;
mod mutf7;
mod name;

pub use folder::{dir_of_folder, folder_of_dir, folder_segment};
pub use mutf7::{mutf7_decode, mutf7_encode};
pub use name::{Flag, Flags, Name, keywords};

/// Whether a directory with these entries is a Maildir: `cur`, and `new` or `tmp` (git and
/// some backup tools drop empty directories).
pub fn is_maildir<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let (mut cur, mut other) = (false, false);
    for entry in entries {
        cur |= entry == b"cur";
        other |= entry == b"new" || entry == b"tmp";
    }
    cur && other
}

#[cfg(test)]
mod tests;
