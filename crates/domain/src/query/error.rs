//! What is wrong with a query, and where.

/// A query that cannot be read. Offsets are in characters, as a person counts them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} (character {})", at + 1)]
pub struct QueryError {
    /// First character at fault.
    pub at: usize,
    /// Characters at fault; 0 at the end of the text.
    pub len: usize,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl QueryError {
    /// The error as a person sees it at a terminal: the line of `source` with a mark under
    /// the fault, then what and how to help it.
    pub fn pretty(&self, source: &str) -> String {
        /// Characters shown on each side: a query of 16 KiB is no line to print.
        const AROUND: usize = 60;
        let skip = self.at.saturating_sub(AROUND);
        let marks = self.len.clamp(1, AROUND);
        let mut line: String = if skip > 0 {
            "…".into()
        } else {
            String::new()
        };
        let mut under: String = if skip > 0 { " ".into() } else { String::new() };
        let mut more = false;
        for (index, c) in source.chars().enumerate().skip(skip) {
            if index >= self.at + marks + AROUND {
                more = true;
                break;
            }
            let shown = if c.is_control() || c.is_whitespace() {
                ' '
            } else {
                c
            };
            line.push(shown);
            if index < self.at {
                // Wide characters take two columns in a terminal, and so must their blank.
                under.push_str(if crate::text::is_unspaced(c) {
                    "  "
                } else {
                    " "
                });
            }
        }
        if more {
            line.push('…');
        }
        under.extend(std::iter::repeat_n('^', marks));
        let mut out = format!("{}\n{under}\n{}", line.trim_end(), self.what);
        if let Some(hint) = &self.hint {
            out.push_str("\nhint: ");
            out.push_str(hint);
        }
        out
    }
}

/// An error with its place in bytes, as the parser meets it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(span: (usize, usize), what: impl Into<String>) -> Self {
        Fault {
            start: span.0,
            end: span.1,
            what: what.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn locate(self, source: &str) -> QueryError {
        let at = source
            .get(..self.start)
            .map_or(0, |before| before.chars().count());
        let len = source
            .get(self.start..self.end)
            .map_or(0, |part| part.chars().count());
        QueryError {
            at,
            len,
            what: self.what,
            hint: self.hint,
        }
    }
}
