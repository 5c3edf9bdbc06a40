//! One mail from its parts to its bytes: header, alternatives, attachments, as the
//! writer's mail program would have laid them out.

use super::calendar::{Civil, rfc5322};
use super::encode::{Charset, UTF8, field, phrase, words, wrap};
use super::files::{File, html_escape};
use super::parts::{file_part, mail_part, multipart, text_part};
use super::people::{HOME, Lang, Mailer, Person};
use super::random::Random;
use super::world::tongue;

/// A mail before it has bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Letter {
    pub(super) from: Person,
    pub(super) to: Vec<Person>,
    pub(super) cc: Vec<Person>,
    /// Stands in To in place of people, for lists and newsletters.
    pub(super) list: Option<(String, String)>,
    pub(super) sent: i64,
    pub(super) subject: String,
    pub(super) lang: Lang,
    pub(super) paragraphs: Vec<String>,
    /// Whether the HTML is laid out as a newsletter, with coloured boxes.
    pub(super) glossy: bool,
    pub(super) signed: bool,
    pub(super) quote: Option<Quote>,
    pub(super) files: Vec<File>,
    /// A whole mail, forwarded as message/rfc822.
    pub(super) enclosed: Option<Vec<u8>>,
    pub(super) id: String,
    pub(super) references: Vec<String>,
    pub(super) extra: Vec<(&'static str, String)>,
}

/// What a reply repeats of the mail it answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Quote {
    intro: String,
    plain: String,
    html: String,
}

/// A mail that has bytes, with what a reply to it needs.
#[derive(Debug, Clone, Default)]
pub(super) struct Posted {
    pub(super) raw: Vec<u8>,
    plain: String,
    html: String,
}

impl Posted {
    /// This mail as a reply quotes it.
    pub(super) fn quoted(&self, letter: &Letter) -> Quote {
        let at = Civil::local(letter.sent, letter.from.zone);
        let time = format!("{:02}:{:02}", at.hour, at.minute);
        let intro = match tongue(letter.lang) {
            Some(tongue) => {
                let date = local_date(&at, letter.lang);
                tongue
                    .wrote
                    .replace("{date}", &date)
                    .replace("{time}", &time)
                    .replace("{who}", letter.from.name)
            }
            None => format!(
                "On {}, {} {} {} at {time}, {} wrote:",
                at.weekday_name(),
                at.day,
                at.month_name(),
                at.year,
                letter.from.name
            ),
        };
        Quote {
            intro,
            plain: self.plain.clone(),
            html: self.html.clone(),
        }
    }
}

/// A date as people write it in `lang`.
pub(super) fn local_date(at: &Civil, lang: Lang) -> String {
    match lang {
        Lang::English => format!("{} {}", at.day, at.month_name()),
        Lang::German | Lang::Polish | Lang::Russian => {
            format!("{:02}.{:02}.{}", at.day, at.month, at.year)
        }
        Lang::French | Lang::Spanish | Lang::Greek | Lang::Arabic => {
            format!("{:02}/{:02}/{}", at.day, at.month, at.year)
        }
        Lang::Japanese | Lang::Chinese => format!("{}年{}月{}日", at.year, at.month, at.day),
        Lang::Korean => format!("{}년 {}월 {}일", at.year, at.month, at.day),
    }
}

/// A new Message-ID in the manner of the writer's mail program, without brackets.
pub(super) fn message_id(from: &Person, sent: i64, random: &mut Random) -> String {
    match from.mailer {
        Mailer::Office => format!("{}@mx1.{}", random.hex(32).to_uppercase(), from.domain),
        Mailer::Web => format!("CA{}@mail.{}", random.hex(40), from.domain),
        Mailer::Plain => format!(
            "{}-{}-{}-{}@{}",
            random.hex(8),
            random.hex(4),
            random.hex(4),
            random.hex(12),
            from.domain
        ),
        Mailer::Old => format!(
            "{}.{}.{}@{}",
            Civil::of(sent).compact(),
            random.hex(6),
            from.local,
            from.domain
        ),
        Mailer::Phone => format!("{}@phone.{}", random.hex(24).to_uppercase(), from.domain),
    }
}

/// The lines under a mail.
fn signature(from: &Person) -> String {
    if from.mailer == Mailer::Phone {
        return "Sent from a phone at the quayside\n".to_owned();
    }
    let firm = if from.domain == HOME {
        "Lindholm Quay Marine Engineering"
    } else {
        from.domain
    };
    let mut out = format!(
        "-- \n{}\n{}\n{firm}, {}\n{}\n",
        from.name, from.title, from.city, from.phone
    );
    if from.domain == HOME && from.mailer == Mailer::Office {
        out.push_str(
            "\nLindholm Quay Marine Engineering AB, registered in Göteborg. This mail is meant for the persons it is\n\
             addressed to; if it reached you by mistake, please tell the sender and delete it.\n",
        );
    }
    out
}

