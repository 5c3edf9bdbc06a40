//! Queries over real mail, against a plain scan: texts cut at what is no letter or digit,
//! compared word by word, without index, analyser or evaluator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may panic"
)]

mod common;

use std::collections::BTreeSet;

use common::{ANN, Archive, eml, ends, mbox, write};
use everpost_domain::digest::Digest;
use everpost_domain::message::{Address, Head, SearchText, attachments, scan};
use everpost_domain::query::parse;
use everpost_mail::import::ImportOptions;
use everpost_store::{By, Scope, SearchRequest};
use everpost_testkit::corpus;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Where a word is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Where {
    Anywhere,
    Subject,
    From,
    To,
    Cc,
    Body,
    Filename,
    Attachment,
    List,
    Header(&'static str),
}

/// What a golden query means, said again.
enum Means {
    /// These words in a row; a star ends the last where any ending will do.
    Row(Where, &'static str),
    /// One of these words.
    One(Where, &'static str),
    /// One row near another.
    Near(Where, &'static str, &'static str, usize),
    /// Something that is no word.
    Fact(fn(&Plain) -> bool),
    All(Vec<Means>),
    Any(Vec<Means>),
    Not(Box<Means>),
}

/// A mail, cut up.
struct Plain {
    head: Head,
    size: usize,
    values: Vec<(Where, Vec<String>)>,
    headers: Vec<(String, Vec<String>)>,
    body_unread: bool,
    attachments_unread: bool,
    kinds: Vec<String>,
}

/// Words of a text in lower case without accents. A run of a script without spaces stands
/// for so many words as it has pairs.
fn cut(text: &str) -> Vec<String> {
    let unspaced = |c: char| {
        matches!(c as u32, 0xe00..=0xeff | 0x1100..=0x11ff | 0x2e80..=0x2fff | 0x3005..=0x3007
            | 0x3041..=0x318f | 0x3400..=0x9fff | 0xac00..=0xd7ff | 0xf900..=0xfaff)
    };
    let mut words: Vec<String> = vec![String::new()];
    let mut run = 0;
    let end_run = |words: &mut Vec<String>, run: &mut usize| {
        if *run > 0 {
            words.extend(vec!["-".to_owned(); (*run - 1).max(1)]);
            words.push(String::new());
        }
        *run = 0;
    };
    for c in text.nfkd() {
        if unspaced(c) {
            run += 1;
            continue;
        }
        if is_combining_mark(c) || matches!(c as u32, 0xad | 0x200b..=0x200f | 0x2060 | 0xfeff) {
            continue;
        }
        end_run(&mut words, &mut run);
        if c.is_alphanumeric() {
            let word = words.last_mut().unwrap();
            match c {
                'ß' => word.push_str("ss"),
                'ø' | 'Ø' => word.push('o'),
                'æ' | 'Æ' => word.push_str("ae"),
                c => word.extend(c.to_lowercase()),
            }
        } else if !words.last().unwrap().is_empty() {
            words.push(String::new());
        }
    }
    end_run(&mut words, &mut run);
    words.retain(|word| !word.is_empty());
    words
}

impl Plain {
    fn read(raw: &[u8]) -> Plain {
        let structure = scan(raw);
        let (head, text) = (
            Head::read(raw, &structure),
            SearchText::read(raw, &structure),
        );
        let list = attachments(raw, &structure);
        let mut values = vec![
            (Where::Subject, cut(&head.subject)),
            (Where::Body, cut(&text.body)),
        ];
        let mut people = |place: &Where, list: &[Address]| {
            for one in list {
                values.push((place.clone(), cut(&one.name)));
                values.push((place.clone(), cut(&one.email)));
            }
        };
        people(&Where::From, &head.from);
        people(&Where::From, &head.sender);
        people(&Where::To, &head.to);
        people(&Where::Cc, &head.cc);
        assert!(head.bcc.is_empty(), "no query looks there");
        values.extend(
            head.filenames
                .iter()
                .map(|name| (Where::Filename, cut(name))),
        );
        values.extend(head.list_id.iter().map(|id| (Where::List, cut(id))));
        let texts = list.iter().filter_map(|one| one.text.as_deref());
        values.extend(texts.map(|text| (Where::Attachment, cut(text))));
        Plain {
            size: raw.len(),
            values,
            headers: headers(raw),
            body_unread: text.body_unread,
            attachments_unread: list.iter().any(|one| one.text.is_none() || one.cut),
            kinds: list.into_iter().map(|one| one.kind).collect(),
            head,
        }
    }

    fn in_place(&self, place: &Where) -> Vec<&Vec<String>> {
        if let Where::Header(wanted) = place {
            let lines = self.headers.iter().filter(|(name, _)| name == wanted);
            return lines.map(|(_, words)| words).collect();
        }
        let values = self.values.iter().filter(|(one, _)| match place {
            Where::Anywhere => *one != Where::List,
            place => one == place,
        });
        values.map(|(_, words)| words).collect()
    }

    fn words(&self, place: &Where, found: impl Fn(&[String]) -> bool) -> Option<bool> {
        let unread = match place {
            Where::Anywhere => self.body_unread || self.attachments_unread,
            Where::Body => self.body_unread,
            Where::Attachment => self.attachments_unread,
            _ => false,
        };
        let found = self.in_place(place).iter().any(|words| found(words));
        (found || !unread).then_some(found)
    }

    /// Three values: none is unknown.
    fn holds(&self, means: &Means) -> Option<bool> {
        match means {
            Means::Row(place, row) => self.words(place, |words| !starts(words, row).is_empty()),
            Means::One(place, list) => self.words(place, |words| {
                words
                    .iter()
                    .any(|word| list.split(' ').any(|one| one == word))
            }),
            Means::Near(place, left, right, distance) => self.words(place, |words| {
                let ends = |row: &str| row.split(' ').count() - 1;
                starts(words, left).iter().any(|&a| {
                    starts(words, right).iter().any(|&b| {
                        let gap = if a < b {
                            b.checked_sub(a + ends(left))
                        } else {
                            a.checked_sub(b + ends(right))
                        };
                        gap.is_some_and(|gap| (1..=*distance).contains(&gap))
                    })
                })
            }),
            Means::Fact(fact) => Some(fact(self)),
            Means::All(list) => {
                let all: Vec<Option<bool>> = list.iter().map(|one| self.holds(one)).collect();
                if all.contains(&Some(false)) {
                    Some(false)
                } else {
                    (!all.contains(&None)).then_some(true)
                }
            }
            Means::Any(list) => {
                let all: Vec<Option<bool>> = list.iter().map(|one| self.holds(one)).collect();
                if all.contains(&Some(true)) {
                    Some(true)
                } else {
                    (!all.contains(&None)).then_some(false)
                }
            }
            Means::Not(one) => self.holds(one).map(|holds| !holds),
        }
    }

    fn sent(&self, from: i64, until: i64) -> bool {
        let sent = self.head.sent.map(|sent| sent.unix);
        sent.is_some_and(|sent| (from..until).contains(&sent))
    }

    fn is_at(&self, list: &[Address], domain: &str) -> bool {
        list.iter().any(|one| {
            let email = one.email.to_lowercase();
            let (_, found) = email.rsplit_once('@').unwrap_or_default();
            found == domain || found.ends_with(&format!(".{domain}"))
        })
    }
}

/// Lines of a header: names and the words of what follows them.
fn headers(raw: &[u8]) -> Vec<(String, Vec<String>)> {
    let text = String::from_utf8_lossy(raw).replace("\r\n", "\n");
    let header = text.split("\n\n").next().unwrap();
    let unfolded = header.replace("\n\t", " ").replace("\n ", " ");
    let lines = unfolded.lines().filter_map(|line| line.split_once(':'));
    let short = |value: &str| value.trim().chars().take(512).collect::<String>();
    lines
        .map(|(name, value)| (name.to_lowercase(), cut(&short(value))))
        .collect()
}

/// Where a row begins.
fn starts(words: &[String], row: &str) -> Vec<usize> {
    let row: Vec<&str> = row.split(' ').collect();
    let fits = |word: &str, wanted: &str| match wanted.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == wanted,
    };
    let all = words.windows(row.len()).enumerate();
    all.filter(|(_, window)| {
        window
            .iter()
            .zip(&row)
            .all(|(word, wanted)| fits(word, wanted))
    })
    .map(|(at, _)| at)
    .collect()
}

fn row(words: &'static str) -> Means {
    Means::Row(Where::Anywhere, words)
}

fn not(means: Means) -> Means {
    Means::Not(Box::new(means))
}

/// Words, phrases, prefixes, stems, `NEAR`, and how they are joined.
fn words() -> Vec<(&'static str, Means)> {
    use Means::{All, Any, Near, One, Row};
    use Where::{Anywhere, Attachment, Body, Subject};
    vec![
        ("linux", row("linux")),
        ("LINUX", row("linux")),
        ("razor", row("razor")),
        ("microsoft", row("microsoft")),
        ("2002", row("2002")),
        ("\"mailing list\"", row("mailing list")),
        ("\"click here\"", row("click here")),
        ("\"operating system\"", row("operating system")),
        ("e-mail", row("e mail")),
        ("24/7", row("24 7")),
        ("\"100%\"", row("100")),
        ("$1,000", row("1 000")),
        ("spam*", row("spam*")),
        ("perl*", row("perl*")),
        ("\"mailing li*\"", row("mailing li*")),
        ("in*", row("in*")),
        (
            "http://www.linux.ie/mailman",
            row("http www linux ie mailman"),
        ),
        (
            "spamassassin-talk@example.sourceforge.net",
            row("spamassassin talk example sourceforge net"),
        ),
        ("linux kernel", All(vec![row("linux"), row("kernel")])),
        ("linux -kernel", All(vec![row("linux"), not(row("kernel"))])),
        ("-linux", not(row("linux"))),
        ("linux OR windows", Any(vec![row("linux"), row("windows")])),
        (
            "(perl OR python) -java",
            All(vec![
                Any(vec![row("perl"), row("python")]),
                not(row("java")),
            ]),
        ),
        (
            "perl python OR free money",
            Any(vec![
                All(vec![row("perl"), row("python")]),
                All(vec![row("free"), row("money")]),
            ]),
        ),
        ("-(the OR and)", not(Any(vec![row("the"), row("and")]))),
        (
            "stem:en:kernel",
            One(Anywhere, "kernel kernels kerneled kernelled"),
        ),
        (
            "stem:en:message",
            One(Anywhere, "message messages messaging messaged messag"),
        ),
        ("stem:en:website", One(Anywhere, "website websites websit")),
        (
            "subject:stem:en:list",
            One(Subject, "list lists listed listing listings"),
        ),
        ("linux NEAR/3 kernel", Near(Anywhere, "linux", "kernel", 3)),
        ("kernel NEAR/3 linux", Near(Anywhere, "kernel", "linux", 3)),
        ("free NEAR/1 money", Near(Anywhere, "free", "money", 1)),
        (
            "\"mailing list\" NEAR/10 unsubscribe*",
            Near(Anywhere, "mailing list", "unsubscribe*", 10),
        ),
        ("body:(the NEAR/2 the)", Near(Body, "the", "the", 2)),
        (
            "(spam OR virus) NEAR/5 filter*",
            Any(vec![
                Near(Anywhere, "spam", "filter*", 5),
                Near(Anywhere, "virus", "filter*", 5),
            ]),
        ),
        (
            "-(free NEAR/5 money) free",
            All(vec![row("free"), not(Near(Anywhere, "free", "money", 5))]),
        ),
        ("subject:(re NEAR/4 spam)", Near(Subject, "re", "spam", 4)),
        ("subject:linux", Row(Subject, "linux")),
        ("subject:\"re the\"", Row(Subject, "re the")),
        ("subject:(perl OR python)", One(Subject, "perl python")),
        ("-subject:re", not(Row(Subject, "re"))),
        ("subject:free*", Row(Subject, "free*")),
        ("body:unsubscribe", Row(Body, "unsubscribe")),
        ("attachment:the", Row(Attachment, "the")),
        ("-attachment:the", not(Row(Attachment, "the"))),
        (
            "-body:the attachment:the OR subject:the",
            Any(vec![
                All(vec![not(Row(Body, "the")), Row(Attachment, "the")]),
                Row(Subject, "the"),
            ]),
        ),
    ]
}

/// People, header fields, files, dates and sizes.
fn facts() -> Vec<(&'static str, Means)> {
    use Means::{All, Any, Fact, Near, Row};
    use Where::{Body, Cc, Filename, From, Header, List, To};
    const AUGUST: i64 = 1_028_160_000;
    const SEPTEMBER: i64 = AUGUST + 31 * 86_400;
    let to = |words| Any(vec![Row(To, words), Row(Cc, words)]);
    vec![
        ("from:justin", Row(From, "justin")),
        ("from:\"justin mason\"", Row(From, "justin mason")),
        ("from:yahoo.com", Row(From, "yahoo com")),
        (
            "from:@yahoo.com",
            Fact(|mail| {
                mail.is_at(&mail.head.from, "yahoo.com")
                    || mail.is_at(&mail.head.sender, "yahoo.com")
            }),
        ),
        (
            "any:@example.com",
            Fact(|mail| {
                [
                    &mail.head.from,
                    &mail.head.sender,
                    &mail.head.to,
                    &mail.head.cc,
                ]
                .iter()
                .any(|list| mail.is_at(list, "example.com"))
            }),
        ),
        ("to:list", to("list")),
        ("to-only:list", Row(To, "list")),
        ("cc:spamassassin", Row(Cc, "spamassassin")),
        (
            "to:(fork NEAR/3 example)",
            Any(vec![
                Near(To, "fork", "example", 3),
                Near(Cc, "fork", "example", 3),
            ]),
        ),
        ("list:ilug", Row(List, "ilug")),
        ("list:linux", Row(List, "linux")),
        ("-list:linux", not(Row(List, "linux"))),
        (
            "header:x-mailer:outlook",
            Row(Header("x-mailer"), "outlook"),
        ),
        (
            "header:x-mailer:\"microsoft outlook\"",
            Row(Header("x-mailer"), "microsoft outlook"),
        ),
        ("header:precedence:bulk", Row(Header("precedence"), "bulk")),
        (
            "header:user-agent:mutt*",
            Row(Header("user-agent"), "mutt*"),
        ),
        ("header:x-priority:3", Row(Header("x-priority"), "3")),
        ("header:x-spam-level:x", Row(Header("x-spam-level"), "x")),
        ("has:attachment", Fact(|mail| mail.head.attachments > 0)),
        (
            "-has:attachment body:free",
            All(vec![
                Fact(|mail| mail.head.attachments == 0),
                Row(Body, "free"),
            ]),
        ),
        (
            "filename:*.txt",
            Fact(|mail| {
                mail.head
                    .filenames
                    .iter()
                    .any(|name| name.to_lowercase().ends_with(".txt"))
            }),
        ),
        ("filename:signature", Row(Filename, "signature")),
        (
            "type:html",
            Fact(|mail| mail.kinds.iter().any(|kind| kind == "html")),
        ),
        (
            "type:txt OR type:jpeg",
            Fact(|mail| mail.kinds.iter().any(|kind| kind == "txt" || kind == "jpg")),
        ),
        ("size>10kB", Fact(|mail| mail.size > 10_000)),
        ("size<=1KiB", Fact(|mail| mail.size <= 1_024)),
        (
            "size:2kB..3kB",
            Fact(|mail| (2_000..=3_000).contains(&mail.size)),
        ),
        ("sent:2002-08", Fact(|mail| mail.sent(AUGUST, SEPTEMBER))),
        (
            "sent:2002-08-05..2002-08-07",
            Fact(|mail| mail.sent(AUGUST + 4 * 86_400, AUGUST + 7 * 86_400)),
        ),
        ("sent>=2002-09", Fact(|mail| mail.sent(SEPTEMBER, i64::MAX))),
        ("before:2002-08", Fact(|mail| mail.sent(i64::MIN, AUGUST))),
        (
            "-sent:..9999",
            Fact(|mail| !mail.sent(i64::MIN, 253_402_300_800)),
        ),
        (
            "subject:linux from:ie sent:2002 OR header:x-mailer:eudora",
            Any(vec![
                All(vec![
                    Row(Where::Subject, "linux"),
                    Row(From, "ie"),
                    Fact(|mail| mail.sent(1_009_843_200, 1_041_379_200)),
                ]),
                Row(Header("x-mailer"), "eudora"),
            ]),
        ),
        ("in:Lists/golden", Fact(|_| true)),
        ("mailbox:ann@example.org -in:Other", Fact(|_| true)),
        ("*", Fact(|_| true)),
        ("-*", Fact(|_| false)),
    ]
}

/// Real mail; true if all of it can be read without knowing file formats, so that nothing
/// which is unknown to the scan can be known to the archive.
async fn real(archive: &Archive) -> bool {
    let options = ImportOptions {
        folder: Some("Lists/golden".into()),
        ..ImportOptions::new(ANN)
    };
    if let Some(raid) = corpus::linux_raid_mbox().unwrap() {
        archive.import_with(mbox(&raid), &options).await.unwrap();
        return false;
    }
    let dir = tempfile::tempdir().unwrap();
    let mails = corpus::spam_assassin().unwrap();
    let known = mails
        .iter()
        .filter(|mail| !Plain::read(&mail.bytes).attachments_unread);
    let mut count = 0;
    for (number, mail) in known.enumerate() {
        write(&dir.path().join(format!("{number}.eml")), &mail.bytes);
        count = number;
    }
    assert!(count > mails.len() * 9 / 10, "{count}");
    archive
        .import_with(eml(dir.path()), &options)
        .await
        .unwrap();
    true
}

/// The copies for which a query holds.
async fn ids(archive: &Archive, query: &str) -> BTreeSet<Digest> {
    let query = parse(query).unwrap();
    let mut walk = archive
        .tenant
        .walk(&query, &Scope::Everything)
        .await
        .unwrap();
    let mut ids = BTreeSet::new();
    while walk.left() > 0 {
        ids.extend(
            walk.next()
                .await
                .unwrap()
                .into_iter()
                .map(|held| held.unwrap().id),
        );
    }
    ids
}

/// Hits whose ids are compared, not only their number.
const COMPARED: usize = 400;

#[test]
fn queries_find_what_a_plain_scan_finds() {
    ends(async {
        let archive = Archive::new().await;
        let readable = real(&archive).await;
        let table: Vec<(&str, Means)> = words().into_iter().chain(facts()).collect();
        assert!(table.len() >= 60);
        let mut found: Vec<(BTreeSet<Digest>, u64)> = vec![Default::default(); table.len()];
        archive
            .each(|id, raw| {
                let mail = Plain::read(raw);
                for ((_, means), (hits, unknown)) in table.iter().zip(&mut found) {
                    match mail.holds(means) {
                        Some(true) => drop(hits.insert(id)),
                        Some(false) => {}
                        None => *unknown += 1,
                    }
                }
            })
            .await;
        let mut faults = Vec::new();
        let mut telling = 0;
        for ((query, _), (hits, unknown)) in table.iter().zip(&found) {
            let request = SearchRequest {
                by: By::Copy,
                limit: 1,
                ..SearchRequest::new(parse(query).unwrap())
            };
            let page = archive.tenant.search(&request).await.unwrap();
            let (least, open) = (hits.len() as u64, if readable { 0 } else { *unknown });
            if !(least..=least + open).contains(&page.copies) {
                let wrong: Vec<String> = ids(&archive, query)
                    .await
                    .symmetric_difference(hits)
                    .take(3)
                    .map(|id| format!("{id}"))
                    .collect();
                faults.push(format!(
                    "{query}: {} copies, the scan has {least} and {unknown} unknown; {}",
                    page.copies,
                    wrong.join(" ")
                ));
            } else if hits.len() < COMPARED && open == 0 && ids(&archive, query).await != *hits {
                faults.push(format!("{query}: as many, but others"));
            }
            telling += usize::from(!hits.is_empty());
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        // The table was made for the SpamAssassin mail; a list of one topic answers less of it.
        let enough = table.len() * if readable { 4 } else { 2 } / 5;
        assert!(
            telling >= enough,
            "{telling} queries of {} find anything",
            table.len()
        );
    });
}
