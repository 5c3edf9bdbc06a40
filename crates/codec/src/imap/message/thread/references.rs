//! THREAD=REFERENCES. The steps have the numbers of RFC 5256 §3.

use super::{Node, Threadable, Threads};
use std::collections::{BTreeMap, BTreeSet};

/// Steps that may be gone up the trees, for each message, to see that a link closes no circle. Real
/// threads are some hundred deep at most. Mail could be made so that it takes the square of their
/// number; when the steps are spent, further links are left out, as if they closed one.
const STEPS: usize = 1_000;

/// Messages, and behind them dummies: messages that are only referred to.
struct Forest {
    parents: Vec<Option<usize>>,
    /// How many children each has.
    children: Vec<usize>,
    steps: usize,
}

/// Threads by References; with `subjects` those of one subject are joined (REFS does not).
pub(super) fn thread(messages: &[Threadable], subjects: bool) -> Threads {
    let parents = link(messages);
    let mut trees = Trees::prune(messages, &parents);
    if subjects {
        trees.join_by_subject();
    }
    trees.sort();
    trees.threads
}

/// (1) The parent of each message and dummy.
fn link(messages: &[Threadable]) -> Vec<Option<usize>> {
    let count = messages.len();
    let mut forest = Forest {
        parents: vec![None; count],
        children: vec![0; count],
        steps: STEPS.saturating_mul(count),
    };
    // A message whose id another one had before has none.
    let mut places: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (index, message) in messages.iter().enumerate() {
        if let Some(id) = message.id.as_deref().and_then(normal) {
            places.entry(id).or_insert(index);
        }
    }
    for (index, message) in messages.iter().enumerate() {
        // (A)
        let mut last: Option<usize> = None;
        for id in message.references.iter().filter_map(|id| normal(id)) {
            let next = forest.parents.len();
            let at = *places.entry(id).or_insert(next);
            if at == next {
                forest.parents.push(None);
                forest.children.push(0);
            }
            if let Some(parent) = last
                && forest.parent(at).is_none()
            {
                forest.set_parent(at, Some(parent));
            }
            last = Some(at);
        }
        // (B) What the message says of itself holds, also that it is no answer.
        if forest.parent(index) != last {
            forest.set_parent(index, None);
            forest.set_parent(index, last);
        }
    }
    forest.parents
}

/// An id in the form in which ids are compared: `"ann"@x.org` is `ann@x.org`, and blanks came of
/// programs that fold a header anywhere.
fn normal(id: &[u8]) -> Option<Vec<u8>> {
    let id: Vec<u8> = id
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    if let Some(rest) = id.strip_prefix(b"\"")
        && let Some(end) = memchr::memmem::find(rest, b"\"@")
        && let Some((local, host)) = rest.split_at_checked(end)
        && !local.contains(&b'\\')
    {
        return Some([local, host.get(1..).unwrap_or_default()].concat());
    }
    (!id.is_empty()).then_some(id)
}

impl Forest {
    fn parent(&self, at: usize) -> Option<usize> {
        self.parents.get(at).copied().flatten()
    }

    /// Links `at` below `parent`, unless it stands above it.
    fn set_parent(&mut self, at: usize, parent: Option<usize>) {
        if parent.is_some_and(|parent| self.is_above(at, parent)) {
            return;
        }
        let before = self.parent(at);
        for (changed, by) in [(before, -1), (parent, 1)] {
            if let Some(count) = changed.and_then(|at| self.children.get_mut(at)) {
                *count = count.saturating_add_signed(by);
            }
        }
        if let Some(slot) = self.parents.get_mut(at) {
            *slot = parent;
        }
    }

    /// True if `at` is `below` or an ancestor of it.
    fn is_above(&mut self, at: usize, below: usize) -> bool {
        if at == below {
            return true;
        }
        if self.children.get(at) == Some(&0) {
            return false;
        }
        let mut up = self.parent(below);
        while let Some(ancestor) = up {
            if ancestor == at || self.steps == 0 {
                return true;
            }
            self.steps -= 1;
            up = self.parent(ancestor);
        }
        false
    }
}

/// The trees without needless dummies. The nodes of messages have the messages' places.
struct Trees<'a> {
    messages: &'a [Threadable],
    threads: Threads,
}

