//! Where an export puts a message: paths that any file system takes and that tell mailbox
//! and folder again.

use everpost_codec::maildir::{Name, dir_of_folder};
use everpost_codec::segment;
use everpost_domain::message::civil;

use super::Format;
use crate::flags;

/// A folder's path above this is written as one cut name: with the export's own directory
/// in front, systems refuse paths of 4096 bytes.
const LONGEST: usize = 2048;

/// What an export calls the inbox, as imports do.
pub(super) const INBOX: &str = "INBOX";

/// The directory of a folder's messages, or its mbox file, below the export's directory.
pub(super) fn folder_path(format: Format, mailbox: &str, folder: &str) -> String {
    let mailbox = segment::encode(mailbox);
    let levels: Vec<&str> = folder.split('/').collect();
    let below = match format {
        Format::Maildir if folder == INBOX => return mailbox,
        Format::Maildir => dir_of_folder(&levels),
        Format::Eml => tree(folder, &levels),
        Format::Mbox => format!("{}.mbox", tree(folder, &levels)),
    };
    format!("{mailbox}/{below}")
}

fn tree(folder: &str, levels: &[&str]) -> String {
    let path = levels
        .iter()
        .map(|level| segment::encode(level))
        .collect::<Vec<_>>()
        .join("/");
    if path.len() > LONGEST {
        segment::encode(folder)
    } else {
        path
    }
}

/// What a message's file is named by.
pub(super) struct Naming<'a> {
    /// The copy's id in hexadecimal digits.
    pub(super) id: &'a str,
    /// Which one of the copy's places in this folder it is, from 0.
    pub(super) nth: usize,
    /// Seconds since 1970.
    pub(super) delivered: i64,
    pub(super) size: u64,
    pub(super) flags: u32,
    /// Letters of the folder's keywords.
    pub(super) keywords: &'a [u8],
}

impl Naming<'_> {
    /// The name below the folder's directory. `long` if another copy has the short one.
    pub(super) fn file(&self, format: Format, long: bool) -> String {
        let digits = |short: usize| {
            self.id
                .get(..if long { 64 } else { short })
                .unwrap_or(self.id)
        };
        let again = if self.nth > 0 {
            format!("-{}", self.nth + 1)
        } else {
            String::new()
        };
        match format {
            Format::Maildir => {
                let mut flags = flags::of_bits(self.flags);
                self.keywords
                    .iter()
                    .for_each(|letter| flags.set_keyword(*letter));
                let unique = format!("{}{again}.everpost,S={}", digits(20), self.size);
                let name = Name::new(self.delivered, unique.as_bytes(), flags).file_name();
                format!("cur/{}", String::from_utf8_lossy(&name))
            }
            Format::Eml | Format::Mbox => {
                let (year, month, day, ..) = civil(self.delivered);
                format!("{year:04}-{month:02}-{day:02}-{}{again}.eml", digits(12))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_folder_is_a_path() {
        let cases = [
            (Format::Eml, "Sent/2024", "a@b%2Ec/Sent/2024"),
            (Format::Eml, "../x", "a@b%2Ec/%2E%2E/x"),
            (Format::Mbox, "Sent/a.b", "a@b%2Ec/Sent/a%2Eb.mbox"),
            (Format::Maildir, "INBOX", "a@b%2Ec"),
            (
                Format::Maildir,
                "Entwürfe/a.b",
                "a@b%2Ec/.Entw&APw-rfe.a%2Eb",
            ),
            (Format::Eml, "", "a@b%2Ec/%"),
        ];
        for (format, folder, path) in cases {
            assert_eq!(folder_path(format, "a@b.c", folder), path);
        }
        let deep = vec!["level"; 2000].join("/");
        for format in [Format::Eml, Format::Mbox, Format::Maildir] {
            assert!(folder_path(format, "a@b.c", &deep).len() < 300);
        }
    }
}
