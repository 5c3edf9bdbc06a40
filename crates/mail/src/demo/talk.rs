//! Conversations: the told scenes, and generated threads of colleagues and partners.

use super::calendar::at_work;
use super::encode::field;
use super::english::{TOPICS, Topic};
use super::files;
use super::fill::Context;
use super::letter::{Letter, Posted, message_id};
use super::papers;
use super::people::{LISTS, Lang, List, Mailer, PARTNERS, Person, STAFF, staff};
use super::post::Mail;
use super::random::Random;
use super::scenes::Scene;

/// The languages in the order in which the demo goes round them.
const LANGS: [Lang; 11] = [
    Lang::German,
    Lang::Japanese,
    Lang::French,
    Lang::Polish,
    Lang::Greek,
    Lang::Spanish,
    Lang::Korean,
    Lang::Russian,
    Lang::Chinese,
    Lang::Arabic,
    Lang::English,
];

/// A thread of mails in the making: each answers the one before.
struct Thread {
    seed: u64,
    mails: Vec<Mail>,
    last: Option<(Letter, Posted)>,
}

impl Thread {
    fn new(seed: u64) -> Self {
        Thread {
            seed,
            mails: Vec::new(),
            last: None,
        }
    }

    /// Add `letter` as the thread's next mail. `random` decides boundaries and the like.
    fn add(
        &mut self,
        mut letter: Letter,
        folder: &'static str,
        list_fields: Vec<u8>,
        readers: Vec<Person>,
        random: &mut Random,
    ) {
        letter.id = message_id(&letter.from, letter.sent, random);
        if let Some((parent, posted)) = &self.last {
            letter.references = parent.references.clone();
            letter.references.push(parent.id.clone());
            letter.quote = Some(posted.quoted(parent));
            if let Some(answered) = self.mails.last_mut() {
                answered.answered.push(letter.from);
            }
        }
        letter.signed = !letter.from.title.is_empty();
        // The firm's letterhead: HTML mail of some people shows the mark.
        if letter.from.is_staff()
            && letter.from.mailer == Mailer::Office
            && letter.from.local.len().is_multiple_of(2)
        {
            letter.files.push(papers::logo(self.seed));
        }
        let posted = letter.post(random);
        self.mails.push(Mail {
            raw: posted.raw.clone(),
            sent: letter.sent,
            from: letter.from,
            readers,
            folder,
            answered: Vec::new(),
            list_fields,
        });
        self.last = Some((letter, posted));
    }
}

/// People by their local parts, parted by blanks; `*` is everybody.
fn cast(names: &str) -> Vec<Person> {
    if names == "*" {
        STAFF.to_vec()
    } else {
        names.split_whitespace().map(staff).collect()
    }
}

/// A told story.
pub(super) fn scene(seed: u64, scene: &Scene, random: &mut Random) -> Vec<Mail> {
    let mut thread = Thread::new(seed);
    let mut sent = scene.at;
    for line in scene.lines {
        let from = staff(line.from);
        sent += line.after * 3_600 + random.between(0, 900);
        let (to, cc) = (cast(line.to), cast(line.cc));
        let to: Vec<Person> = to.into_iter().filter(|one| !one.is(&from)).collect();
        let readers = to.iter().chain(&cc).copied().collect();
        let re = if thread.last.is_some() { "Re: " } else { "" };
        let letter = Letter {
            from,
            to,
            cc,
            sent,
            subject: format!("{re}{}", scene.subject),
            paragraphs: line.text.split("\n\n").map(str::to_owned).collect(),
            files: line
                .files
                .split_whitespace()
                .map(|name| papers::shared(seed, name))
                .collect(),
            ..Letter::default()
        };
        thread.add(letter, scene.folder, Vec::new(), readers, random);
    }
    thread.mails
}

/// Who takes part in a generated thread, the one who begins it first.
fn company(lang: Lang, random: &mut Random) -> Vec<Person> {
    let same = |one: &&Person| lang == Lang::English || one.lang == lang;
    let inside: Vec<Person> = STAFF.iter().filter(same).copied().collect();
    let count = random.pick(&[2, 2, 2, 2, 3, 3, 4]);
    let mut out = random.sample(&inside, count);
    if random.chance(40) {
        let outside: Vec<Person> = PARTNERS.iter().filter(same).copied().collect();
        out.extend(random.sample(&outside, 1));
        let last = out.len().saturating_sub(1);
        if random.chance(50) {
            out.swap(0, last);
        }
    }
    out
}

/// A generated thread that begins at about `when`; the `turn`-th of the demo.
pub(super) fn thread(seed: u64, when: i64, turn: usize, random: &mut Random) -> Vec<Mail> {
    // Every language has its turn, however few mails are asked for; else half is English.
    let lang = match turn % 3 {
        0 => LANGS
            .get(turn / 3 % LANGS.len())
            .copied()
            .unwrap_or_default(),
        1 => Lang::English,
        _ => random.pick(&LANGS),
    };
    let people = company(lang, random);
    let topic = random.pick(&TOPICS);
    let mut context = Context::new(when, lang, random);
    if (1_696_800_000..1_710_000_000).contains(&when) && random.chance(12) {
        context.project = "Pier 7";
    }
    let length = random.pick(&[1, 1, 2, 2, 3, 3, 4, 5, 7]);
    converse(seed, &people, &topic, &context, length, None, random)
}

