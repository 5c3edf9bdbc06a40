//! Rules about one file: `(path, text)` in, complaints out.

use super::Complaint;
use crate::source::code_only;

/// Lines a Rust file may have; tests and tables of data are not counted.
const MOST_LINES: usize = 600;

/// Files that are longer, with their length and the reason. They may only shrink.
const LONG: &[(&str, usize, &str)] = &[];

/// Tables of data written as Rust, with what is in them.
const TABLES: &[(&str, &str)] = &[];

/// Crates that talk to a person at a terminal.
const TALKERS: &[&str] = &["crates/everpost/", "xtask/"];

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

/// A file that holds nothing but tests, benches or examples.
fn is_test(path: &str) -> bool {
    let folders = ["/tests/", "/benches/", "/examples/"];
    path.ends_with("/tests.rs") || folders.iter().any(|folder| path.contains(folder))
}

/// Every Rust file says first what it is for.
pub(super) fn opens_with_its_purpose(path: &str, text: &str) -> Vec<Complaint> {
    let opens = text
        .lines()
        .next()
        .is_some_and(|line| line.starts_with("//! "));
    if !is_rust(path) || opens {
        return Vec::new();
    }
    vec![Complaint::new(
        path,
        1,
        "the first line is not a `//!` that says what the file is for",
    )]
}

/// No tabs and nothing invisible at the end of a line.
pub(super) fn blanks(path: &str, text: &str) -> Vec<Complaint> {
    if ![".rs", ".md", ".toml"]
        .iter()
        .any(|end| path.ends_with(end))
    {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        if line.contains('\t') {
            complaints.push(Complaint::new(
                path,
                number,
                "a tab; write spaces, in a string `\\t`",
            ));
        }
        if line.ends_with(char::is_whitespace) {
            complaints.push(Complaint::new(
                path,
                number,
                "blanks at the end of the line",
            ));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        complaints.push(Complaint::new(path, 0, "the last line has no end"));
    }
    complaints
}

/// The project speaks only of itself: no folder of the machine it was written on, no address of
/// a package registry (their clients know it, and elsewhere it is another).
pub(super) fn own_words(path: &str, text: &str) -> Vec<Complaint> {
    // Put together here, so that this file passes its own rule.
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let hosts = [
        concat!("registry.", "npmjs.org"),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
        concat!("files.", "pythonhosted.org"),
        concat!("proxy.", "golang.org"),
    ];
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for folder in folders.iter().filter(|folder| starts_a_word(line, folder)) {
            let what = format!("{folder} is a folder of one machine");
            complaints.push(Complaint::new(path, number, what));
        }
        for host in hosts.iter().filter(|host| line.contains(**host)) {
            let what = format!("{host} is for the registry's client to know");
            complaints.push(Complaint::new(path, number, what));
        }
    }
    complaints
}

