//! Windows code pages by the charset names that mail uses: Microsoft's formats name the
//! encoding of their 8-bit text by a number.

use std::borrow::Cow;

/// The charset that the code page is; `None` for one that is not known, or for 0, which says
/// nothing.
pub fn charset(codepage: u32) -> Option<Cow<'static, str>> {
    let name = match codepage {
        850 => "cp850",
        866 => "ibm866",
        874 => "windows-874",
        932 | 943 => "shift_jis",
        936 => "gbk",
        949 | 51949 => "euc-kr",
        950 => "big5",
        1200 => "utf-16le",
        1201 => "utf-16be",
        1250..=1258 => return Some(Cow::Owned(format!("windows-{codepage}"))),
        10000 => "macintosh",
        10007 => "x-mac-cyrillic",
        20127 => "us-ascii",
        20866 => "koi8-r",
        20932 | 51932 => "euc-jp",
        21866 => "koi8-u",
        28591..=28606 => return Some(Cow::Owned(format!("iso-8859-{}", codepage - 28590))),
        38598 => "iso-8859-8-i",
        50220..=50222 => "iso-2022-jp",
        50225 => "iso-2022-kr",
        52936 => "hz-gb-2312",
        54936 => "gb18030",
        65000 => "utf-7",
        65001 => "utf-8",
        _ => return None,
    };
    Some(Cow::Borrowed(name))
}

#[cfg(test)]
mod tests {
    use super::charset;
    use everpost_domain::message::text_of_bytes;

    #[test]
    fn names_mean_what_they_say() {
        for (page, bytes, text) in [
            (1251, b"\xcf\xf0\xe8\xe2\xe5\xf2".as_slice(), "Привет"),
            (932, b"\x93\x8c\x8b\x9e", "東京"),
            (1252, b"caf\xe9 \x80", "café €"),
            (28592, b"\xa3\xf3d\xbc", "Łódź"),
            (866, b"\x8f\xe0\xa8\xa2\xa5\xe2", "Привет"),
            (1200, b"A\0\xe9\0", "Aé"),
            (850, b"\x81", "ü"),
        ] {
            assert_eq!(
                text_of_bytes(bytes, charset(page).as_deref()),
                text,
                "{page}"
            );
        }
        assert_eq!(charset(0), None);
        assert_eq!(charset(4711), None);
    }
}