impl<'a> Trees<'a> {
    /// (2) and (3): a dummy's children take its place; but at the root, where they would fall
    /// apart, only if there is one.
    fn prune(messages: &'a [Threadable], parents: &[Option<usize>]) -> Trees<'a> {
        let count = messages.len();
        let mut nodes: Vec<Node> = messages
            .iter()
            .map(|message| Node {
                number: Some(message.number),
                children: Vec::new(),
            })
            .collect();
        nodes.resize(parents.len(), Node::default());
        let anchors = anchors(parents, count);
        let mut roots = BTreeSet::new();
        for index in 0..count {
            match anchors.get(index).copied().flatten() {
                Some(anchor) => {
                    if let Some(node) = nodes.get_mut(anchor) {
                        node.children.push(index);
                    }
                    if anchor >= count {
                        roots.insert(anchor);
                    }
                }
                None => {
                    roots.insert(index);
                }
            }
        }
        let only = |root: usize| match nodes.get(root).map(|node| node.children.as_slice()) {
            Some([child]) if root >= count => *child,
            _ => root,
        };
        let roots = roots.into_iter().map(only).collect();
        Trees {
            messages,
            threads: Threads { nodes, roots },
        }
    }

    /// (5), with (4): threads of one subject are joined.
    fn join_by_subject(&mut self) {
        self.sort();
        let roots = std::mem::take(&mut self.threads.roots);
        // (A), (B)
        let mut table: BTreeMap<&str, usize> = BTreeMap::new();
        for &root in &roots {
            let Some(subject) = self.subject(root) else {
                continue;
            };
            let entry = table.entry(subject).or_insert(root);
            let first_hand = self.is_reply(*entry) && !self.is_reply(root);
            if !self.is_dummy(*entry) && (self.is_dummy(root) || first_hand) {
                *entry = root;
            }
        }
        // (C) What a thread was joined to may itself be replaced by a dummy, in its place.
        let places: BTreeMap<usize, usize> = roots.iter().copied().zip(0..).collect();
        let mut joined: Vec<Option<usize>> = roots.iter().copied().map(Some).collect();
        for (place, &root) in roots.iter().enumerate() {
            let Some(subject) = self.subject(root) else {
                continue;
            };
            let Some(&entry) = table.get(subject).filter(|&&entry| entry != root) else {
                continue;
            };
            match joined.get_mut(place) {
                Some(slot) if *slot == Some(root) => *slot = None,
                // It was joined before.
                _ => continue,
            }
            let dummies = (self.is_dummy(entry), self.is_dummy(root));
            if dummies == (true, true) {
                let children = self.take_children(root);
                self.add_children(entry, &children);
            } else if dummies.0 || (self.is_reply(root) && !self.is_reply(entry)) {
                self.add_children(entry, &[root]);
            } else {
                let dummy = self.threads.nodes.len();
                self.threads.nodes.push(Node {
                    number: None,
                    children: vec![entry, root],
                });
                table.insert(subject, dummy);
                let slot = places.get(&entry).and_then(|&at| joined.get_mut(at));
                if let Some(slot) = slot {
                    *slot = Some(dummy);
                }
            }
        }
        self.threads.roots = joined.into_iter().flatten().collect();
    }

    /// (4) and (6): siblings by their dates. A root that is a dummy counts by its first child, so
    /// the children go first; dummies are nowhere else.
    fn sort(&mut self) {
        let mut nodes = std::mem::take(&mut self.threads.nodes);
        for node in &mut nodes {
            node.children.sort_by_key(|&child| self.order(&[], child));
        }
        let mut roots = std::mem::take(&mut self.threads.roots);
        roots.sort_by_key(|&root| self.order(&nodes, root));
        self.threads = Threads { nodes, roots };
    }

    fn order(&self, nodes: &[Node], at: usize) -> Option<(i64, u32)> {
        let at = match self.messages.get(at) {
            Some(_) => at,
            None => *nodes.get(at)?.children.first()?,
        };
        self.messages.get(at).map(Threadable::order)
    }

    fn is_dummy(&self, at: usize) -> bool {
        at >= self.messages.len()
    }

    /// The message at `at`, or the first child of a dummy.
    fn message(&self, at: usize) -> Option<&'a Threadable> {
        self.messages.get(at).or_else(|| {
            let child = self.threads.nodes.get(at)?.children.first()?;
            self.messages.get(*child)
        })
    }

    /// The subject of a thread, if there is one.
    fn subject(&self, at: usize) -> Option<&'a str> {
        let subject = self.message(at)?.subject.as_str();
        (!subject.is_empty()).then_some(subject)
    }

    fn is_reply(&self, at: usize) -> bool {
        self.message(at).is_some_and(|message| message.reply)
    }

    fn take_children(&mut self, at: usize) -> Vec<usize> {
        self.threads
            .nodes
            .get_mut(at)
            .map(|node| std::mem::take(&mut node.children))
            .unwrap_or_default()
    }

    fn add_children(&mut self, at: usize, children: &[usize]) {
        if let Some(node) = self.threads.nodes.get_mut(at) {
            node.children.extend_from_slice(children);
        }
    }
}

/// For each message what it will hang from: its nearest ancestor that is a message, else the
/// outermost dummy above it, if any. `count` are messages, the others dummies.
fn anchors(parents: &[Option<usize>], count: usize) -> Vec<Option<usize>> {
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    let mut open: Vec<(usize, Option<usize>)> = Vec::new();
    for (index, parent) in parents.iter().enumerate() {
        match parent.and_then(|parent| below.get_mut(parent)) {
            Some(list) => list.push(index),
            None => open.push((index, None)),
        }
    }
    let mut anchors = vec![None; parents.len()];
    while let Some((at, anchor)) = open.pop() {
        if let Some(slot) = anchors.get_mut(at) {
            *slot = anchor;
        }
        let for_children = if at < count {
            Some(at)
        } else {
            anchor.or(Some(at))
        };
        let children = below.get_mut(at).map(std::mem::take).unwrap_or_default();
        open.extend(children.into_iter().map(|child| (child, for_children)));
    }
    anchors
}
