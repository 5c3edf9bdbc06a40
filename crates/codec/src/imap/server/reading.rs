//! From the client's bytes to commands and lines.

use super::gather::{Announced, Found};
use super::session::{Session, Step};
use super::{Closed, Event};
use crate::imap::limits;
use crate::imap::parse::{Refused, opening};

impl Session {
    /// Takes what the client sends up to the end of a command or to a literal.
    pub(super) fn gathered<'b>(&mut self, input: &mut &'b [u8]) -> Step<Event<'b>> {
        let most = self.most();
        let Some(found) = self.gather.next(input, most) else {
            return Step::Wait;
        };
        if self.refusal.is_none()
            && let Some(held) = self.gather.too_long()
        {
            // An APPEND's tag was read before.
            let known = self.append.as_ref().map(|append| append.tag.clone());
            let tag = known.or_else(|| opening(held).0);
            self.refusal = Some(Refused {
                tag: tag.filter(|tag| tag.len() < limits::TAG_KEPT),
                bad: true,
                code: None,
                text: "command too long".to_owned(),
            });
        }
        match found {
            Found::Endless => {
                self.bye("command without end", Closed::Endless);
                Step::On
            }
            Found::Literal(announced) => self.announced(announced),
            Found::Line => {
                let line = self.gather.take();
                match (self.refusal.take(), self.append.take()) {
                    (Some(refusal), append) => self.refuse(&refusal, append.is_some()),
                    (None, Some(append)) => self.append_ends(append, &line),
                    (None, None) => self.command(&line, !input.is_empty()),
                }
            }
        }
    }

    /// Reads a line that is no command and has no literals: an answer to a challenge, or DONE. `None` in it: it was longer than
    /// `most`, or announced a literal. That comes or not, as if it belonged to a command: a program that is out of step must not
    /// have its mail read as commands.
    pub(super) fn bare_line(&mut self, input: &mut &[u8], most: usize) -> Step<Option<Vec<u8>>> {
        let Some(found) = self.gather.next(input, most) else {
            return Step::Wait;
        };
        match found {
            Found::Endless => {
                self.bye("line without end", Closed::Endless);
                Step::On
            }
            Found::Literal(Announced {
                waits: false, size, ..
            }) => {
                self.gather.pass();
                self.skip(size);
                Step::On
            }
            Found::Literal(_) => {
                self.gather.take();
                Step::Give(None)
            }
            Found::Line => {
                let whole = !self.gather.is_passing();
                let line = self.gather.take();
                Step::Give(whole.then_some(line))
            }
        }
    }

    /// Passes over a literal that nobody wants and that comes without waiting.
    pub(super) fn skip(&mut self, size: Option<u64>) {
        // Strangers have nothing to say that is long.
        let most = match self.authenticated {
            true => self.config.max_passed_over.max(self.config.max_message),
            false => limits::PASSED_OVER,
        };
        let room = most.saturating_sub(self.gather.skipped());
        match size.filter(|size| *size <= room) {
            Some(size) => self.gather.literal(size),
            None => self.bye("literal without end", Closed::Endless),
        }
    }

    /// Octets of a command that are kept here.
    pub(super) fn most(&self) -> usize {
        match self.authenticated {
            true => self.config.max_command,
            false => self.config.max_command_before_login,
        }
    }
}
