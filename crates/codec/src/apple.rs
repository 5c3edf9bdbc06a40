//! Apple Mail: mailbox packages and `.emlx` files.

use memchr::memmem;

/// The folder that a directory `NAME.mbox` stands for, if its entries show that it is an
/// Apple package: the messages in one file `mbox` (Mail's export, beside an optional
/// `table_of_contents`), or as `.emlx` below `Messages` or a directory named by a UUID.
pub fn package_folder<'a>(
    dir: &'a str,
    entries: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folder = dir
        .strip_suffix(".mbox")
        .filter(|folder| !folder.is_empty())?;
    let telling = |entry: &str| {
        entry == "mbox" || entry == "Messages" || entry == "Info.plist" || is_uuid(entry)
    };
    entries.into_iter().any(telling).then_some(folder)
}

fn is_uuid(name: &str) -> bool {
    name.len() == 36
        && name.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether an `.emlx` file lacks its attachments, which Apple Mail then keeps in files of
/// their own: the message is not the one that arrived.
pub fn is_partial(file_name: &str) -> bool {
    file_name.ends_with(".partial.emlx")
}

/// The content of an `.emlx` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emlx<'a> {
    /// The message.
    pub message: &'a [u8],
    /// Apple's flag bits, if the property list behind the message has them.
    pub flags: Option<u64>,
    /// When the message arrived, in seconds since 1970 UTC, likewise.
    pub received: Option<i64>,
}

impl Emlx<'_> {
    /// Read.
    pub fn seen(&self) -> bool {
        self.bit(0)
    }

    /// Deleted.
    pub fn deleted(&self) -> bool {
        self.bit(1)
    }

    /// Answered.
    pub fn answered(&self) -> bool {
        self.bit(2)
    }

    /// Flagged.
    pub fn flagged(&self) -> bool {
        self.bit(4)
    }

    /// Draft.
    pub fn draft(&self) -> bool {
        self.bit(6)
    }

    /// Forwarded.
    pub fn forwarded(&self) -> bool {
        self.bit(8)
    }

    fn bit(&self, bit: u32) -> bool {
        self.flags.unwrap_or(0) >> bit & 1 == 1
    }
}

/// Reads an `.emlx` file: a line with the message's size, the message, a property list.
/// `None` if it is none, or is shorter than it says.
pub fn emlx(file: &[u8]) -> Option<Emlx<'_>> {
    // The count is padded with blanks, to ten characters as a rule.
    let line_end = memchr::memchr(b'\n', file.get(..40).unwrap_or(file))?;
    let (count, rest) = file.split_at_checked(line_end)?;
    let count: usize = std::str::from_utf8(count.trim_ascii()).ok()?.parse().ok()?;
    let (message, plist) = rest.get(1..)?.split_at_checked(count)?;
    Some(Emlx {
        message,
        flags: number(plist, b"flags").and_then(|flags| u64::try_from(flags).ok()),
        received: number(plist, b"date-received"),
    })
}

/// `<key>KEY</key><integer>N</integer>` of a property list; a `<real>` is cut to seconds.
fn number(plist: &[u8], key: &[u8]) -> Option<i64> {
    let tag = [b"<key>", key, b"</key>"].concat();
    let at = memmem::find(plist, &tag)? + tag.len();
    let value = plist.get(at..)?.trim_ascii_start();
    let value = value
        .strip_prefix(b"<integer>")
        .or_else(|| value.strip_prefix(b"<real>"))?;
    let digits = value
        .iter()
        .take(19)
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
        .count();
    std::str::from_utf8(value.get(..digits)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn packages() {
        assert_eq!(
            package_folder("Sent.mbox", ["table_of_contents", "mbox"]),
            Some("Sent")
        );
        assert_eq!(
            package_folder("A.b.mbox", ["0F3AE2C1-5D5B-4B2A-9C55-0123456789ab"]),
            Some("A.b")
        );
        assert_eq!(package_folder("Sent.mbox", ["cur", "new"]), None);
        assert_eq!(package_folder("Sent", ["mbox"]), None);
        assert_eq!(package_folder(".mbox", ["mbox"]), None);
        assert!(is_partial("12.partial.emlx") && !is_partial("12.emlx"));
    }

    #[test]
    fn emlx_files() {
        let plist = b"<?xml version=\"1.0\"?><plist><dict>\n\t<key>date-received</key>\n\t<integer>1700000000</integer>\n\t<key>flags</key>\n\t<integer>8589934613</integer></dict></plist>";
        let file = [b"12        \nA: b\n\nhello\n".as_slice(), plist].concat();
        let read = emlx(&file).unwrap();
        assert_eq!(
            (read.message, read.received),
            (b"A: b\n\nhello\n".as_slice(), Some(1_700_000_000))
        );
        assert!(read.seen() && read.answered() && read.flagged());
        assert!(!read.deleted() && !read.draft() && !read.forwarded());
        assert_eq!(emlx(b"5\nA: b\n").unwrap().flags, None);
        for broken in [
            b"".as_slice(),
            b"7\nA: b\n",
            b"-1\nA: b\n",
            b"A: b\n",
            b"5",
            b"\nA: b\n",
        ] {
            assert_eq!(emlx(broken), None);
        }
    }
}
