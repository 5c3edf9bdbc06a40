//! Checks as bytes that are kept: version 1 of a record in the language of [`everpost_domain::wire`].

use std::net::IpAddr;

use everpost_domain::wire::{Damaged, Reader, Writer};

use super::checks::{
    Arc, Asked, Came, Checks, Dkim, Dmarc, Found, Identity, Policy, Record, Spf, Verdict,
};

const VERSION: u8 = 1;

impl Checks {
    /// The checks as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(VERSION).signed(self.at);
        match self.came.client {
            IpAddr::V4(address) => out.byte(4).raw(&address.octets()),
            IpAddr::V6(address) => out.byte(6).raw(&address.octets()),
        };
        out.text(&self.came.helo).text(&self.came.sender);
        write_spf(&mut out, &self.spf);
        out.number(self.dkim.len() as u64);
        for one in &self.dkim {
            write_dkim(&mut out, one);
        }
        out.number(u64::from(self.unchecked));
        write_dmarc(&mut out, &self.dmarc);
        write_arc(&mut out, &self.arc);
        out.number(self.records.len() as u64);
        for one in &self.records {
            write_record(&mut out, one);
        }
        out.finish()
    }

    /// The checks that [`Checks::encode`] wrote.
    ///
    /// # Errors
    /// Where the bytes are damaged or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut from = Reader::new(bytes);
        if from.byte()? != VERSION {
            return Err(Damaged("checks of an unknown version"));
        }
        let checks = Checks {
            at: from.signed()?,
            came: Came {
                client: read_client(&mut from)?,
                helo: text(&mut from)?,
                sender: text(&mut from)?,
            },
            spf: read_spf(&mut from)?,
            dkim: list(&mut from, read_dkim)?,
            unchecked: small(&mut from)?,
            dmarc: read_dmarc(&mut from)?,
            arc: read_arc(&mut from)?,
            records: list(&mut from, read_record)?,
        };
        if from.is_empty() {
            Ok(checks)
        } else {
            Err(Damaged("checks go on after their end"))
        }
    }
}

fn write_verdict(out: &mut Writer, verdict: Verdict) {
    let code = match verdict {
        Verdict::None => 0,
        Verdict::Pass => 1,
        Verdict::Fail => 2,
        Verdict::SoftFail => 3,
        Verdict::Neutral => 4,
        Verdict::Policy => 5,
        Verdict::TempError => 6,
        Verdict::PermError => 7,
    };
    out.byte(code);
}

fn read_verdict(from: &mut Reader<'_>) -> Result<Verdict, Damaged> {
    let verdict = Verdict::ALL.get(usize::from(from.byte()?));
    verdict.copied().ok_or(Damaged("unknown verdict"))
}

fn read_client(from: &mut Reader<'_>) -> Result<IpAddr, Damaged> {
    match from.byte()? {
        4 => Ok(from.array::<4>()?.into()),
        6 => Ok(from.array::<16>()?.into()),
        _ => Err(Damaged("unknown kind of address")),
    }
}

fn write_spf(out: &mut Writer, spf: &Spf) {
    write_verdict(out, spf.verdict);
    out.byte(match spf.identity {
        Identity::MailFrom => 0,
        Identity::Helo => 1,
    });
    out.text(&spf.domain).text(&spf.reason);
}

fn read_spf(from: &mut Reader<'_>) -> Result<Spf, Damaged> {
    Ok(Spf {
        verdict: read_verdict(from)?,
        identity: match from.byte()? {
            0 => Identity::MailFrom,
            1 => Identity::Helo,
            _ => return Err(Damaged("unknown identity")),
        },
        domain: text(from)?,
        reason: text(from)?,
    })
}

fn write_dkim(out: &mut Writer, dkim: &Dkim) {
    write_verdict(out, dkim.verdict);
    out.text(&dkim.domain).text(&dkim.selector);
    out.text(&dkim.identity).text(&dkim.algorithm);
    out.text(&dkim.begins).text(&dkim.reason);
}

