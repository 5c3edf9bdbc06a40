//! The fixed rendering of HTML.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]
use super::*;
use proptest::prelude::*;

#[test]
fn renders() {
    let table = [
        ("", ""),
        ("hello", "hello"),
        ("  a \t\r\n b  ", "a b"),
        ("a&nbsp;&nbsp; b", "a b"),
        ("<p>a</p><p>b</p>", "a\nb"),
        ("<p>a</p>\n\n<br><br>\n<p>b", "a\nb"),
        ("a<br/>b<BR>c", "a\nb\nc"),
        ("a<b>b</b>c <i>d</i>", "abc d"),
        (
            "<table><tr><td>a</td><td>b</td></tr><tr><th>c<td>d</table>",
            "a b\nc d",
        ),
        ("<ul><li>a<li>b</ul>c", "a\nb\nc"),
        (
            "<html><head><title>t</title><style>p{}</style></head><body>b</body></html>",
            "b",
        ),
        ("<SCRIPT>if (a</b) </scriptx> </Script >x", "x"),
        ("<style>a", ""),
        ("<head>kept", "kept"),
        ("a<!-- x > y -->b", "ab"),
        ("a<!-->b<!--->c<!-- --!>d<!-- --->e", "abcde"),
        ("a<!-- unclosed", "a"),
        (
            "<!--[if mso]><p>x</p><![endif]-->a<![if !mso]>b<![endif]>",
            "ab",
        ),
        (
            "<!DOCTYPE html PUBLIC \"-//W3C\"><?xml version=\"1\"?>a</ >b</3>c",
            "abc",
        ),
        ("a < b <3 c<", "a < b <3 c<"),
        ("<a href=\"x>y\" title='a>b' c=d>e</a>f", "ef"),
        ("<a href=x\"y>z</a>", "z"),
        ("<a \"=b>c", "c"),
        ("<a href=\"unclosed>text", ""),
        ("<p", ""),
        ("<pre>a\n  b\r\nc</pre>d\ne", "a\nb\nc\nd e"),
        ("&lt;b&gt; &amp;amp; &quot;&apos;", "<b> &amp; \"'"),
        ("&eacute;&eacute &euro; &euro x", "éé € &euro x"),
        (
            "&#233;&#xE9;&#xe9 &#128; &#0; &#xD800; &#99999999999;",
            "ééé € \u{fffd} \u{fffd} \u{fffd}",
        ),
        ("&unknown; & &; &# &#x &#;", "&unknown; & &; &# &#x &#;"),
        ("R&D AT&T &copyright", "R&D AT&T &copyright"),
        ("&#60;b&#62;", "<b>"),
        ("<div>日本<span>語</span></div>", "日本語"),
        ("<option>a<option>b", "a\nb"),
    ];
    for (html, text) in table {
        assert_eq!(html_to_text(html), text, "{html}");
    }
}

/// Each would take hours if any step looked back or ahead more than once.
#[test]
fn hostile_input_stays_linear() {
    for piece in [
        "<",
        "<a ",
        "<!--",
        "<!-- --",
        "-",
        "</",
        "<a '",
        "<a \"",
        "<a b='",
        "&",
        "&#",
        "&#1",
        "&a",
        "<?",
        "<p>",
        "<script>",
        "</script",
        "<title></titl",
        "<pre>",
        "<a =",
        "\u{a0}",
    ] {
        html_to_text(&piece.repeat((2 << 20) / piece.len()));
        html_to_text(&format!("<title>{}", piece.repeat((1 << 20) / piece.len())));
        html_to_text(&format!("<!--{}", piece.repeat((1 << 20) / piece.len())));
    }
    let attribute = format!("<a b=\"{}\">x", "y".repeat(1 << 20));
    assert_eq!(html_to_text(&attribute), "x");
}

proptest! {
    #[test]
    fn any_text_renders_to_trimmed_lines(html in "([<>/!&;#='\" a-z\\n-]|<p>|</td>|<script|</script>|<!--|-->|&amp;|\\PC){0,80}") {
        let text = html_to_text(&html);
        prop_assert!(text.lines().all(|line| !line.is_empty() && line.trim() == line));
        prop_assert!(!text.ends_with('\n') && !text.contains("  "));
    }
}