/// The HTML page around `inner`.
fn page(letter: &Letter, inner: &str) -> String {
    let code = tongue(letter.lang).map_or("en", |tongue| tongue.code);
    let direction = if letter.lang == Lang::Arabic {
        " dir=\"rtl\""
    } else {
        ""
    };
    let style = match letter.from.mailer {
        _ if letter.glossy => {
            "body{margin:0;background:#eef3f6;font-family:Georgia,serif}\n.sheet{max-width:640px;margin:0 auto;background:#ffffff;padding:24px}\n\
             h1{color:#0b3c5d;font-size:22px;border-bottom:3px solid #d9b310}\n.item{border:1px solid #c9d6df;border-radius:6px;padding:12px;margin:12px 0}\n\
             .foot{color:#6b7b86;font-size:11px;text-align:center}\na{color:#328cc1;text-decoration:none}\n"
        }
        Mailer::Office => {
            "@font-face{font-family:\"Harbour Sans\";panose-1:2 15 5 2 2 2 4 3 2 4}\np.msg,li.msg,div.msg{margin:0cm;font-size:11.0pt;font-family:\"Harbour Sans\",sans-serif}\n\
             a:link,span.link{color:#0563C1;text-decoration:underline}\nspan.mail{font-family:\"Harbour Sans\",sans-serif;color:windowtext}\n\
             .default{font-size:10.0pt}\n@page Section1{size:612.0pt 792.0pt;margin:70.85pt 70.85pt 2.0cm 70.85pt}\ndiv.section{page:Section1}\n"
        }
        _ => {
            "p{margin:0 0 1em 0}blockquote{margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex}\n"
        }
    };
    format!(
        "<html lang=\"{code}\"{direction}>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html\">\n<style>\n{style}</style>\n</head>\n<body>\n{inner}</body>\n</html>\n"
    )
}

/// The inside of the HTML body: own words, signature, quoted mail.
fn html_inner(letter: &Letter) -> String {
    let class = if letter.from.mailer == Mailer::Office && !letter.glossy {
        " class=\"msg\""
    } else {
        ""
    };
    let mut out = String::new();
    if letter.glossy {
        out.push_str(&format!(
            "<div class=\"sheet\">\n<h1>{}</h1>\n",
            html_escape(&letter.subject)
        ));
    }
    for paragraph in &letter.paragraphs {
        let text = html_escape(paragraph).replace('\n', "<br>\n");
        if letter.glossy {
            out.push_str(&format!("<div class=\"item\"><p>{text}</p></div>\n"));
        } else {
            out.push_str(&format!("<p{class}>{text}</p>\n"));
        }
    }
    if letter.glossy {
        out.push_str("<p class=\"foot\">You get this because somebody at your firm asked for it.</p>\n</div>\n");
    }
    if letter.signed {
        out.push_str(&format!(
            "<p{class}>{}</p>\n",
            html_escape(&signature(&letter.from)).replace('\n', "<br>\n")
        ));
    }
    if let Some(logo) = letter.files.iter().find_map(|file| file.inline.as_ref()) {
        out.push_str(&format!(
            "<p><img src=\"cid:{logo}\" alt=\"Lindholm Quay\" width=\"48\"></p>\n"
        ));
    }
    if let Some(quote) = &letter.quote {
        out.push_str(&format!(
            "<div>{}</div>\n<blockquote type=\"cite\">\n",
            html_escape(&quote.intro)
        ));
        // A long thread is cut where most programs would fold it away.
        let kept: Vec<&str> = quote.html.lines().take(40).collect();
        out.push_str(&kept.join("\n"));
        out.push_str("\n</blockquote>\n");
    }
    out
}