fn read_dkim(from: &mut Reader<'_>) -> Result<Dkim, Damaged> {
    Ok(Dkim {
        verdict: read_verdict(from)?,
        domain: text(from)?,
        selector: text(from)?,
        identity: text(from)?,
        algorithm: text(from)?,
        begins: text(from)?,
        reason: text(from)?,
    })
}

fn write_dmarc(out: &mut Writer, dmarc: &Dmarc) {
    write_verdict(out, dmarc.verdict);
    out.text(&dmarc.domain).text(&dmarc.published);
    out.byte(match dmarc.policy {
        None => 0,
        Some(Policy::None) => 1,
        Some(Policy::Quarantine) => 2,
        Some(Policy::Reject) => 3,
    });
    out.byte(u8::from(dmarc.spf_aligned) | u8::from(dmarc.dkim_aligned) << 1);
    out.text(&dmarc.reason);
}

fn read_dmarc(from: &mut Reader<'_>) -> Result<Dmarc, Damaged> {
    let verdict = read_verdict(from)?;
    let (domain, published) = (text(from)?, text(from)?);
    let policy = match from.byte()? {
        0 => None,
        1 => Some(Policy::None),
        2 => Some(Policy::Quarantine),
        3 => Some(Policy::Reject),
        _ => return Err(Damaged("unknown policy")),
    };
    let aligned = from.byte()?;
    if aligned > 3 {
        return Err(Damaged("unknown alignment"));
    }
    Ok(Dmarc {
        verdict,
        domain,
        published,
        policy,
        spf_aligned: aligned & 1 != 0,
        dkim_aligned: aligned & 2 != 0,
        reason: text(from)?,
    })
}

fn write_arc(out: &mut Writer, arc: &Arc) {
    write_verdict(out, arc.verdict);
    out.number(u64::from(arc.sets));
    out.text(&arc.domain).text(&arc.selector).text(&arc.reason);
}

fn read_arc(from: &mut Reader<'_>) -> Result<Arc, Damaged> {
    Ok(Arc {
        verdict: read_verdict(from)?,
        sets: small(from)?,
        domain: text(from)?,
        selector: text(from)?,
        reason: text(from)?,
    })
}

fn write_record(out: &mut Writer, record: &Record) {
    out.byte(match record.asked {
        Asked::Key => 0,
        Asked::Spf => 1,
        Asked::Dmarc => 2,
        Asked::Name => 3,
    });
    out.text(&record.name).signed(record.at);
    match &record.found {
        Found::Texts(texts) => {
            out.byte(0).number(texts.len() as u64);
            for text in texts {
                out.text(text);
            }
        }
        Found::NoData => drop(out.byte(1)),
        Found::NoName => drop(out.byte(2)),
        Found::Trouble(why) => drop(out.byte(3).text(why)),
    }
}

fn read_record(from: &mut Reader<'_>) -> Result<Record, Damaged> {
    let asked = match from.byte()? {
        0 => Asked::Key,
        1 => Asked::Spf,
        2 => Asked::Dmarc,
        3 => Asked::Name,
        _ => return Err(Damaged("unknown question")),
    };
    let (name, at) = (text(from)?, from.signed()?);
    let found = match from.byte()? {
        0 => Found::Texts(list(from, text)?),
        1 => Found::NoData,
        2 => Found::NoName,
        3 => Found::Trouble(text(from)?),
        _ => return Err(Damaged("unknown answer")),
    };
    Ok(Record {
        asked,
        name,
        found,
        at,
    })
}

fn text(from: &mut Reader<'_>) -> Result<String, Damaged> {
    from.text().map(str::to_owned)
}

fn small(from: &mut Reader<'_>) -> Result<u32, Damaged> {
    u32::try_from(from.number()?).map_err(|_| Damaged("number too large"))
}

/// A list is never given room by what its length says: each element takes bytes that must be there.
fn list<T>(
    from: &mut Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, Damaged>,
) -> Result<Vec<T>, Damaged> {
    let length = from.number()?;
    let mut out = Vec::new();
    for _ in 0..length {
        out.push(read(from)?);
    }
    Ok(out)
}