/// A thread on a mailing list.
pub(super) fn list_thread(seed: u64, when: i64, random: &mut Random) -> Vec<Mail> {
    let list = random.pick(&LISTS);
    let mut people = random.sample(&STAFF, 4);
    people.extend(random.sample(&PARTNERS, 2));
    let count = people.len();
    let people = random.sample(&people, count);
    let context = Context::new(when, Lang::English, random);
    // The first two topics are engineering.
    let topic = random.pick(TOPICS.get(..2).unwrap_or_default());
    let length = random.pick(&[1, 2, 3, 4, 6]);
    converse(seed, &people, &topic, &context, length, Some(list), random)
}

/// `length` mails among `people` about `topic`.
fn converse(
    seed: u64,
    people: &[Person],
    topic: &Topic,
    context: &Context,
    length: usize,
    list: Option<List>,
    random: &mut Random,
) -> Vec<Mail> {
    let mut thread = Thread::new(seed);
    let mut subject = context.subject(topic, random);
    if let Some(list) = &list {
        subject = format!("[{}] {subject}", list.tag);
    } else if random.chance(6) {
        // Some people put the whole question into the subject.
        let more = context.paragraphs(topic, 2, random).join(" ");
        subject = format!("{subject} - {}", more.trim_end_matches('.'));
    }
    let mut sent = context.when;
    let mut from = people.first().copied().unwrap_or_default();
    for turn in 0..length {
        if turn > 0 {
            let others: Vec<Person> = people
                .iter()
                .filter(|one| !one.is(&from))
                .copied()
                .collect();
            from = random.pick(&others);
            sent += random.between(900, 100_000);
        }
        sent = at_work(sent, from.zone, random);
        let others: Vec<Person> = people
            .iter()
            .filter(|one| !one.is(&from))
            .copied()
            .collect();
        let before = thread.mails.last().map(|mail| mail.from);
        let first = before.or(others.first().copied()).unwrap_or_default();
        let cc: Vec<Person> = others
            .iter()
            .filter(|one| !one.is(&first))
            .copied()
            .collect();
        let sentences = if turn == 0 {
            random.between(3, 14)
        } else {
            random.between(1, 9)
        };
        let here = Context {
            when: sent,
            ..context.clone()
        };
        let mut letter = Letter {
            from,
            sent,
            subject: if turn == 0 {
                subject.clone()
            } else {
                format!("Re: {subject}")
            },
            lang: context.lang,
            paragraphs: here.letter(topic, &from, &first, sentences as usize, random),
            files: papers::occasional(seed, &here, others.len(), random),
            ..Letter::default()
        };
        let mut fields = Vec::new();
        match &list {
            Some(list) => {
                let address = format!("{}@{}", list.local, list.domain);
                field(
                    "List-Id",
                    &format!("{} <{}.{}>", list.title, list.local, list.domain),
                    &mut fields,
                );
                field("List-Post", &format!("<mailto:{address}>"), &mut fields);
                field("Precedence", "list", &mut fields);
                letter.list = Some((list.title.to_owned(), address));
            }
            None => {
                letter.to = vec![first];
                letter.cc = cc;
            }
        }
        let folder = if list.is_some() {
            "Lists/Engineering"
        } else {
            topic.folder
        };
        thread.add(letter, folder, fields, others, random);
    }
    if list.is_none() && random.chance(9) {
        forward(&mut thread, context, topic, random);
    }
    thread.mails
}

/// Somebody of the thread sends its last mail on, whole, to a colleague.
fn forward(thread: &mut Thread, context: &Context, topic: &Topic, random: &mut Random) {
    let Some((last, posted)) = thread.last.take() else {
        return;
    };
    let from = last
        .to
        .iter()
        .chain([&last.from])
        .find(|one| one.is_staff())
        .copied()
        .unwrap_or_default();
    let strangers: Vec<Person> = STAFF.iter().filter(|one| !one.is(&from)).copied().collect();
    let to = random.pick(&strangers);
    if !from.is_staff() {
        return;
    }
    let english = Context {
        lang: Lang::English,
        ..context.clone()
    };
    let letter = Letter {
        from,
        to: vec![to],
        sent: at_work(last.sent + random.between(1_800, 90_000), from.zone, random),
        subject: format!("Fwd: {}", last.subject),
        paragraphs: english.letter(topic, &from, &to, 2, random),
        enclosed: Some(posted.raw),
        ..Letter::default()
    };
    thread.add(letter, topic.folder, Vec::new(), vec![to], random);
}

/// An invitation to a meeting.
pub(super) fn invitation(seed: u64, when: i64, random: &mut Random) -> Vec<Mail> {
    let people = random.sample(&STAFF, 5);
    let Some((from, others)) = people.split_first() else {
        return Vec::new();
    };
    let context = Context::new(when, Lang::English, random);
    let topic = random.pick(&TOPICS);
    let sent = at_work(when, from.zone, random);
    let summary = context.subject(&topic, random);
    let start = at_work(sent + 86_400 * random.between(2, 12), from.zone, random) / 900 * 900;
    let pairs: Vec<(String, String)> = people
        .iter()
        .map(|one| (one.latin.to_owned(), one.address()))
        .collect();
    let uid = format!("{}@calendar.lindholm-quay.example", random.hex(24));
    let room = context.fill("Room {few}, {city}", random);
    let letter = Letter {
        from: *from,
        to: others.to_vec(),
        sent,
        subject: format!("Invitation: {summary}"),
        paragraphs: context.letter(&topic, from, from, 4, random),
        files: vec![files::invite(
            &uid,
            sent,
            start,
            random.pick(&[30, 45, 60, 90]),
            &summary,
            &room,
            &pairs,
        )],
        ..Letter::default()
    };
    let mut thread = Thread::new(seed);
    thread.add(letter, "Meetings", Vec::new(), others.to_vec(), random);
    thread.mails
}