/// A list of people as the value of To or Cc.
fn addresses(people: &[Person], base64: bool) -> String {
    let one = |person: &Person| {
        let charset = if person.mailer == Mailer::Old && person.lang == Lang::Japanese {
            Charset("iso-2022-jp")
        } else {
            UTF8
        };
        format!(
            "{} <{}>",
            phrase(person.name, charset, base64),
            person.address()
        )
    };
    people.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl Letter {
    /// The bytes of this mail.
    pub(super) fn post(&self, random: &mut Random) -> Posted {
        let own = self.paragraphs.join("\n\n") + "\n";
        let mut tail = String::new();
        if self.signed {
            tail.push('\n');
            tail.push_str(&signature(&self.from));
        }
        if let Some(quote) = &self.quote {
            tail.push_str(&format!("\n{}\n", quote.intro));
            for line in quote.plain.lines().take(70) {
                let mark = if line.is_empty() || line.starts_with('>') {
                    ">"
                } else {
                    "> "
                };
                tail.push_str(&format!("{mark}{line}\n"));
            }
        }
        // Programs that write quoted-printable leave the breaking of lines to the reader.
        let loose = matches!(self.from.mailer, Mailer::Office | Mailer::Phone);
        let plain = wrap(&own, 74) + &tail;
        let written = if loose { own + &tail } else { plain.clone() };
        let inner = html_inner(self);
        let has_html = self.glossy
            || match self.from.mailer {
                Mailer::Office | Mailer::Web => !self.from.title.is_empty(),
                Mailer::Phone => self.sent % 3 != 0,
                Mailer::Old => self.sent % 4 == 0,
                Mailer::Plain => false,
            };
        let (inline, attached): (Vec<&File>, Vec<&File>) =
            self.files.iter().partition(|file| file.inline.is_some());
        let mut content = text_part("text/plain", &written, &self.from, self.lang);
        if has_html {
            let html = wrap(&page(self, &inner), 180);
            let mut rich = text_part("text/html", &html, &self.from, self.lang);
            if !inline.is_empty() {
                let mut parts = vec![rich];
                parts.extend(inline.iter().map(|file| file_part(file, &self.from)));
                rich = multipart("related", &parts, &self.from, random);
            }
            content = multipart("alternative", &[content, rich], &self.from, random);
        }
        if !attached.is_empty() || self.enclosed.is_some() {
            let mut parts = vec![content];
            parts.extend(attached.iter().map(|file| file_part(file, &self.from)));
            parts.extend(self.enclosed.iter().map(|mail| mail_part(mail)));
            content = multipart("mixed", &parts, &self.from, random);
        }
        let mut raw = self.header();
        raw.extend_from_slice(&content);
        Posted {
            raw,
            plain,
            html: inner,
        }
    }

    /// The header up to, not including, the fields of the content.
    fn header(&self) -> Vec<u8> {
        let base64 = self.from.mailer != Mailer::Office
            || !matches!(self.lang, Lang::English | Lang::German | Lang::Spanish);
        let charset = match (self.from.mailer, self.lang) {
            (Mailer::Old, Lang::Japanese) => Charset("iso-2022-jp"),
            (Mailer::Old, Lang::Russian) => Charset("koi8-r"),
            (Mailer::Old, Lang::German | Lang::French) => Charset("iso-8859-1"),
            _ => UTF8,
        };
        let mut out = Vec::new();
        let id = format!("<{}>", self.id);
        let date = rfc5322(self.sent, self.from.zone);
        let early = matches!(self.from.mailer, Mailer::Plain | Mailer::Old);
        if early {
            field("Message-ID", &id, &mut out);
            field("Date", &date, &mut out);
        }
        field(
            "From",
            &format!(
                "{} <{}>",
                phrase(self.from.name, charset, base64),
                self.from.address()
            ),
            &mut out,
        );
        match &self.list {
            Some((name, address)) => field(
                "To",
                &format!("{} <{address}>", phrase(name, UTF8, base64)),
                &mut out,
            ),
            None => field("To", &addresses(&self.to, base64), &mut out),
        }
        if !self.cc.is_empty() {
            field("Cc", &addresses(&self.cc, base64), &mut out);
        }
        field("Subject", &words(&self.subject, charset, base64), &mut out);
        if !early {
            field("Date", &date, &mut out);
            field("Message-ID", &id, &mut out);
        }
        if let Some(parent) = self.references.last() {
            field("In-Reply-To", &format!("<{parent}>"), &mut out);
            let all: Vec<String> = self.references.iter().map(|id| format!("<{id}>")).collect();
            field("References", &all.join(" "), &mut out);
        }
        for (name, value) in &self.extra {
            field(name, value, &mut out);
        }
        match self.from.mailer {
            Mailer::Plain => field("User-Agent", "Skerry/115.6 (X11; Linux)", &mut out),
            Mailer::Old => field("X-Mailer", "Quayside Post 5.51", &mut out),
            Mailer::Phone => field("X-Mailer", "Pocket Mail (21C62)", &mut out),
            Mailer::Office => {
                field(
                    "Thread-Topic",
                    &words(&self.subject, charset, base64),
                    &mut out,
                );
                field("Accept-Language", "en-GB, sv-SE, de-DE", &mut out);
            }
            Mailer::Web => {}
        }
        field("MIME-Version", "1.0", &mut out);
        out
    }
}
