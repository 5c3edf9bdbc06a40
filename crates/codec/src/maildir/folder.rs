//! Folders of Maildirs: Maildir++ (`.Sent.2024` beside `cur`) and nested directories.

use super::{mutf7_decode, mutf7_encode};
use crate::segment;

/// The folder a Maildir++ directory holds: `.Sent.2024` is `["Sent", "2024"]`. The root,
/// named by the empty string, is the inbox: the empty path. Names are modified UTF-7, and
/// what is not valid as such is taken as it stands. `None` for names without the dot: no
/// folder of Maildir++.
pub fn folder_of_dir(dir: &[u8]) -> Option<Vec<String>> {
    if dir.is_empty() {
        return Some(Vec::new());
    }
    let names = dir
        .strip_prefix(b".")
        .filter(|names| !names.is_empty() && *names != b".")?;
    Some(
        names
            .split(|&byte| byte == b'.')
            .map(folder_segment)
            .collect(),
    )
}

/// The Maildir++ directory for a folder, as export writes it: what a name may not hold
/// (`.` and `/` among it) is written as [`segment::encode`] does, then in modified UTF-7.
/// A name too long for file systems is cut and told apart by a digest. The manifest keeps
/// the true name.
pub fn dir_of_folder(path: &[impl AsRef<str>]) -> String {
    let mut dir = String::new();
    for name in path {
        dir.push('.');
        dir.push_str(&mutf7_encode(&segment::escape(name.as_ref())));
    }
    segment::shorten(dir)
}

/// One directory's name in a tree of Maildirs (Dovecot's `LAYOUT=fs`, KMail, mutt), or
/// one part of a Maildir++ name: modified UTF-7 if it is valid, else as it stands.
pub fn folder_segment(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    mutf7_decode(&text).unwrap_or_else(|| text.into_owned())
}
