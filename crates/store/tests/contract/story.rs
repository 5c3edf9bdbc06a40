//! The story: every verb of the store, asked in one order, and what it answers.

use std::fmt::Debug;

use everpost_store::{Options, Result, Store, StoreError, Tenant};

use super::mails::Mails;
use super::place::{Kind, Place};
use super::transcript::{Line, Masks, Transcript};
use super::verbs;

/// How often a verb is asked until it is done: each time it is left alone for twice as long.
const PATIENCE: u32 = 24;

/// A story under way.
pub(crate) struct Story {
    pub(crate) place: Place,
    pub(crate) mails: Mails,
    /// The recovery key that the archive was made with.
    pub(crate) recovery: String,
    open: Option<(Store, Tenant)>,
    masks: Masks,
    lines: Vec<Line>,
    chapter: &'static str,
    /// Verbs that were asked again.
    repeats: u64,
}

/// Tells the story at a place.
pub(crate) async fn tell(place: Place) -> (Transcript, Faulty) {
    let mut story = Story::new(place);
    verbs::tell(&mut story).await;
    let faulty = Faulty {
        failures: story.place.failures(),
        repeats: story.repeats,
    };
    let transcript = Transcript {
        place: story.place.name,
        lines: story.lines,
    };
    (transcript, faulty)
}

/// What went wrong on the way.
#[derive(Debug)]
pub(crate) struct Faulty {
    /// Effects on objects.
    pub(crate) failures: u64,
    /// Verbs that had to be asked again.
    pub(crate) repeats: u64,
}

impl Story {
    fn new(place: Place) -> Self {
        let mails = Mails::new();
        let mut masks = Masks::new();
        masks.hide(place.folder().display().to_string(), "folder");
        for mail in &mails.named {
            masks.name(&mail.id(), mail.name);
        }
        for (number, mail) in mails.crowd.iter().enumerate() {
            let id = everpost_domain::digest::Digest::of(mail);
            masks.name(&id, &format!("crowd {number}"));
        }
        Story {
            place,
            mails,
            recovery: String::new(),
            open: None,
            masks,
            lines: Vec::new(),
            chapter: "",
            repeats: 0,
        }
    }

    /// The lines that follow are of another chapter.
    pub(crate) fn chapter(&mut self, name: &'static str) {
        self.chapter = name;
    }

    /// Shows `text` as `<name>` from now on.
    pub(crate) fn hide(&mut self, text: impl Into<String>, name: &str) {
        self.masks.hide(text, name);
    }

    /// The open store.
    pub(crate) fn store(&self) -> Store {
        self.open.as_ref().expect("the store is open").0.clone()
    }

    /// Its tenant.
    pub(crate) fn tenant(&self) -> Tenant {
        self.open.as_ref().expect("the store is open").1.clone()
    }

    /// The story goes on with this store.
    pub(crate) fn go_on_with(&mut self, store: Store) {
        let tenant = store.tenant(Some("default")).unwrap();
        self.open = Some((store, tenant));
    }

    /// Nobody has the store open any more.
    pub(crate) fn let_go(&mut self) -> Store {
        let (store, tenant) = self.open.take().expect("the store is open");
        drop(tenant);
        store
    }

    /// Opens the store, however often it takes.
    pub(crate) async fn open(&mut self, options: Options) -> Result<everpost_store::Opened> {
        self.done(async || Store::open(options.clone()).await).await
    }

    /// What a verb answers when nothing keeps it from that. All verbs that touch objects may be
    /// asked again until they are done: that is their contract, and what the faulty places are
    /// for.
    pub(crate) async fn done<T>(&mut self, mut verb: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        self.until(async || verb().await, |_| false).await
    }

    /// As [`Story::done`], also until an answer has nothing in it that is `marred` by a fault.
    pub(crate) async fn until<T>(
        &mut self,
        mut verb: impl AsyncFnMut() -> Result<T>,
        marred: impl Fn(&T) -> bool,
    ) -> Result<T> {
        for times in 1..PATIENCE {
            self.place.before_verb();
            let answer = verb().await;
            let again = match &answer {
                Ok(answer) => self.place.is_faulty() && marred(answer),
                Err(error) => self.place.brought_about(error),
            };
            if !again {
                if times > 1 {
                    self.place.after_failures(0);
                }
                return answer;
            }
            self.repeats += 1;
            self.place.after_failures(times);
        }
        panic!(
            "{}: a verb of `{}` is never done",
            self.place.name, self.chapter
        );
    }

    /// Asks a verb and writes down what it answers; gives the answer back.
    pub(crate) async fn ask<T: Debug>(
        &mut self,
        what: &str,
        verb: impl AsyncFnMut() -> Result<T>,
    ) -> Result<T> {
        let answer = self.done(verb).await;
        self.answer(what, &answer);
        answer
    }

    /// Writes down what a verb answered.
    pub(crate) fn answer<T: Debug>(&mut self, what: &str, answer: &Result<T>) {
        match answer {
            Ok(answer) => self.say(what, answer),
            Err(error) => self.say_text(what, &told(error)),
        }
    }

    /// Writes down something that was answered.
    pub(crate) fn say(&mut self, what: &str, answer: &impl Debug) {
        self.say_text(what, &format!("{answer:?}"));
    }

    pub(crate) fn say_text(&mut self, what: &str, answer: &str) {
        let text = self.masks.mask(&format!("{what}: {answer}"));
        let chapter = self.chapter;
        self.lines.push(Line { chapter, text });
    }

    /// Writes down the code of an error whose text is about this place alone.
    pub(crate) fn code<T>(&mut self, what: &str, answer: &Result<T>) {
        let code = match answer {
            Ok(_) => "done",
            Err(error) => error.code(),
        };
        self.say_text(what, code);
    }

    /// True where the catalog is a file.
    pub(crate) fn is_faulty(&self) -> bool {
        self.place.is_faulty()
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.place.kind == Kind::Embedded
    }
}

/// An error as it stands in a transcript.
fn told(error: &StoreError) -> String {
    format!("{} {error} ({})", error.code(), error.hint())
}
