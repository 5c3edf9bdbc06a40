//! HTML mail made safe to show: no script, nothing fetched from anywhere, pictures that
//! travelled with the message put in their place.
//!
//! It is shown in a frame without rights under a policy that allows no loads at all; what is
//! done here is the first of two walls, not the only one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use ammonia::{Builder, UrlRelative};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use everpost_domain::message::{Kind, Structure, decode, text_of};

/// Bytes of HTML that are looked at: the parser needs many times as much memory.
const LONGEST: usize = 4 << 20;
/// Bytes of pictures put into one page.
const PICTURES: usize = 16 << 20;
/// Types of pictures that a browser draws and that cannot hold script.
const DRAWN: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/bmp",
];
/// Properties of `style` that place and colour text. None of them takes an address.
const STYLES: [&str; 42] = [
    "background-color",
    "border",
    "border-bottom",
    "border-collapse",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-spacing",
    "border-style",
    "border-top",
    "border-width",
    "color",
    "direction",
    "display",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-width",
    "min-width",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "text-align",
    "text-decoration",
    "text-indent",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
];

/// The HTML body of a message: its part's index.
pub(crate) fn body(structure: &Structure) -> Option<usize> {
    structure.parts.iter().position(|part| {
        part.kind == Kind::Leaf && part.content_type == "text/html" && !part.attachment
    })
}

/// A page that shows part `index`, safe to serve under [`POLICY`].
pub(crate) fn page(raw: &[u8], structure: &Structure, index: usize) -> String {
    let mut html = text_of(raw, structure, index);
    html.truncate(html.floor_char_boundary(LONGEST));
    let pictures = pictures(raw, structure);
    let clean = sanitise(&html, pictures);
    format!("<!doctype html><html><head><meta charset=\"utf-8\"></head><body>{clean}</body></html>")
}

/// The policy of such a page: it may draw pictures that it holds, and nothing else.
pub(crate) const POLICY: &str =
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'";

/// Pictures of the message by Content-ID, as `data:` addresses.
fn pictures(raw: &[u8], structure: &Structure) -> HashMap<String, String> {
    let mut left = PICTURES;
    let mut found = HashMap::new();
    for part in &structure.parts {
        let Some(id) = &part.content_id else { continue };
        if !DRAWN.contains(&part.content_type.as_str()) || part.body.len() > left {
            continue;
        }
        left -= part.body.len();
        let data = STANDARD.encode(decode(raw, part));
        found.insert(
            id.clone(),
            format!("data:{};base64,{data}", part.content_type),
        );
    }
    found
}

fn sanitise(html: &str, pictures: HashMap<String, String>) -> String {
    let mut builder = Builder::default();
    builder
        .add_tags(["center", "font"])
        .rm_tags(["area", "map"])
        .add_generic_attributes(["align", "bgcolor", "color", "dir", "style", "valign"])
        .add_tag_attributes("font", ["face", "size"])
        .add_tag_attributes("table", ["border", "cellpadding", "cellspacing", "width"])
        .add_tag_attributes("td", ["height", "nowrap", "width"])
        .add_tag_attributes("th", ["height", "nowrap", "width"])
        .filter_style_properties(HashSet::from(STYLES))
        .url_schemes(HashSet::from(["http", "https", "mailto", "cid"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"))
        .attribute_filter(move |tag, name, value| match (tag, name) {
            ("img", "src") => {
                let id = value.strip_prefix("cid:")?;
                pictures.get(id).map(|data| Cow::Owned(data.clone()))
            }
            (_, "src" | "cite" | "background") => None,
            (_, "href") if value.starts_with("cid:") => None,
            // No property above takes one; an escape that makes one of it is dropped as well.
            (_, "style") if value.contains(['(', '\\', '@']) => None,
            _ => Some(Cow::Borrowed(value)),
        });
    builder.clean(html).to_string()
}

#[cfg(test)]
mod tests {
    use everpost_domain::message::scan;

    use super::*;

    fn show(html: &str) -> String {
        let mail = format!(
            "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n\
             --b\r\nContent-Type: image/png\r\nContent-ID: <pic@x>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n\
             --b\r\nContent-Type: image/svg+xml\r\nContent-ID: <svg@x>\r\n\r\n<svg onload='a()'/>\r\n--b--\r\n"
        );
        let structure = scan(mail.as_bytes());
        let index = body(&structure).unwrap_or_default();
        page(mail.as_bytes(), &structure, index)
    }

    #[test]
    fn nothing_runs_and_nothing_is_fetched() {
        for hostile in [
            "<script>steal()</script>",
            "<img src=http://track.example/1.gif>",
            "<img src='//track.example/1.gif'>",
            "<img srcset='http://track.example/1.gif 2x'>",
            "<img src=x onerror=steal()>",
            "<body background=http://track.example/b.gif>",
            "<table background=http://track.example/b.gif><tr><td>",
            "<div style='background:url(http://track.example/b.gif)'>x</div>",
            "<div style='background-color:u\\72l(http://track.example/b.gif)'>x</div>",
            "<style>@import url(http://track.example/c.css)</style>",
            "<link rel=stylesheet href=http://track.example/c.css>",
            "<iframe src=http://track.example/></iframe>",
            "<a href='javascript:steal()'>x</a>",
            "<a href='data:text/html,<script>steal()</script>'>x</a>",
            "<form action=http://track.example/><input name=a></form>",
            "<video src=http://track.example/v></video>",
            "<blockquote cite=http://track.example/q>x</blockquote>",
            "<meta http-equiv=refresh content='0;url=http://track.example/'>",
            "<base href=http://track.example/>",
            "<svg><script>steal()</script><image href=http://track.example/i /></svg>",
            "<math><mtext><img src=http://track.example/m></mtext></math>",
            "<img src=cid:svg@x>",
        ] {
            let shown = show(hostile);
            for bad in ["steal", "track.example", "onerror", "onload", "svg"] {
                assert!(!shown.contains(bad), "{hostile} gave {shown}");
            }
        }
    }

    #[test]
    fn what_people_wrote_stays() {
        let shown = show(
            "<p style='color: red; position: fixed'>Dear <b>Ann</b></p><img src='cid:pic@x' alt='A'>\
             <a href='https://example.org/a?b=1'>here</a>",
        );
        assert!(shown.contains("<b>Ann</b>"), "{shown}");
        assert!(shown.contains("data:image/png;base64,iVBORw=="), "{shown}");
        assert!(shown.contains("https://example.org/a?b=1"), "{shown}");
        assert!(
            shown.contains("color:red") || shown.contains("color: red"),
            "{shown}"
        );
        assert!(!shown.contains("position"), "{shown}");
    }
}
