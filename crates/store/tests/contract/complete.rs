//! Whether the story leaves a verb out. What is public is read from the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Why the story, which one node tells, leaves out what takes several.
const OTHERS: &str =
    "takes other nodes; search/share/tests.rs has them, and the program's tests of a cluster";

/// Verbs that the story does not call, each with its reason.
const LEFT_OUT: [(&str, &str); 8] = [
    (
        "Cluster::parse",
        "reads an address and does nothing at it; its own tests read more of them",
    ),
    (
        "Cluster::catalog_for_people",
        "shows an address; its own tests look for secrets in it",
    ),
    ("Store::is_shared", "says which of the two addresses it is"),
    ("Tenant::share", OTHERS),
    ("Tenant::announce", OTHERS),
    ("Tenant::withdraw", OTHERS),
    ("Tenant::answer", OTHERS),
    ("Tenant::shared_work", OTHERS),
];

/// A public function.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Verb {
    /// The type whose it is; none for one that stands alone.
    of: Option<String>,
    name: String,
    /// True if it is called on a value.
    method: bool,
}

impl Verb {
    fn shown(&self) -> String {
        match &self.of {
            Some(of) => format!("{of}::{}", self.name),
            None => self.name.clone(),
        }
    }

    /// True if a story, all blanks left out, calls it. `Tenant` and `Store` are called by those
    /// names: what others have of the same name does not count.
    fn is_called(&self, story: &str) -> bool {
        let name = &self.name;
        let calls = match (self.of.as_deref(), self.method) {
            (None, _) => vec![format!("{name}(")],
            (Some(of), false) => vec![format!("{of}::{name}(")],
            (Some(of @ ("Tenant" | "Store")), true) => {
                let of = of.to_lowercase();
                vec![
                    format!("{of}.{name}("),
                    format!("{of}().{name}("),
                    format!("let_go().{name}("),
                ]
            }
            (Some(_), true) => vec![format!(".{name}(")],
        };
        calls.iter().any(|call| {
            story.match_indices(call).any(|(at, _)| {
                let before = story
                    .get(..at)
                    .and_then(|before| before.chars().next_back());
                call.starts_with('.')
                    || before.is_none_or(|before| !before.is_alphanumeric() && before != '_')
            })
        })
    }
}

/// Every Rust file below a folder, by path.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// The names that the crate re-exports.
fn exported(lib: &str) -> BTreeSet<String> {
    let uses = lib.split("pub use ").skip(1);
    let lists = uses.filter_map(|one| one.split(';').next());
    lists
        .flat_map(|list| list.rsplit("::").next().unwrap_or_default().split(','))
        .map(|name| {
            name.trim_matches(|c: char| !c.is_alphanumeric() && c != '_')
                .to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The public functions in a file, up to its tests.
fn verbs_of(text: &str, exported: &BTreeSet<String>) -> Vec<Verb> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let mut of: Option<String> = None;
    let mut verbs = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with('}') {
            of = None;
        }
        if let Some(head) = line.strip_prefix("impl") {
            let head = head.split(" for ").last().unwrap_or_default();
            let head = head.trim_start_matches(|c: char| c != ' ').trim();
            of = Some(head.chars().take_while(|c| c.is_alphanumeric()).collect());
        }
        let bare = line.trim_start();
        let Some(rest) = ["pub fn ", "pub async fn "]
            .iter()
            .find_map(|how| bare.strip_prefix(how))
        else {
            continue;
        };
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let alone = bare.len() == line.len();
        let whose = if alone { None } else { of.clone() };
        if !exported.contains(whose.as_ref().unwrap_or(&name)) {
            continue;
        }
        let head: String = lines[at..].iter().take(4).copied().collect();
        let arguments = head.split_once('(').map_or("", |(_, arguments)| arguments);
        let first = arguments.split([',', ')']).next().unwrap_or_default();
        let method = first
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == "self");
        verbs.push(Verb {
            of: whose,
            name,
            method,
        });
    }
    verbs
}

#[test]
fn the_story_leaves_nothing_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let exported = exported(&lib);
    let mut verbs = BTreeSet::new();
    for (path, text) in sources(&root.join("src")) {
        // The index is a library of its own, with tests of its own.
        if path.starts_with(root.join("src/index")) {
            continue;
        }
        verbs.extend(verbs_of(&text, &exported));
    }
    assert!(
        verbs.len() > 120,
        "the test reads the sources no longer: {}",
        verbs.len()
    );
    let story: String = sources(&root.join("tests/contract"))
        .into_iter()
        .filter(|(path, _)| !path.ends_with("complete.rs"))
        .flat_map(|(_, text)| {
            text.chars()
                .filter(|c| !c.is_whitespace())
                .collect::<Vec<char>>()
        })
        .collect();
    let missing: Vec<String> = verbs
        .iter()
        .filter(|verb| !verb.is_called(&story))
        .map(Verb::shown)
        .filter(|shown| LEFT_OUT.iter().all(|(left_out, _)| left_out != shown))
        .collect();
    assert!(missing.is_empty(), "the story does not call {missing:?}");
    for (left_out, _) in LEFT_OUT {
        let there = verbs
            .iter()
            .any(|verb| verb.shown() == left_out && !verb.is_called(&story));
        assert!(there, "{left_out} need not be left out");
    }
}

#[test]
fn a_verb_is_found_and_missed() {
    let exported = exported("mod a;\npub use a::{One, free};\npub use b::Two;\n");
    let source = "impl One {\n    /// Text.\n    pub async fn ask(\n        &self,\n    ) {}\n    pub fn new() {}\n    pub(crate) fn hidden(&self) {}\n}\n\npub fn free() {}\npub fn kept() {}\nimpl Other {\n    pub fn none(&self) {}\n}\n#[cfg(test)]\nmod tests { pub fn free() {} }\n";
    let verbs = verbs_of(source, &exported);
    let shown: Vec<String> = verbs.iter().map(Verb::shown).collect();
    assert_eq!(shown, ["One::ask", "One::new", "free"]);
    let called = |story: &str| {
        verbs
            .iter()
            .map(|verb| verb.is_called(story))
            .collect::<Vec<_>>()
    };
    assert_eq!(called("x.ask();One::new();free();"), [true, true, true]);
    assert_eq!(called("task();renew();carefree();"), [false, false, false]);
}
