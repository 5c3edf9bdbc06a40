//! Tests of THREAD.

use super::*;
use everpost_domain::message::scan;
use proptest::prelude::*;

/// A message: number, date, id, references, subject.
fn message(number: u32, sent: i64, id: &str, references: &[&str], subject: &str) -> Threadable {
    let base = base_subject(subject);
    Threadable {
        number,
        sent,
        id: (!id.is_empty()).then(|| id.as_bytes().to_vec()),
        references: references.iter().map(|id| id.as_bytes().to_vec()).collect(),
        subject: fold(&base.text),
        reply: base.reply,
    }
}

fn written(messages: &[Threadable], algorithm: ThreadAlgorithm) -> String {
    let mut out = Vec::new();
    thread(messages, algorithm).write(&mut out);
    String::from_utf8(out).unwrap()
}

fn references(messages: &[Threadable]) -> String {
    written(messages, ThreadAlgorithm::References)
}

fn refs(messages: &[Threadable]) -> String {
    written(messages, ThreadAlgorithm::Refs)
}

/// RFC 5256 §4: the answer that its THREAD examples explain.
#[test]
fn the_example_of_the_rfc() {
    let messages = [
        message(2, 1, "2", &[], "two"),
        message(3, 2, "3", &[], "three"),
        message(4, 4, "4", &["3", "6"], "three"),
        message(6, 3, "6", &["3"], "three"),
        message(7, 6, "7", &["44"], "three"),
        message(23, 9, "23", &["4"], "three"),
        message(44, 5, "44", &["6"], "three"),
        message(96, 7, "96", &["44", "7"], "three"),
    ];
    assert_eq!(references(&messages), "(2)(3 6 (4 23)(44 7 96))");
    assert_eq!(refs(&messages), "(2)(3 6 (4 23)(44 7 96))");
    assert_eq!(references(&[]), "");
    // Two answers to a message that is not there.
    let messages = [
        message(3, 1, "3", &["x"], "s"),
        message(5, 2, "5", &["x"], "s"),
    ];
    assert_eq!(references(&messages), "((3)(5))");
}

#[test]
fn ordered_subject() {
    let messages = [
        message(1, 9, "", &[], "b"),
        message(2, 5, "", &[], "Re: a"),
        message(3, 4, "", &[], "a"),
        message(4, 8, "", &[], "Fwd: A"),
        message(5, 1, "", &[], ""),
        message(6, 9, "", &[], "Re: B"),
    ];
    let algorithm = ThreadAlgorithm::OrderedSubject;
    assert_eq!(written(&messages, algorithm), "(5)(3 (2)(4))(1 6)");
}

#[test]
fn links() {
    // The parent comes after the child, and a dummy stands between.
    let messages = [
        message(1, 3, "c", &["a", "b"], "s"),
        message(2, 1, "a", &[], "s"),
    ];
    assert_eq!(refs(&messages), "(2 1)");
    // What a message says of its parent holds against what others say.
    let messages = [
        message(1, 1, "d", &["a", "b", "c"], "s"),
        message(2, 2, "a", &[], "s"),
        message(3, 3, "b", &["x"], "s"),
        message(4, 4, "c", &["a"], "s"),
    ];
    assert_eq!(refs(&messages), "(2 4 1)(3)");
    // Circles.
    let messages = [
        message(1, 1, "a", &["b"], ""),
        message(2, 2, "b", &["a"], ""),
        message(3, 3, "c", &["c"], ""),
    ];
    assert_eq!(refs(&messages), "(2 1)(3)");
    // An id that was there before.
    let messages = [
        message(1, 1, "a", &[], ""),
        message(2, 2, "a", &[], ""),
        message(3, 3, "b", &["a"], ""),
        message(4, 4, "", &["\"a\"@x"], ""),
        message(5, 5, "a@x", &[], ""),
    ];
    assert_eq!(refs(&messages), "(1 3)(2)(5 4)");
    // An id that was folded in its middle.
    let messages = [
        message(1, 1, "a@x", &[], ""),
        message(2, 2, "b@x", &["a @x"], ""),
    ];
    assert_eq!(refs(&messages), "(1 2)");
    // Equal dates: the number decides.
    let messages = [message(2, 1, "", &[], ""), message(1, 1, "", &[], "")];
    assert_eq!(refs(&messages), "(1)(2)");
}