/// Whether `word` occurs where no longer path leads up to it.
fn starts_a_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/*~".contains(c))
    })
}

/// Nothing half done: what is not built is not there, and every test runs.
pub(super) fn unfinished(path: &str, text: &str) -> Vec<Complaint> {
    if !is_rust(path) {
        return Vec::new();
    }
    let banned = [
        ("todo!(", "build it or leave it out"),
        ("unimplemented!(", "build it or leave it out"),
        ("dbg!(", "a left-over of debugging"),
        (
            "#[ignore",
            "every test runs; a long one belongs to the soak tier",
        ),
    ];
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(code_only(text).lines()) {
        for (word, reason) in banned.iter().filter(|(word, _)| line.contains(word)) {
            complaints.push(Complaint::new(path, number, format!("`{word}`: {reason}")));
        }
    }
    complaints
}

/// Only the program and these tasks print; libraries return. Tests may report what they measured.
pub(super) fn printing(path: &str, text: &str) -> Vec<Complaint> {
    if !is_rust(path) || is_test(path) || TALKERS.iter().any(|start| path.starts_with(start)) {
        return Vec::new();
    }
    let code = code_only(text);
    // A module of tests closes its file.
    let body = code
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    (1..)
        .zip(body)
        .filter(|(_, line)| line.contains("print!(") || line.contains("println!("))
        .map(|(number, _)| Complaint::new(path, number, "a library prints; return it instead"))
        .collect()
}

/// Files stay short enough to be read in one go; long ones shrink.
pub(super) fn length(path: &str, text: &str) -> Vec<Complaint> {
    let table = TABLES.iter().any(|(name, _)| *name == path);
    if !is_rust(path) || is_test(path) || table {
        return Vec::new();
    }
    let listed = LONG.iter().find(|(name, ..)| *name == path);
    let what = too_long(text.lines().count(), listed.map(|(_, lines, _)| *lines));
    what.map(|what| Complaint::new(path, 0, what))
        .into_iter()
        .collect()
}

fn too_long(lines: usize, listed: Option<usize>) -> Option<String> {
    match listed {
        None if lines > MOST_LINES => Some(format!(
            "{lines} lines, more than {MOST_LINES}; part it by what it does"
        )),
        Some(was) if lines > was => Some(format!(
            "grew from {was} to {lines} lines; it may only shrink"
        )),
        Some(_) if lines <= MOST_LINES => Some("short enough now: take it off the list".to_owned()),
        Some(was) if lines < was => {
            Some(format!("shrank to {lines} lines: write that in the list"))
        }
        _ => None,
    }
}

/// Members take every dependency from the workspace's one list, share its lints, and have no
/// features: what is tested is what is built.
pub(super) fn manifest(path: &str, text: &str) -> Vec<Complaint> {
    if !path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    let mut section = "";
    let mut shares_lints = false;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            if section == "features" {
                let what = "no features: one program, built and tested one way";
                complaints.push(Complaint::new(path, number, what));
            } else if section.contains("dependencies.") {
                let what = "write `NAME.workspace = true`, not a section for one dependency";
                complaints.push(Complaint::new(path, number, what));
            }
            continue;
        }
        let plain = line
            .strip_suffix(".workspace = true")
            .is_some_and(|name| !name.is_empty());
        if section.ends_with("dependencies") && !plain {
            let what = "write `NAME.workspace = true`; version and features stand in the root";
            complaints.push(Complaint::new(path, number, what));
        }
        shares_lints |= section == "lints" && line == "workspace = true";
    }
    if !shares_lints {
        complaints.push(Complaint::new(
            path,
            0,
            "does not share the workspace's lints",
        ));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{
        Complaint, MOST_LINES, blanks, length, manifest, opens_with_its_purpose, own_words,
        printing, too_long, unfinished,
    };

    /// The lines that a rule complains about.
    fn lines(complaints: &[Complaint]) -> Vec<usize> {
        complaints.iter().map(|complaint| complaint.line).collect()
    }

    #[test]
    fn a_rust_file_opens_with_its_purpose() {
        assert!(opens_with_its_purpose("a.rs", "//! Words.\nfn f() {}\n").is_empty());
        assert!(opens_with_its_purpose("a.md", "# Words\n").is_empty());
        for text in ["", "fn f() {}\n", "\n//! Late.\n", "// Other.\n", "//!\n"] {
            assert_eq!(
                lines(&opens_with_its_purpose("a.rs", text)),
                [1],
                "{text:?}"
            );
        }
    }

    #[test]
    fn blanks_and_tabs() {
        assert!(blanks("a.rs", "//! Fine.\n\nfn f() {}\n").is_empty());
        assert!(blanks("a.md", "").is_empty());
        assert!(blanks("a.eml", "a\t \n").is_empty());
        assert_eq!(lines(&blanks("a.toml", "a\n\tb\nc \n")), [2, 3]);
        assert_eq!(lines(&blanks("a.md", "a\r\nb\n")), [1]);
        assert_eq!(lines(&blanks("a.md", "a\nb")), [0]);
    }

    #[test]
    fn folders_and_hosts_of_a_machine() {
        let folder = concat!("/wo", "rk/");
        assert_eq!(
            lines(&own_words("a.md", &format!("fine\nsee `{folder}main`\n"))),
            [2]
        );
        assert_eq!(
            lines(&own_words(".ci/run", &format!("cd {folder}main\n"))),
            [1]
        );
        assert!(own_words("a.md", &format!("~/home{folder}mail and .{folder}x\n")).is_empty());
        let host = concat!("registry.", "npmjs.org");
        assert_eq!(
            lines(&own_words("a.sh", &format!("curl https://{host}/x\n"))),
            [1]
        );
    }

    #[test]
    fn nothing_unfinished() {
        let text = "fn f() {\n    todo!()\n}\n#[ignore = \"slow\"]\nfn g() { dbg!(1); }\n";
        assert_eq!(lines(&unfinished("a.rs", text)), [2, 4, 5]);
        assert!(unfinished("a.rs", "// todo!()\nfn f() { say(\"dbg!(\") }\n").is_empty());
        assert!(unfinished("a.md", "todo!()\n").is_empty());
    }

    #[test]
    fn only_some_print() {
        let text = "fn f() {\n    println!();\n    eprintln!();\n    eprint!();\n}\n";
        assert_eq!(lines(&printing("crates/store/src/lib.rs", text)), [2, 3, 4]);
        for path in [
            "crates/everpost/src/main.rs",
            "xtask/src/main.rs",
            "crates/store/tests/a.rs",
        ] {
            assert!(printing(path, text).is_empty(), "{path}");
        }
        let tests = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn t() { println!(); }\n}\n";
        assert!(printing("crates/store/src/lib.rs", tests).is_empty());
    }

    #[test]
    fn files_are_short() {
        let text = "x\n".repeat(MOST_LINES + 1);
        assert_eq!(lines(&length("crates/store/src/a.rs", &text)), [0]);
        assert!(length("crates/store/src/a.md", &text).is_empty());
        assert!(length("crates/store/src/a/tests.rs", &text).is_empty());
        assert!(length("crates/store/tests/a.rs", &text).is_empty());
        assert!(length("crates/store/src/a.rs", &"x\n".repeat(MOST_LINES)).is_empty());
    }

    #[test]
    fn listed_files_only_shrink() {
        let was = MOST_LINES + 10;
        assert_eq!(too_long(was, Some(was)), None);
        for lines in [was + 1, was - 1, MOST_LINES] {
            assert!(too_long(lines, Some(was)).is_some(), "{lines}");
        }
    }

    #[test]
    fn manifests_take_dependencies_from_the_root() {
        let good = "[lints]\nworkspace = true\n\n[dependencies]\n# Why.\na.workspace = true\n";
        assert!(manifest("crates/a/Cargo.toml", good).is_empty());
        assert!(manifest("Cargo.toml", "[dependencies]\na = \"1\"\n").is_empty());
        let cases = [
            "[dependencies]\na = \"1\"\n",
            "[dev-dependencies]\na = { workspace = true, features = [\"b\"] }\n",
            "[target.'cfg(unix)'.dependencies]\na = { path = \"../a\" }\n",
            "[dependencies.a]\nworkspace = true\n",
            "[features]\n",
        ];
        for case in cases {
            let text = format!("{good}{case}");
            assert_eq!(manifest("crates/a/Cargo.toml", &text).len(), 1, "{case}");
        }
        assert_eq!(
            lines(&manifest(
                "crates/a/Cargo.toml",
                "[package]\nname = \"a\"\n"
            )),
            [0]
        );
    }
}
