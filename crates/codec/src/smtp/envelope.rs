//! The envelope: what MAIL and RCPT say, read from and written to their lines.

use super::address::{Mailbox, Path, bracketed, is_atext};
use super::extensions::Extensions;
use super::{limits, xtext};

/// What a sender says of the body (RFC 6152 §2, RFC 3030 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyType {
    /// `7BIT`: octets up to 127 in lines.
    SevenBit,
    /// `8BITMIME`: any octets in lines.
    EightBit,
    /// `BINARYMIME`: any octets.
    Binary,
}

/// How much of a message a report returns (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Return {
    /// `FULL`: all.
    Full,
    /// `HDRS`: its header.
    Headers,
}

/// When a sender wants a report on a recipient (RFC 3461 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notify {
    /// Under no circumstances.
    Never,
    /// In some of these cases.
    On {
        /// It was delivered.
        success: bool,
        /// It was not and will not be delivered.
        failure: bool,
        /// It takes unusually long.
        delay: bool,
    },
}

impl Notify {
    /// Reads a value of `NOTIFY`.
    pub fn parse(value: &str) -> Option<Notify> {
        if value.eq_ignore_ascii_case("NEVER") {
            return Some(Notify::Never);
        }
        let (mut success, mut failure, mut delay) = (false, false, false);
        for word in value.split(',') {
            let case = match word.to_ascii_uppercase().as_str() {
                "SUCCESS" => &mut success,
                "FAILURE" => &mut failure,
                "DELAY" => &mut delay,
                _ => return None,
            };
            *case = true;
        }
        Some(Notify::On {
            success,
            failure,
            delay,
        })
    }

    /// As `NOTIFY` has it; `None` if it asks for nothing.
    pub fn words(self) -> Option<String> {
        let Notify::On {
            success,
            failure,
            delay,
        } = self
        else {
            return Some("NEVER".to_owned());
        };
        let cases = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
        let words = cases.iter().filter(|(wanted, _)| *wanted);
        let words: Vec<_> = words.map(|(_, word)| *word).collect();
        (!words.is_empty()).then(|| words.join(","))
    }
}

/// Whom a sender first addressed (RFC 3461 §4.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OriginalRecipient {
    /// The kind of address, as `rfc822`.
    pub kind: String,
    /// The address, decoded.
    pub address: String,
}

/// MAIL: who sends, and how (RFC 5321 §4.1.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// Whom failures are reported to.
    pub from: Path,
    /// SIZE (RFC 1870): octets that the sender announces.
    pub size: Option<u64>,
    /// BODY.
    pub body: Option<BodyType>,
    /// SMTPUTF8 (RFC 6531): addresses or header fields are in UTF-8.
    pub smtputf8: bool,
    /// RET.
    pub ret: Option<Return>,
    /// ENVID (RFC 3461 §4.4): the sender's name for this envelope, decoded.
    pub envid: Option<String>,
    /// AUTH (RFC 4954 §5): who submitted it, decoded; `<>` if that is not known.
    pub auth: Option<String>,
    /// MT-PRIORITY (RFC 6710): -9 to 9, the higher the sooner.
    pub priority: Option<i8>,
}

/// RCPT: whom a message is for (RFC 5321 §4.1.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    /// The address.
    pub to: Mailbox,
    /// NOTIFY.
    pub notify: Option<Notify>,
    /// ORCPT.
    pub original: Option<OriginalRecipient>,
}

impl Rcpt {
    /// A recipient of whom nothing more is said.
    pub fn new(to: Mailbox) -> Self {
        Rcpt {
            to,
            notify: None,
            original: None,
        }
    }
}

/// Why a MAIL or RCPT line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnvelopeFault {
    /// Not the command's syntax.
    Command,
    /// Not an address.
    Address,
    /// A parameter without sense, or twice.
    Parameter,
    /// A parameter that was not offered.
    Unknown,
    /// An address beyond ASCII without SMTPUTF8.
    NeedsUtf8,
}