#[test]
fn joined_by_subject() {
    // A reply to what it does not name, and one that was sent before it.
    let messages = [
        message(1, 2, "a", &[], "s"),
        message(2, 3, "b", &[], "Re: s"),
        message(3, 1, "c", &[], "re: S"),
    ];
    assert_eq!(references(&messages), "(1 (3)(2))");
    assert_eq!(refs(&messages), "(3)(1)(2)");
    // Neither is an answer to the other: siblings.
    let messages = [
        message(1, 1, "a", &[], "s"),
        message(2, 2, "b", &[], "s"),
        message(3, 3, "c", &[], "Re: s"),
        message(4, 4, "d", &[], "s"),
    ];
    assert_eq!(references(&messages), "((1)(2)(3)(4))");
    let messages = [
        message(1, 1, "a", &[], "Re: s"),
        message(2, 2, "b", &[], "Re: s"),
    ];
    assert_eq!(references(&messages), "((1)(2))");
    // Two dummies become one, and take what else has their subject.
    let messages = [
        message(1, 1, "a", &["x"], "s"),
        message(2, 4, "b", &["x"], "s"),
        message(3, 2, "c", &["y"], "s"),
        message(4, 3, "d", &["y"], "s"),
        message(5, 5, "e", &[], "s"),
    ];
    assert_eq!(references(&messages), "((1)(3)(4)(2)(5))");
    // No subject joins nothing.
    let messages = [message(1, 1, "a", &[], ""), message(2, 2, "b", &[], "Re:")];
    assert_eq!(references(&messages), "(1)(2)");
}

#[test]
fn of_a_head() {
    let raw = b"Message-ID: <m@x>\r\nSubject: Re: S\r\nIn-Reply-To: <a@x> <b@x>\r\n\r\n";
    let head = Head::read(raw, &scan(raw));
    let expected = Threadable {
        number: 4,
        sent: 9,
        id: Some(b"m@x".to_vec()),
        references: vec![b"a@x".to_vec()],
        subject: "S".into(),
        reply: true,
    };
    assert_eq!(Threadable::of(&head, 4, 9), expected);
}

/// A chain as long as a large mailbox, in both orders, and shapes made to be slow.
#[test]
fn long_chains() {
    const COUNT: u32 = 100_000;
    let answer = |number: u32| {
        let (id, before) = (number.to_string(), (number - 1).to_string());
        message(number, i64::from(number), &id, &[&before], "")
    };
    let forwards: Vec<Threadable> = (1..=COUNT).map(answer).collect();
    let backwards: Vec<Threadable> = (1..=COUNT).rev().map(answer).collect();
    for messages in [&forwards, &backwards] {
        let text = references(messages);
        assert!(text.starts_with("(1 2 3 ") && text.ends_with(" 99999 100000)"));
    }
    // One message names all others; then each hangs itself below the last.
    let all: Vec<String> = (1..COUNT).map(|number| number.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut messages = vec![message(1, 1, "", &all, "")];
    messages.extend((1..COUNT).map(|n| message(n + 1, 1, &n.to_string(), &["99999"], "")));
    assert_eq!(
        numbers(&thread(&messages, ThreadAlgorithm::References)).len(),
        100_000
    );
    // A fork at each step: brackets as deep as the chain is long.
    let mut forks = forwards.clone();
    forks.extend((1..COUNT).map(|n| message(COUNT + n, 0, "", &[&n.to_string()], "")));
    assert!(references(&forks).ends_with("))))"));
}

fn numbers(threads: &Threads) -> Vec<u32> {
    let mut out = Vec::new();
    let mut open = threads.roots.clone();
    while let Some(at) = open.pop() {
        let node = threads.nodes.get(at).unwrap();
        let dummy = node.number.is_none();
        assert!(!dummy || node.children.len() > 1);
        assert!(!dummy || threads.roots.contains(&at));
        out.extend(node.number);
        open.extend(&node.children);
    }
    out.sort_unstable();
    out
}

fn any_messages() -> impl Strategy<Value = Vec<Threadable>> {
    let id = || prop::sample::select(vec!["", "a", "b", "c", "d", "e", "f", "g"]);
    let subject = prop::sample::select(vec!["", "s", "Re: s", "t", "Fwd: t", "[x] s"]);
    let one = (0..5i64, id(), prop::collection::vec(id(), 0..4), subject);
    prop::collection::vec(one, 0..14).prop_map(|list| {
        let numbered = (1..).zip(list);
        numbered
            .map(|(number, (sent, id, references, subject))| {
                message(number, sent, id, &references, subject)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn each_message_once(messages in any_messages()) {
        use ThreadAlgorithm::{OrderedSubject, References, Refs};
        for algorithm in [OrderedSubject, References, Refs] {
            let threads = thread(&messages, algorithm);
            let expected: Vec<u32> = messages.iter().map(|message| message.number).collect();
            prop_assert_eq!(numbers(&threads), expected);
            let mut out = Vec::new();
            threads.write(&mut out);
            prop_assert!(super::super::tests::is_balanced(&out));
        }
    }
}
