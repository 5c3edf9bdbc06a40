//! Macros: what the MTA knows beside the commands, such as the queue id and who signed in.

use super::command;
use std::collections::BTreeMap;

/// Most macros of one stage. MTAs send some ten; a frame could hold half a million.
const MACROS: usize = 200;

/// The command before which macros were sent, in the order of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A client connected.
    Connect,
    /// It said HELO or EHLO.
    Helo,
    /// MAIL FROM.
    Mail,
    /// RCPT TO, the latest.
    Recipient,
    /// DATA.
    Data,
    /// A header field, the latest.
    Header,
    /// The end of the header.
    EndOfHeader,
    /// A piece of the body, the latest.
    Body,
    /// The end of the message.
    End,
}

impl Stage {
    /// Of a command byte; none for commands that have no stage.
    fn of(command: u8) -> Option<Stage> {
        Some(match command {
            command::CONNECT => Stage::Connect,
            command::HELO => Stage::Helo,
            command::MAIL => Stage::Mail,
            command::RECIPIENT => Stage::Recipient,
            command::DATA => Stage::Data,
            command::HEADER => Stage::Header,
            command::END_OF_HEADER => Stage::EndOfHeader,
            command::BODY => Stage::Body,
            command::END => Stage::End,
            _ => return None,
        })
    }
}

/// Names without braces, and values.
type List = Vec<(Vec<u8>, Vec<u8>)>;

/// The macros in force, by the stage that brought them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Macros(BTreeMap<Stage, List>);

impl Macros {
    /// The value of a macro, named without braces (`i`, `auth_authen`, `client_addr`): the one of the
    /// latest stage that has it. An empty value is none.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut lists = self.0.values().rev();
        let value = lists.find_map(|list| {
            let found = list.iter().find(|(other, _)| other == name.as_bytes());
            found.map(|(_, value)| value.as_slice())
        });
        value.filter(|value| !value.is_empty())
    }

    /// The same as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The MTA's queue id (`i`). Postfix has none before the first recipient was accepted.
    pub fn queue_id(&self) -> Option<String> {
        self.text("i")
    }

    /// Who signed in (`auth_authen`), if the client did.
    pub fn authenticated(&self) -> Option<String> {
        self.text("auth_authen")
    }

    /// All of them: stage, name without braces, value.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, &[u8], &[u8])> {
        self.0.iter().flat_map(|(stage, list)| {
            list.iter()
                .map(|(name, value)| (*stage, name.as_slice(), value.as_slice()))
        })
    }

    /// Takes the data of a MACRO command: the command that they belong to, then names and values.
    /// `None` where they cannot be read.
    pub(super) fn take(&mut self, data: &[u8]) -> Option<()> {
        let (&command, data) = data.split_first()?;
        let mut list = List::new();
        let mut strings = super::frame::strings(data)?;
        while list.len() < MACROS
            && let Some(name) = strings.next()
        {
            // Sendmail leaves the value of the last one out if it is empty.
            let value = strings.next().unwrap_or_default();
            let bare = name.strip_prefix(b"{").and_then(|n| n.strip_suffix(b"}"));
            list.push((bare.unwrap_or(name).to_vec(), value.to_vec()));
        }
        if let Some(stage) = Stage::of(command) {
            self.0.insert(stage, list);
        }
        Some(())
    }

    /// Forgets the stages from `first` on.
    pub(super) fn forget(&mut self, first: Stage) {
        self.0.split_off(&first);
    }
}