impl Mail {
    /// Reads what stands behind `MAIL FROM:`, with the parameters of `offers`.
    pub(super) fn parse(text: &str, offers: &Extensions) -> Result<Self, EnvelopeFault> {
        let (inside, rest) = bracketed(text).ok_or(EnvelopeFault::Address)?;
        let mut mail = Mail {
            from: match inside {
                "" => Path::Null,
                _ => Path::Mailbox(Mailbox::parse(inside).map_err(|_| EnvelopeFault::Address)?),
            },
            ..Mail::default()
        };
        let mut seen = Vec::new();
        for word in parameters(rest)? {
            let (key, value) = parameter(word, &mut seen)?;
            mail.set(&key, value, offers)?;
        }
        let ascii = match &mail.from {
            Path::Null => true,
            Path::Mailbox(mailbox) => mailbox.is_ascii(),
        };
        if !ascii && !mail.smtputf8 {
            return Err(EnvelopeFault::NeedsUtf8);
        }
        Ok(mail)
    }

    fn set(
        &mut self,
        key: &str,
        value: Option<&str>,
        offers: &Extensions,
    ) -> Result<(), EnvelopeFault> {
        let fault = EnvelopeFault::Parameter;
        let with = |offered: bool| offered.then_some(()).ok_or(EnvelopeFault::Unknown);
        match key {
            "SIZE" => {
                with(offers.size.is_some())?;
                self.size = Some(value.and_then(number).ok_or(fault)?);
            }
            "BODY" => {
                with(offers.eight_bit || offers.binary)?;
                let body = match value.map(str::to_ascii_uppercase).as_deref() {
                    Some("7BIT") => BodyType::SevenBit,
                    Some("8BITMIME") if offers.eight_bit => BodyType::EightBit,
                    Some("BINARYMIME") if offers.binary => BodyType::Binary,
                    _ => return Err(EnvelopeFault::Unknown),
                };
                self.body = Some(body);
            }
            "SMTPUTF8" => {
                with(offers.smtputf8)?;
                value.is_none().then_some(()).ok_or(fault)?;
                self.smtputf8 = true;
            }
            "RET" => {
                with(offers.dsn)?;
                self.ret = Some(match value.map(str::to_ascii_uppercase).as_deref() {
                    Some("FULL") => Return::Full,
                    Some("HDRS") => Return::Headers,
                    _ => return Err(fault),
                });
            }
            "ENVID" => {
                with(offers.dsn)?;
                let decoded = value.and_then(xtext::decode).ok_or(fault)?;
                if !decoded.is_ascii() || decoded.len() > limits::ENVID {
                    return Err(fault);
                }
                self.envid = Some(decoded);
            }
            "AUTH" => {
                with(!offers.auth.is_empty())?;
                self.auth = Some(value.and_then(xtext::decode).ok_or(fault)?);
            }
            "MT-PRIORITY" => {
                with(offers.priorities)?;
                let priority = value.and_then(|value| value.parse().ok());
                self.priority = Some(priority.filter(|p| (-9..=9).contains(p)).ok_or(fault)?);
            }
            _ => return Err(EnvelopeFault::Unknown),
        }
        Ok(())
    }

