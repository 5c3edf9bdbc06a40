//! From templates to text: slots get names, numbers, dates and other fragments, and
//! sentences become paragraphs.

use super::calendar::Civil;
use super::english::{CLOSERS, GENERAL, OPENERS, SLOTS, Topic};
use super::letter::local_date;
use super::people::{Lang, Person, STAFF};
use super::random::Random;
use super::world::tongue;

/// What stays the same through one conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    pub(super) when: i64,
    pub(super) lang: Lang,
    pub(super) project: &'static str,
    pub(super) code: String,
}

impl Context {
    /// A conversation that begins at `when`.
    pub(super) fn new(when: i64, lang: Lang, random: &mut Random) -> Self {
        let projects = SLOTS.first().map_or(&[][..], |(_, texts)| *texts);
        let year = Civil::of(when).year;
        Context {
            when,
            lang,
            project: random.pick(projects),
            code: format!("LQ-{year}-{:04}", random.between(1, 9_800)),
        }
    }

    /// `template` with every slot filled.
    pub(super) fn fill(&self, template: &str, random: &mut Random) -> String {
        let mut out = template.to_owned();
        // A filler may hold slots; three rounds are more than any nests.
        for _ in 0..3 {
            out = self.round(&out, random);
        }
        out
    }

    /// One pass over the slots of `template`.
    fn round(&self, template: &str, random: &mut Random) -> String {
        let mut out = String::with_capacity(template.len() * 2);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((slot, tail)) = after.split_once('}') else {
                break;
            };
            out.push_str(before);
            out.push_str(&self.slot(slot, random));
            rest = tail;
        }
        out.push_str(rest);
        out
    }

    /// What stands in one slot.
    fn slot(&self, name: &str, random: &mut Random) -> String {
        match name {
            "project" => self.project.to_owned(),
            "code" if self.lang != Lang::English || random.chance(60) => self.code.clone(),
            "code" => format!(
                "LQ-{}-{:04}",
                Civil::of(self.when).year,
                random.between(1, 9_800)
            ),
            "n" | "n2" => random.between(5, 95).to_string(),
            "few" => random.between(2, 9).to_string(),
            "big" | "big2" => format!(
                "{},{:03}",
                random.between(1, 48),
                random.between(0, 99) * 10
            ),
            "percent" => random.between(2, 98).to_string(),
            "amount" | "amount2" => amount(random),
            "invoice" => format!(
                "INV-{}-{:05}",
                Civil::of(self.when).year,
                random.between(100, 99_000)
            ),
            "time" => format!(
                "{:02}:{:02}",
                random.between(7, 17),
                random.pick(&[0, 10, 15, 20, 30, 40, 45, 50])
            ),
            "week" => format!(
                "week {}",
                1 + (Civil::of(self.when).month - 1) * 52 / 12 + Civil::of(self.when).day / 7
            ),
            "date" => {
                let at = Civil::of(self.when + 86_400 * random.between(2, 45));
                local_date(&at, self.lang)
            }
            "who" => random.pick(&STAFF).latin.to_owned(),
            _ => SLOTS
                .iter()
                .find(|(slot, _)| *slot == name)
                .map_or("", |(_, texts)| random.pick(texts))
                .to_owned(),
        }
    }

    /// A subject: of the topic in English, of the language otherwise.
    pub(super) fn subject(&self, topic: &Topic, random: &mut Random) -> String {
        let template = tongue(self.lang).map_or(topic.subjects, |tongue| tongue.subjects);
        let template = random.pick(template);
        self.fill(template, random)
    }

    /// A letter's paragraphs: greeting, some sentences, farewell with the first name.
    pub(super) fn letter(
        &self,
        topic: &Topic,
        from: &Person,
        to: &Person,
        length: usize,
        random: &mut Random,
    ) -> Vec<String> {
        let other = tongue(self.lang);
        let opener = random.pick(other.map_or(&OPENERS, |tongue| tongue.openers));
        let closer = random.pick(other.map_or(&CLOSERS, |tongue| tongue.closers));
        let name = greeting(to, self.lang);
        let mut out = vec![self.fill(&opener.replace("{name}", &name), random)];
        out.extend(self.paragraphs(topic, length, random));
        out.push(format!(
            "{}\n{}",
            self.fill(closer, random),
            greeting(from, self.lang)
        ));
        out
    }

    /// `length` different sentences in paragraphs of one to four.
    pub(super) fn paragraphs(
        &self,
        topic: &Topic,
        length: usize,
        random: &mut Random,
    ) -> Vec<String> {
        let sentences = match tongue(self.lang) {
            Some(tongue) => random.sample(tongue.sentences, length),
            None => {
                let of_topic = random.sample(topic.sentences, length - length / 3);
                let general = random.sample(&GENERAL, length / 3);
                let all: Vec<&'static str> = of_topic.into_iter().chain(general).collect();
                let count = all.len();
                random.sample(&all, count)
            }
        };
        // Chinese and Japanese put no blank between sentences.
        let between = if matches!(self.lang, Lang::Chinese | Lang::Japanese) {
            ""
        } else {
            " "
        };
        let mut out = Vec::new();
        let mut paragraph: Vec<String> = Vec::new();
        let mut size = random.between(1, 4) as usize;
        for sentence in sentences {
            paragraph.push(capital(&self.fill(sentence, random)));
            if paragraph.len() >= size {
                out.push(std::mem::take(&mut paragraph).join(between));
                size = random.between(1, 4) as usize;
            }
        }
        if !paragraph.is_empty() {
            out.push(paragraph.join(between));
        }
        out
    }
}

/// The name by which `person` is greeted in `lang`.
fn greeting(person: &Person, lang: Lang) -> String {
    match lang {
        Lang::English => person.first.to_owned(),
        Lang::Chinese | Lang::Korean => person.name.to_owned(),
        // Japanese colleagues use the family name, which comes first.
        _ => person.name.split(' ').next().unwrap_or_default().to_owned(),
    }
}

/// A sum of money in one of the firm's currencies.
pub(super) fn amount(random: &mut Random) -> String {
    let currency = random.pick(&["EUR", "EUR", "EUR", "GBP", "SEK", "USD"]);
    let thousands = if random.chance(88) {
        random.between(1, 480)
    } else {
        0
    };
    let (rest, cents) = (random.between(0, 999), random.pick(&[0, 0, 50, 75, 20, 90]));
    if thousands > 0 {
        format!("{currency} {thousands},{rest:03}.{cents:02}")
    } else {
        format!("{currency} {rest}.{cents:02}")
    }
}

/// `text` with a capital first letter: a slot may stand at the start of a sentence.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
