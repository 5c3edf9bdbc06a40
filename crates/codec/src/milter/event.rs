//! What an MTA tells, and how its data are read.

use super::frame::strings;
use super::{Macros, command};
use std::net::IpAddr;

/// Who connected to the MTA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Not known.
    Unknown,
    /// A local program, by the path of its socket.
    Unix(Vec<u8>),
    /// A client on the network.
    Inet {
        /// Its address.
        address: IpAddr,
        /// Its port; 0 if the MTA does not know.
        port: u16,
    },
}

/// One step of an SMTP session. Bytes are as the client sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client connected to the MTA.
    Connect {
        /// Its name as the MTA looked it up, or its address in brackets.
        host: Vec<u8>,
        /// Its address.
        peer: Peer,
    },
    /// HELO or EHLO, with the client's word for itself.
    Helo(Vec<u8>),
    /// A transaction begins.
    Mail {
        /// The reverse path without angle brackets; empty for the null path.
        path: Vec<u8>,
        /// ESMTP parameters (`SIZE=1000`, `BODY=8BITMIME`, `RET=HDRS`).
        parameters: Vec<Vec<u8>>,
    },
    /// A recipient that the MTA will take; Bcc is among them.
    Recipient {
        /// The forward path without angle brackets.
        path: Vec<u8>,
        /// ESMTP parameters (`NOTIFY=NEVER`, `ORCPT=…`).
        parameters: Vec<Vec<u8>>,
    },
    /// The client begins to send the message.
    Data,
    /// A header field.
    Header {
        /// Its name.
        name: Vec<u8>,
        /// All that stands after the colon, folded as it was, lines divided by CRLF and without the last
        /// line's end.
        value: Vec<u8>,
    },
    /// The header is complete. Comes once in each message, before any of its body.
    EndOfHeader,
    /// The next bytes of the body, at most [`BODY_CHUNK`](super::BODY_CHUNK).
    Body(Vec<u8>),
    /// The message is complete, and the MTA waits before it takes it.
    End {
        /// The MTA's queue id.
        queue_id: Option<String>,
        /// All macros in force.
        macros: Macros,
    },
    /// The transaction that was begun ends without a message: forget what was told since `Mail`.
    Abort,
    /// The client is gone, and the MTA will tell of another one over this connection.
    Disconnect,
    /// The MTA has no more to say. The connection is to be closed.
    Quit,
}

impl Event {
    /// True if the session waits for [`Session::answer`](super::Session::answer) after this event.
    pub fn awaits_answer(&self) -> bool {
        self.decided().is_some()
    }

    /// The command that is decided by answering this event.
    pub(super) fn decided(&self) -> Option<u8> {
        match self {
            Event::Connect { .. } => Some(command::CONNECT),
            Event::Mail { .. } => Some(command::MAIL),
            Event::Recipient { .. } => Some(command::RECIPIENT),
            Event::End { .. } => Some(command::END),
            _ => None,
        }
    }

    /// Appends what this event brings of the message's bytes: a header field, the empty line after the
    /// header, or a piece of the body. What the module's page says of exactness holds.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Event::Header { name, value } => {
                out.extend_from_slice(name);
                out.push(b':');
                out.extend_from_slice(value);
                out.extend_from_slice(b"\r\n");
            }
            Event::EndOfHeader => out.extend_from_slice(b"\r\n"),
            Event::Body(bytes) => out.extend_from_slice(bytes),
            _ => {}
        }
    }
}

/// Reads the data of CONNECT: name, family, and unless that is unknown a port and an address.
pub(super) fn connect(data: &[u8]) -> Option<Event> {
    let end = memchr::memchr(0, data)?;
    let (host, rest) = data.split_at_checked(end)?;
    let (&family, rest) = rest.get(1..)?.split_first()?;
    let peer = match family {
        b'U' => Peer::Unknown,
        b'L' | b'4' | b'6' => {
            let (port, address) = rest.split_first_chunk::<2>()?;
            let address = address.strip_suffix(b"\0").unwrap_or(address);
            if family == b'L' {
                Peer::Unix(address.to_vec())
            } else {
                let text = std::str::from_utf8(address).ok()?;
                // Sendmail writes IPv6 addresses as SMTP does.
                let bare = text.get(..5).filter(|p| p.eq_ignore_ascii_case("ipv6:"));
                let text = bare.map_or(Some(text), |_| text.get(5..))?;
                match text.parse() {
                    Ok(address) => Peer::Inet {
                        address,
                        port: u16::from_be_bytes(*port),
                    },
                    // With a zone, or in no form at all: that a client has no address that we can
                    // name is no reason to stop mail.
                    Err(_) => Peer::Unknown,
                }
            }
        }
        _ => return None,
    };
    Some(Event::Connect {
        host: host.to_vec(),
        peer,
    })
}

/// Reads a path and ESMTP parameters.
pub(super) fn path(data: &[u8]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let mut strings = strings(data)?;
    let path = strings.next()?;
    let bare = path.strip_prefix(b"<").and_then(|p| p.strip_suffix(b">"));
    let parameters = strings.filter(|one| !one.is_empty()).map(<[u8]>::to_vec);
    Some((bare.unwrap_or(path).to_vec(), parameters.collect()))
}

/// Reads a header field. Where the MTA ate the blank before the value, one is put back.
pub(super) fn header(data: &[u8], exact: bool) -> Option<Event> {
    let end = memchr::memchr(0, data)?;
    let (name, value) = data.split_at_checked(end)?;
    let value = value.get(1..)?.strip_suffix(b"\0")?;
    let mut out = Vec::with_capacity(value.len() + 1);
    if !exact {
        out.push(b' ');
    }
    for line in value.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    Some(Event::Header {
        name: name.to_vec(),
        value: out,
    })
}