    /// Appends `MAIL FROM:…` and CRLF, with those parameters that `offers` has. `auth` is not written:
    /// what one server vouches for another would have to know.
    pub(super) fn write(&self, offers: &Extensions, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("MAIL FROM:<{}>", self.from).as_bytes());
        if let Some(size) = self.size.filter(|_| offers.size.is_some()) {
            out.extend_from_slice(format!(" SIZE={size}").as_bytes());
        }
        let body = self.body.and_then(|body| match body {
            BodyType::SevenBit if offers.eight_bit => Some("7BIT"),
            BodyType::EightBit if offers.eight_bit => Some("8BITMIME"),
            BodyType::Binary if offers.binary => Some("BINARYMIME"),
            _ => None,
        });
        if let Some(body) = body {
            out.extend_from_slice(format!(" BODY={body}").as_bytes());
        }
        if self.smtputf8 && offers.smtputf8 {
            out.extend_from_slice(b" SMTPUTF8");
        }
        if offers.dsn {
            match self.ret {
                Some(Return::Full) => out.extend_from_slice(b" RET=FULL"),
                Some(Return::Headers) => out.extend_from_slice(b" RET=HDRS"),
                None => {}
            }
            if let Some(envid) = &self.envid {
                out.extend_from_slice(b" ENVID=");
                xtext::encode(envid, out);
            }
        }
        if let Some(priority) = self.priority.filter(|_| offers.priorities) {
            out.extend_from_slice(format!(" MT-PRIORITY={priority}").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl Rcpt {
    /// Reads what stands behind `RCPT TO:`, with the parameters of `offers`.
    pub(super) fn parse(text: &str, offers: &Extensions) -> Result<Self, EnvelopeFault> {
        let (inside, rest) = bracketed(text).ok_or(EnvelopeFault::Address)?;
        let to = Mailbox::parse(inside).map_err(|_| EnvelopeFault::Address)?;
        let mut rcpt = Rcpt::new(to);
        let mut seen = Vec::new();
        for word in parameters(rest)? {
            let (key, value) = parameter(word, &mut seen)?;
            match key.as_str() {
                "NOTIFY" if offers.dsn => {
                    let notify = value
                        .and_then(Notify::parse)
                        .ok_or(EnvelopeFault::Parameter)?;
                    rcpt.notify = Some(notify);
                }
                "ORCPT" if offers.dsn => {
                    let original = value.and_then(original).ok_or(EnvelopeFault::Parameter)?;
                    rcpt.original = Some(original);
                }
                _ => return Err(EnvelopeFault::Unknown),
            }
        }
        Ok(rcpt)
    }

    /// Whether it can be written without SMTPUTF8.
    pub(super) fn is_ascii(&self) -> bool {
        let original = self.original.as_ref();
        self.to.is_ascii() && original.is_none_or(|original| original.address.is_ascii())
    }

    /// Appends `RCPT TO:…` and CRLF, with those parameters that `offers` has.
    pub(super) fn write(&self, offers: &Extensions, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("RCPT TO:<{}>", self.to).as_bytes());
        if offers.dsn {
            if let Some(notify) = self.notify.and_then(Notify::words) {
                out.extend_from_slice(format!(" NOTIFY={notify}").as_bytes());
            }
            // An address beyond ASCII has a place in transactions of SMTPUTF8 only.
            let fits =
                |original: &&OriginalRecipient| offers.smtputf8 || original.address.is_ascii();
            if let Some(original) = self.original.as_ref().filter(fits) {
                out.extend_from_slice(format!(" ORCPT={};", original.kind).as_bytes());
                xtext::encode(&original.address, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The words behind a path: there is a blank before each, or there are none.
fn parameters(rest: &str) -> Result<impl Iterator<Item = &str>, EnvelopeFault> {
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(EnvelopeFault::Command);
    }
    Ok(rest.split(' ').filter(|word| !word.is_empty()))
}

/// A parameter's name in capitals and its value.
fn parameter<'w>(
    word: &'w str,
    seen: &mut Vec<String>,
) -> Result<(String, Option<&'w str>), EnvelopeFault> {
    let (key, value) = match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    };
    let key = key.to_ascii_uppercase();
    // Whoever reads the line after us may believe the other one.
    if seen.contains(&key) || value.is_some_and(str::is_empty) {
        return Err(EnvelopeFault::Parameter);
    }
    seen.push(key.clone());
    Ok((key, value))
}

fn original(value: &str) -> Option<OriginalRecipient> {
    let (kind, address) = value.split_once(';')?;
    let address = xtext::decode(address)?;
    let right = !kind.is_empty()
        && kind.chars().all(|char| char.is_ascii() && is_atext(char))
        && kind.len() + 1 + address.len() <= limits::ORCPT;
    right.then(|| OriginalRecipient {
        kind: kind.to_owned(),
        address,
    })
}
