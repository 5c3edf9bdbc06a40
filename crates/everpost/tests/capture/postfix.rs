//! Postfix sends copies while the service dies again and again.

use std::collections::{BTreeMap, BTreeSet};

use everpost_codec::maillog::{Entry, Status, Stories, Story};
use everpost_domain::digest::Digest;
use everpost_testkit::corpus;
use everpost_testkit::peers::Postfix;

use crate::client::Client;
use crate::{Archive, Dice};

const KILLS: u64 = 24;
/// New mail before each of them.
const EACH: usize = 8;
const HIDDEN: &str = "hidden@example.test";

/// Real mails that SMTP carries unchanged, each with a first field that names it, so that no two are alike.
fn letters(many: usize) -> Vec<Vec<u8>> {
    let all = corpus::spam_assassin().unwrap();
    let step = all.len() / (many * 2);
    let mails = all.into_iter().step_by(step).filter_map(|mail| {
        let mail = String::from_utf8_lossy(&mail.bytes).into_owned();
        // Its mbox line is none of the mail.
        let mail = match mail.starts_with("From ") {
            true => mail.split_once('\n')?.1.to_owned(),
            false => mail,
        };
        let text = mail.replace("\r\n", "\n");
        let plain = text.is_ascii() && !text.contains(['\r', '\0']) && text.len() < 100_000;
        // What is no header field would get an empty line before it.
        let (head, _) = text.split_once("\n\n")?;
        let fields = head.lines().all(|line| {
            line.starts_with([' ', '\t'])
                || line.split_once(':').is_some_and(|(name, _)| {
                    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
                })
        });
        (plain && fields).then(|| text.trim_end_matches('\n').replace('\n', "\r\n"))
    });
    let letters = mails.take(many).enumerate().map(|(number, mail)| {
        format!("X-Letter: {number}\r\nBcc: {HIDDEN}\r\n{mail}\r\n").into_bytes()
    });
    let letters: Vec<_> = letters.collect();
    assert_eq!(letters.len(), many);
    letters
}

fn sender(number: usize) -> String {
    format!("n{number}@feed.test")
}

/// Deliveries to the archive that the log calls done.
fn sent(log: &[u8]) -> usize {
    let lines = log.split(|byte| *byte == b'\n').filter_map(Entry::read);
    lines
        .filter(|entry| match &entry.event {
            everpost_codec::maillog::Event::Delivery(one) => {
                one.status == Status::Sent && one.to.ends_with("@archive.test")
            }
            _ => false,
        })
        .count()
}

/// What the log tells of each letter, by its sender.
fn stories(log: &[u8]) -> BTreeMap<String, Story> {
    let mut stories = Stories::new(0, 0);
    let entries = log.split(|byte| *byte == b'\n').filter_map(Entry::read);
    let mut done: Vec<Story> = entries.filter_map(|entry| stories.push(entry)).collect();
    done.extend(stories.finish());
    let named = done.into_iter();
    named
        .filter_map(|story| Some((story.from.clone()?, story)))
        .collect()
}

#[test]
fn nothing_that_postfix_saw_taken_is_lost() {
    let mut dice = Dice::new();
    let archive = Archive::new("domains = ['example.test']");
    let postfix = Postfix::journaling(&["u1", "hidden"]).unwrap();
    let listen = format!("journal={}", postfix.archive());
    let letters = letters(EACH * KILLS as usize);
    let mut client = Client::connect(postfix.address());
    for (round, some) in letters.chunks(EACH).enumerate() {
        let service = archive.serve(&listen);
        postfix.flush().unwrap();
        let before = sent(&postfix.log().unwrap());
        for (place, letter) in some.iter().enumerate() {
            let from = sender(round * EACH + place);
            let to = ["u1@example.test", HIDDEN, "u3@example.test"];
            let said = client.send(&from, &to, letter);
            assert!(said.starts_with("250 "), "{said}");
        }
        // Three recipients of each: there are more to come than are waited for.
        let wanted = before + dice.below(3 * EACH as u64) as usize;
        let reached = |log: &[u8]| sent(log) >= wanted;
        postfix.logs("some deliveries", reached).unwrap();
        service.kill();
    }
    client.quit();
    let service = archive.serve(&listen);
    postfix.drained().unwrap();
    service.stop();

    let log = postfix.log().unwrap();
    let stories = stories(&log);
    let copies = archive.copies();
    let kept = archive.within(false, async |tenant| {
        let mut kept = Vec::new();
        for id in &copies {
            let raw = tenant.raw(id).await.unwrap();
            kept.push((*id, raw, tenant.deliveries(id).await.unwrap()));
        }
        kept
    });
    let mut found: BTreeMap<usize, Digest> = BTreeMap::new();
    let mut deliveries = 0;
    for (id, raw, came) in kept {
        let letter = letters.iter().position(|letter| raw.ends_with(letter));
        let letter = letter.unwrap_or_else(|| panic!("{id} is no letter"));
        let before = &raw[..raw.len() - letters[letter].len()];
        assert!(before.starts_with(b"Received: "), "{id}");
        let twice = found.insert(letter, id);
        assert_eq!(twice, None, "one letter, one copy");
        let story = &stories[&sender(letter)];
        assert!(story.removed, "{story:?}");
        let sent: BTreeSet<String> = (story.sent().into_iter())
            .filter(|to| to.ends_with("@archive.test"))
            .collect();
        assert_eq!(sent.len(), 3, "{story:?}");
        let mut told = BTreeSet::new();
        for one in &came {
            let envelope = one.envelope.as_ref().unwrap();
            assert_eq!(envelope.sender, sender(letter));
            told.extend(envelope.recipients.iter().cloned());
        }
        assert_eq!(told, sent);
        deliveries += came.len();
    }
    let missing: Vec<usize> = (0..letters.len())
        .filter(|n| !found.contains_key(n))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    println!(
        "{KILLS} kills, {} letters, {} recipients that Postfix calls sent, {deliveries} deliveries",
        letters.len(),
        sent(&log)
    );
    assert_eq!(sent(&log), 3 * letters.len());
}
