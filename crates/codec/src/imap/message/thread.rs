//! THREAD (RFC 5256 §3): messages as trees of answers.
//!
//! Threads lie flat, as nodes that name each other by number, and are walked with loops: a mailbox
//! of a hundred thousand messages, each an answer to the one before, is a tree of that depth.

mod references;

use super::subject::{base_subject, fold};
use crate::imap::command::ThreadAlgorithm;
use everpost_domain::message::Head;

/// What THREAD needs of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Threadable {
    /// Its UID or message number.
    pub number: u32,
    /// The Date field, or INTERNALDATE where there is none, in seconds since 1970.
    pub sent: i64,
    /// Message-ID without brackets, if there is one.
    pub id: Option<Vec<u8>>,
    /// The ids of References, oldest first; without any the first of In-Reply-To.
    pub references: Vec<Vec<u8>>,
    /// The base subject, folded.
    pub subject: String,
    /// A reply or a forward, by its subject.
    pub reply: bool,
}

impl Threadable {
    /// Of a head that was read before; no message is opened. A head keeps ten references, the root
    /// and the nearest: an ancestor between them that is in the mailbox names its own.
    pub fn of(head: &Head, number: u32, arrival: i64) -> Threadable {
        let base = base_subject(&head.subject);
        let mut references = head.references.clone();
        if references.is_empty() {
            references.extend(head.in_reply_to.first().cloned());
        }
        Threadable {
            number,
            sent: head.sent.map_or(arrival, |sent| sent.unix),
            id: head.message_id.clone(),
            references,
            subject: fold(&base.text),
            reply: base.reply,
        }
    }

    /// Siblings are ordered by this: equal dates by number.
    fn order(&self) -> (i64, u32) {
        (self.sent, self.number)
    }
}

/// Threads, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Threads {
    /// All nodes, in no order that means anything.
    pub nodes: Vec<Node>,
    /// The nodes that begin the threads.
    pub roots: Vec<usize>,
}

/// A message in a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its number; `None` for a message that is not there and whose answers belong together. Only a
    /// root is that, and it has two children at least.
    pub number: Option<u32>,
    /// The answers to it, in their order: places in [`Threads::nodes`].
    pub children: Vec<usize>,
}

/// Threads messages, which are given in the order of their numbers. Each of them is in the result
/// exactly once.
pub fn thread(messages: &[Threadable], algorithm: ThreadAlgorithm) -> Threads {
    match algorithm {
        ThreadAlgorithm::OrderedSubject => by_subject(messages),
        ThreadAlgorithm::References => references::thread(messages, true),
        ThreadAlgorithm::Refs => references::thread(messages, false),
    }
}

/// ORDEREDSUBJECT: of messages with one base subject, the oldest is the root and all others are
/// answers to it. Threads are ordered by their roots.
fn by_subject(messages: &[Threadable]) -> Threads {
    let mut sorted: Vec<&Threadable> = messages.iter().collect();
    sorted.sort_by_key(|message| (&message.subject, message.order()));
    let mut threads = Threads::default();
    let mut starts: Vec<((i64, u32), usize)> = Vec::new();
    let mut subject = None;
    for (index, message) in sorted.iter().enumerate() {
        threads.nodes.push(Node {
            number: Some(message.number),
            children: Vec::new(),
        });
        if subject == Some(&message.subject)
            && let Some(root) = starts.last().and_then(|(_, at)| threads.nodes.get_mut(*at))
        {
            root.children.push(index);
        } else {
            starts.push((message.order(), index));
            subject = Some(&message.subject);
        }
    }
    starts.sort_unstable();
    threads.roots = starts.into_iter().map(|(_, index)| index).collect();
    threads
}

impl Threads {
    /// As an answer tells them: `(2)(3 6 (4 23)(44 7 96))`. Nothing if there are none.
    pub fn write(&self, out: &mut Vec<u8>) {
        enum Step {
            Node(usize),
            Close,
        }
        let list = |steps: &mut Vec<Step>, nodes: &[usize]| {
            for &node in nodes.iter().rev() {
                steps.push(Step::Close);
                steps.push(Step::Node(node));
            }
        };
        let mut steps = Vec::new();
        list(&mut steps, &self.roots);
        while let Some(step) = steps.pop() {
            let Step::Node(mut at) = step else {
                out.push(b')');
                continue;
            };
            out.push(b'(');
            // An only child stands behind its parent, several in brackets.
            while let Some(node) = self.nodes.get(at) {
                if let Some(number) = node.number {
                    super::write::write_number(out, u64::from(number));
                    if !node.children.is_empty() {
                        out.push(b' ');
                    }
                }
                match node.children.as_slice() {
                    [] => break,
                    [only] => at = *only,
                    several => {
                        list(&mut steps, several);
                        break;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
