//! Queries as bytes, for nodes that ask each other. Text would not do: a group's addresses, put
//! in its place, are more than a person may type.

use super::{Field, Flag, Operand, Query, Test};
use crate::text::Language;
use crate::wire::{Damaged, Reader, Writer};

/// Deeper than any query of a person: each parenthesis and negation, and what lowering adds.
const DEPTH: usize = 512;

const FIELDS: [Field; 10] = [
    Field::Any,
    Field::Subject,
    Field::From,
    Field::To,
    Field::Cc,
    Field::Bcc,
    Field::Body,
    Field::Filename,
    Field::Attachment,
    Field::List,
];

impl Query {
    /// Appends the query to a record.
    pub fn write(&self, record: &mut Writer) {
        match self {
            Query::And(parts) => write_parts(record, 0, parts),
            Query::Or(parts) => write_parts(record, 1, parts),
            Query::Not(part) => {
                record.byte(2);
                part.write(record);
            }
            Query::Test(test) => {
                record.byte(3);
                test.write(record);
            }
        }
    }

    /// Reads what [`write`](Self::write) wrote.
    pub fn read(record: &mut Reader<'_>) -> Result<Query, Damaged> {
        read_query(record, DEPTH)
    }
}

fn write_parts(record: &mut Writer, kind: u8, parts: &[Query]) {
    record.byte(kind).number(parts.len() as u64);
    parts.iter().for_each(|part| part.write(record));
}

fn read_query(record: &mut Reader<'_>, depth: usize) -> Result<Query, Damaged> {
    let depth = depth.checked_sub(1).ok_or(Damaged("a query is too deep"))?;
    let parts = |record: &mut Reader<'_>| {
        let count = record.number()?;
        let parts = (0..count).map(|_| read_query(record, depth));
        parts.collect::<Result<Vec<Query>, Damaged>>()
    };
    Ok(match record.byte()? {
        0 => Query::And(parts(record)?),
        1 => Query::Or(parts(record)?),
        2 => Query::Not(Box::new(read_query(record, depth)?)),
        3 => Query::Test(Test::read(record)?),
        _ => return Err(Damaged("no part of a query")),
    })
}

impl Test {
    /// Appends the test to a record.
    pub fn write(&self, record: &mut Writer) {
        match self {
            Test::Words { field, terms } => {
                write_field(record.byte(0), *field);
                write_terms(record, terms);
            }
            Test::Prefix { field, terms } => {
                write_field(record.byte(1), *field);
                write_terms(record, terms);
            }
            Test::Stem {
                field,
                language,
                word,
            } => {
                write_field(record.byte(2), *field);
                write_stem(record, *language, word);
            }
            Test::Near {
                field,
                left,
                right,
                distance,
            } => {
                write_field(record.byte(3), *field);
                left.write(record);
                right.write(record);
                record.number(u64::from(*distance));
            }
            Test::Address { field, address } => {
                write_field(record.byte(4), *field);
                record.text(address);
            }
            Test::Domain { field, domain } => {
                write_field(record.byte(5), *field);
                record.text(domain);
            }
            Test::Filename(pattern) => {
                record.byte(6).text(pattern);
            }
            Test::Sent { from, until } => write_signed(record.byte(7), *from, *until),
            Test::Size { from, until } => write_unsigned(record.byte(8), *from, *until),
            Test::Held { from, until } => write_signed(record.byte(9), *from, *until),
            Test::Age { from, until } => write_unsigned(record.byte(10), *from, *until),
            Test::HasAttachment => {
                record.byte(11);
            }
            Test::MessageId(id) => {
                record.byte(12).text(id);
            }
            Test::Mailbox(address) => {
                record.byte(13).text(address);
            }
            Test::Folder(name) => {
                record.byte(14).text(name);
            }
            Test::AttachmentType(kind) => {
                record.byte(15).text(kind);
            }
            Test::Language(code) => {
                record.byte(16).text(code);
            }
            Test::Header { name, terms, open } => {
                record.byte(17).text(name).byte(u8::from(*open));
                write_terms(record, terms);
            }
            Test::Tag(name) => {
                record.byte(18).text(name);
            }
            Test::Server(name) => {
                record.byte(19).text(name);
            }
            Test::Flag(flag) => {
                record.byte(20).text(flag.name());
            }
            Test::Group { field, name } => {
                write_field(record.byte(21), *field);
                record.text(name);
            }
        }
    }

