//! Service extensions: what a server offers in its answer to EHLO, and a client reads there.

use super::sasl::Mechanism;

/// What one side of a connection may ask of the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions {
    /// PIPELINING (RFC 2920): commands ahead of their answers.
    pub pipelining: bool,
    /// CHUNKING (RFC 3030): BDAT.
    pub chunking: bool,
    /// BINARYMIME (RFC 3030): any bytes, in BDAT.
    pub binary: bool,
    /// 8BITMIME (RFC 6152): octets above 127.
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531): addresses and header fields in UTF-8.
    pub smtputf8: bool,
    /// DSN (RFC 3461): RET, ENVID, NOTIFY, ORCPT.
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_codes: bool,
    /// MT-PRIORITY (RFC 6710).
    pub priorities: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// SIZE (RFC 1870): octets that a message may have, 0 if nothing is said about it.
    pub size: Option<u64>,
    /// AUTH (RFC 4954): mechanisms, of those known here.
    pub auth: Vec<Mechanism>,
    /// LIMITS RCPTMAX (RFC 9422): recipients that a transaction may ask for.
    pub recipients: Option<u64>,
}

impl Extensions {
    /// The lines of the answer to EHLO, without its first.
    pub(super) fn lines(&self) -> Vec<String> {
        let flags = [
            (self.pipelining, "PIPELINING"),
            (self.eight_bit, "8BITMIME"),
            (self.smtputf8, "SMTPUTF8"),
            (self.chunking, "CHUNKING"),
            (self.binary, "BINARYMIME"),
            (self.dsn, "DSN"),
            (self.enhanced_codes, "ENHANCEDSTATUSCODES"),
            (self.priorities, "MT-PRIORITY"),
            (self.starttls, "STARTTLS"),
        ];
        let flags = flags.iter().filter(|(offered, _)| *offered);
        let mut lines: Vec<_> = flags.map(|(_, keyword)| (*keyword).to_owned()).collect();
        lines.extend(self.size.map(|size| format!("SIZE {size}")));
        if !self.auth.is_empty() {
            let names = self.auth.iter().map(|mechanism| mechanism.name());
            lines.push(format!("AUTH {}", names.collect::<Vec<_>>().join(" ")));
        }
        lines.extend(self.recipients.map(|most| format!("LIMITS RCPTMAX={most}")));
        lines
    }

    /// Reads one of those lines. What is not known is passed over.
    pub(super) fn read_line(&mut self, line: &str) {
        // `AUTH=LOGIN` is an old spelling that some servers give beside the right one.
        let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        match keyword.as_str() {
            "PIPELINING" => self.pipelining = true,
            "CHUNKING" => self.chunking = true,
            "BINARYMIME" => self.binary = true,
            "8BITMIME" => self.eight_bit = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "DSN" => self.dsn = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_codes = true,
            "MT-PRIORITY" => self.priorities = true,
            "STARTTLS" => self.starttls = true,
            "SIZE" => self.size = Some(words.next().and_then(|w| w.parse().ok()).unwrap_or(0)),
            "AUTH" => {
                for mechanism in words.filter_map(Mechanism::parse) {
                    if !self.auth.contains(&mechanism) {
                        self.auth.push(mechanism);
                    }
                }
            }
            "LIMITS" => {
                let pairs: Vec<_> = words.collect();
                let value = pairs.iter().zip(pairs.iter().skip(1));
                let most = value.filter(|(key, _)| key.eq_ignore_ascii_case("RCPTMAX"));
                // A limit of nothing would be no service.
                self.recipients = most
                    .filter_map(|(_, most)| most.parse().ok())
                    .find(|&most| most > 0);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_read() {
        let all = Extensions {
            pipelining: true,
            chunking: true,
            binary: true,
            eight_bit: true,
            smtputf8: true,
            dsn: true,
            enhanced_codes: true,
            priorities: true,
            starttls: true,
            size: Some(1_000),
            auth: vec![Mechanism::Plain, Mechanism::OAuthBearer],
            recipients: Some(100),
        };
        for offers in [all, Extensions::default()] {
            let mut read = Extensions::default();
            offers.lines().iter().for_each(|line| read.read_line(line));
            assert_eq!(read, offers);
        }
    }

    #[test]
    fn odd_lines() {
        let mut read = Extensions::default();
        let lines = [
            "size",
            "AUTH=LOGIN PLAIN",
            "auth LOGIN CRAM-MD5",
            "limits MAILMAX=3 rcptmax=7",
            "XYZ",
            "",
            "8bitMIME",
        ];
        lines.iter().for_each(|line| read.read_line(line));
        assert_eq!(read.size, Some(0));
        assert_eq!(read.auth, [Mechanism::Login, Mechanism::Plain]);
        assert_eq!(read.recipients, Some(7));
        assert!(read.eight_bit);
    }
}
