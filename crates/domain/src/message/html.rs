//! Everpost's fixed rendering of HTML as plain text. Message identity (DerivedText)
//! depends on it, so a change is a new version of the part-hash set.

mod entities;

use entities::entity;

/// Plain text of `html`, rendering version 1.
///
/// The rendering, in words:
///
/// 1. Markup is cut as browsers cut it, without a tree: `<` and a letter, or `</` and a
///    letter, opens a tag that ends at the next `>` outside a quoted attribute value;
///    `<!--` a comment that ends at `-->` (or `--!>`, and `<!-->` and `<!--->` are whole
///    comments); `<!`, `<?` and `</` before anything else open a comment that ends at
///    `>`. Any other `<` is text. What has no end hides all that follows it.
/// 2. The content of `script`, `style` and `title` is skipped to their end tag, or to the
///    end of the text.
/// 3. Line breaks: the start and the end of `address article aside blockquote body br
///    caption center dd details dialog dir div dl dt fieldset figcaption figure footer
///    form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu nav ol
///    optgroup option p pre section select summary table tbody tfoot thead tr ul`, and
///    LF and CR inside `pre`. The start and the end of `td` and `th` is a blank. All
///    other tags vanish and divide nothing.
/// 4. Character references are decoded once, in text only: decimal and hexadecimal ones
///    (128 to 159 as windows-1252, impossible ones as U+FFFD), and the names of HTML 4's
///    Latin-1 set and its common symbols (`entities.rs`). The `;` may be missing after a
///    number and after a name of the Latin-1 set. What is not known stays as written.
/// 5. Runs of white space (Unicode, so no-break spaces too) are one space; lines lose the
///    white space at their ends; empty lines vanish. Lines are divided by LF, and none
///    follows the last.
///
/// Attributes are not rendered: no link targets, no alternative texts.
pub fn html_to_text(html: &str) -> String {
    let mut out = Lines::default();
    let mut pre = 0u32;
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (text, markup) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.text(text, pre > 0);
        if let Some(after) = markup.strip_prefix('&') {
            rest = match entity(after) {
                Some((decoded, tail)) => {
                    out.text(decoded.encode_utf8(&mut [0; 4]), false);
                    tail
                }
                None => {
                    out.text("&", false);
                    after
                }
            };
            continue;
        }
        let Markup { tag, end, tail } = cut(markup);
        rest = tail;
        let name = tag.to_ascii_lowercase();
        match name.as_str() {
            "<" => out.text("<", false),
            "script" | "style" | "title" if !end => rest = after_end_tag(rest, &name),
            "pre" => {
                pre = if end {
                    pre.saturating_sub(1)
                } else {
                    pre.saturating_add(1)
                };
                out.line();
            }
            "td" | "th" => out.blank = true,
            name if is_block(name) => out.line(),
            _ => {}
        }
    }
    out.text(rest, pre > 0);
    out.done
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "br"
            | "caption"
            | "center"
            | "dd"
            | "details"
            | "dialog"
            | "dir"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "head"
            | "header"
            | "hgroup"
            | "hr"
            | "html"
            | "legend"
            | "li"
            | "main"
            | "menu"
            | "nav"
            | "ol"
            | "optgroup"
            | "option"
            | "p"
            | "section"
            | "select"
            | "summary"
            | "table"
            | "tbody"
            | "tfoot"
            | "thead"
            | "tr"
            | "ul"
    )
}

/// The text so far: finished lines and the one that grows.
#[derive(Default)]
struct Lines {
    done: String,
    /// A line break is due before the next character.
    broke: bool,
    /// A blank is due before the next character.
    blank: bool,
}

impl Lines {
    fn line(&mut self) {
        self.broke = true;
    }

    /// Adds text; `pre` keeps its line breaks.
    fn text(&mut self, text: &str, pre: bool) {
        for c in text.chars() {
            if pre && matches!(c, '\n' | '\r') {
                self.broke = true;
            } else if c.is_whitespace() {
                self.blank = true;
            } else {
                if self.broke && !self.done.is_empty() {
                    self.done.push('\n');
                } else if self.blank && !self.done.is_empty() {
                    self.done.push(' ');
                }
                (self.broke, self.blank) = (false, false);
                self.done.push(c);
            }
        }
    }
}

/// A piece of markup: the tag's name (empty for comments, `<` for a `<` that is text),
/// whether it is an end tag, and what follows.
struct Markup<'a> {
    tag: &'a str,
    end: bool,
    tail: &'a str,
}

/// Cuts the markup that `at` (which begins with `<`) opens with.
fn cut(at: &str) -> Markup<'_> {
    let comment = |tail| Markup {
        tag: "",
        end: false,
        tail,
    };
    let after = at.strip_prefix('<').unwrap_or(at);
    if let Some(body) = after.strip_prefix("!--") {
        if let Some(tail) = body.strip_prefix('>').or_else(|| body.strip_prefix("->")) {
            return comment(tail);
        }
        return comment(comment_end(body));
    }
    let (end, name) = match after.strip_prefix('/') {
        Some(name) => (true, name),
        None => (false, after),
    };
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let stop = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>');
        let length = name.find(stop).unwrap_or(name.len());
        let (tag, attributes) = name.split_at_checked(length).unwrap_or((name, ""));
        return Markup {
            tag,
            end,
            tail: after_attributes(attributes),
        };
    }
    if end || after.starts_with(['!', '?']) {
        return comment(after.split_once('>').map_or("", |(_, tail)| tail));
    }
    Markup {
        tag: "<",
        end: false,
        tail: after,
    }
}

/// What follows a comment, whose body begins at `body`.
fn comment_end(body: &str) -> &str {
    let mut rest = body;
    while let Some((_, after)) = rest.split_once("--") {
        if let Some(tail) = after.strip_prefix('>').or_else(|| after.strip_prefix("!>")) {
            return tail;
        }
        // `--->`: the second hyphen may begin the end.
        rest = rest.get(rest.len() - after.len() - 1..).unwrap_or_default();
    }
    ""
}

/// What follows the `>` of a tag. Quotes count only where a value begins, as in browsers.
fn after_attributes(attributes: &str) -> &str {
    let mut rest = attributes;
    let mut value = false;
    while let Some((at, c)) = rest.char_indices().find(|&(_, c)| !c.is_whitespace()) {
        let after = rest.get(at + c.len_utf8()..).unwrap_or_default();
        rest = match c {
            '>' => return after,
            '=' => after,
            '"' | '\'' if value => after.split_once(c).map_or("", |(_, tail)| tail),
            _ => {
                let stop = |c: char| c.is_whitespace() || c == '>' || (c == '=' && !value);
                after
                    .find(stop)
                    .and_then(|end| after.get(end..))
                    .unwrap_or_default()
            }
        };
        value = c == '=';
    }
    ""
}

/// What follows the end tag of `name`.
fn after_end_tag<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("</") {
        rest = after;
        let found = after
            .get(..name.len())
            .is_some_and(|tag| tag.eq_ignore_ascii_case(name));
        let Some(tail) = after.get(name.len()..).filter(|_| found) else {
            continue;
        };
        if tail.starts_with(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')) {
            return after_attributes(tail);
        }
    }
    ""
}

#[cfg(test)]
mod tests;