    /// Reads what [`write`](Self::write) wrote.
    pub fn read(record: &mut Reader<'_>) -> Result<Test, Damaged> {
        Ok(match record.byte()? {
            0 => Test::Words {
                field: read_field(record)?,
                terms: read_terms(record)?,
            },
            1 => Test::Prefix {
                field: read_field(record)?,
                terms: read_terms(record)?,
            },
            2 => {
                let field = read_field(record)?;
                let (language, word) = read_stem(record)?;
                Test::Stem {
                    field,
                    language,
                    word,
                }
            }
            3 => Test::Near {
                field: read_field(record)?,
                left: Operand::read(record)?,
                right: Operand::read(record)?,
                distance: u32::try_from(record.number()?)
                    .map_err(|_| Damaged("distance too large"))?,
            },
            4 => Test::Address {
                field: read_field(record)?,
                address: record.text()?.to_owned(),
            },
            5 => Test::Domain {
                field: read_field(record)?,
                domain: record.text()?.to_owned(),
            },
            6 => Test::Filename(record.text()?.to_owned()),
            7 => Test::Sent {
                from: record.option(Reader::signed)?,
                until: record.option(Reader::signed)?,
            },
            8 => Test::Size {
                from: record.option(Reader::number)?,
                until: record.option(Reader::number)?,
            },
            9 => Test::Held {
                from: record.option(Reader::signed)?,
                until: record.option(Reader::signed)?,
            },
            10 => Test::Age {
                from: record.option(Reader::number)?,
                until: record.option(Reader::number)?,
            },
            11 => Test::HasAttachment,
            12 => Test::MessageId(record.text()?.to_owned()),
            13 => Test::Mailbox(record.text()?.to_owned()),
            14 => Test::Folder(record.text()?.to_owned()),
            15 => Test::AttachmentType(record.text()?.to_owned()),
            16 => Test::Language(record.text()?.to_owned()),
            17 => Test::Header {
                name: record.text()?.to_owned(),
                open: record.byte()? == 1,
                terms: read_terms(record)?,
            },
            18 => Test::Tag(record.text()?.to_owned()),
            19 => Test::Server(record.text()?.to_owned()),
            20 => {
                let name = record.text()?;
                let mut flags = Flag::ALL.into_iter();
                let flag = flags.find(|(known, _)| *known == name);
                Test::Flag(flag.ok_or(Damaged("no flag"))?.1)
            }
            21 => Test::Group {
                field: read_field(record)?,
                name: record.text()?.to_owned(),
            },
            _ => return Err(Damaged("no test of a query")),
        })
    }
}

impl Operand {
    fn write(&self, record: &mut Writer) {
        match self {
            Operand::Words(terms) => write_terms(record.byte(0), terms),
            Operand::Prefix(terms) => write_terms(record.byte(1), terms),
            Operand::Stem { language, word } => write_stem(record.byte(2), *language, word),
        }
    }

    fn read(record: &mut Reader<'_>) -> Result<Operand, Damaged> {
        Ok(match record.byte()? {
            0 => Operand::Words(read_terms(record)?),
            1 => Operand::Prefix(read_terms(record)?),
            2 => {
                let (language, word) = read_stem(record)?;
                Operand::Stem { language, word }
            }
            _ => return Err(Damaged("no side of NEAR")),
        })
    }
}

fn write_field(record: &mut Writer, field: Field) {
    let place = FIELDS.iter().position(|one| *one == field);
    record.number(place.unwrap_or_default() as u64);
}

fn read_field(record: &mut Reader<'_>) -> Result<Field, Damaged> {
    let place = record.length()?;
    FIELDS.get(place).copied().ok_or(Damaged("no field"))
}

fn write_terms(record: &mut Writer, terms: &[String]) {
    record.number(terms.len() as u64);
    for term in terms {
        record.text(term);
    }
}

fn read_terms(record: &mut Reader<'_>) -> Result<Vec<String>, Damaged> {
    let count = record.number()?;
    (0..count).map(|_| Ok(record.text()?.to_owned())).collect()
}

fn write_stem(record: &mut Writer, language: Option<Language>, word: &str) {
    record.text(language.map_or("", Language::code)).text(word);
}

fn read_stem(record: &mut Reader<'_>) -> Result<(Option<Language>, String), Damaged> {
    let language = match record.text()? {
        "" => None,
        code => Some(Language::of_code(code).ok_or(Damaged("no language"))?),
    };
    Ok((language, record.text()?.to_owned()))
}

fn write_signed(record: &mut Writer, from: Option<i64>, until: Option<i64>) {
    for bound in [from, until] {
        record.option(bound, |record, value| {
            record.signed(value);
        });
    }
}

fn write_unsigned(record: &mut Writer, from: Option<u64>, until: Option<u64>) {
    for bound in [from, until] {
        record.option(bound, |record, value| {
            record.number(value);
        });
    }
}
