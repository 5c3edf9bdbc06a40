//! Rules about files together: who names whom, and what must be the same.

use super::Complaint;
use crate::source::{Text, code_only};

/// The settings every crate gets, and those of the pure crates, which replace them.
const SETTINGS: &str = "clippy.toml";
const PURE_SETTINGS: &[&str] = &["crates/domain/clippy.toml", "crates/codec/clippy.toml"];

pub(super) fn complaints(files: &[Text]) -> Vec<Complaint> {
    [orphans(files), settings(files)].concat()
}

/// A Rust file that no `mod` names is not compiled, whatever it says.
fn orphans(files: &[Text]) -> Vec<Complaint> {
    files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .filter_map(|file| {
            let (module, named_by) = module(&file.path)?;
            let named = files
                .iter()
                .filter(|other| other.path != file.path && named_by(&other.path))
                .any(|other| declares(&other.text, module));
            (!named).then(|| Complaint::new(&file.path, 0, format!("no `mod {module};` names it")))
        })
        .collect()
}

/// The module that a file holds and a test for the files that may declare it; none for files
/// that cargo finds by itself.
fn module(path: &str) -> Option<(&str, impl Fn(&str) -> bool)> {
    let (folder, file) = path.rsplit_once('/')?;
    let (folder, name) = match file.strip_suffix(".rs")? {
        "main" | "lib" | "build" => return None,
        "mod" => folder.rsplit_once('/')?,
        name => (folder, name),
    };
    // A folder `tests` below `src` is a module like any other.
    let root = !folder.contains("/src/")
        && ["/tests", "/benches", "/examples"]
            .iter()
            .any(|end| folder.ends_with(end));
    if root && !path.ends_with("/mod.rs") || folder.ends_with("/src/bin") {
        return None;
    }
    let parent = move |other: &str| {
        let inside = other
            .strip_prefix(folder)
            .and_then(|rest| rest.strip_prefix('/'));
        match inside {
            Some("mod.rs" | "lib.rs" | "main.rs") => true,
            Some(sibling) => root && !sibling.contains('/'),
            None => other.strip_suffix(".rs") == Some(folder),
        }
    };
    Some((name, parent))
}

fn declares(text: &str, module: &str) -> bool {
    let end = format!("mod {module};");
    code_only(text).lines().any(|line| {
        let visibility = line.trim().strip_suffix(&end).map(str::trim_end);
        visibility.is_some_and(|word| word.is_empty() || word.starts_with("pub"))
    })
}

/// The pure crates' settings begin with everybody's and are the same for all of them.
fn settings(files: &[Text]) -> Vec<Complaint> {
    let text = |path: &str| {
        files
            .iter()
            .find(|file| file.path == path)
            .map(|file| &file.text)
    };
    let Some(common) = text(SETTINGS) else {
        return vec![Complaint::new(SETTINGS, 0, "is missing")];
    };
    let first = PURE_SETTINGS.first().and_then(|path| text(path));
    PURE_SETTINGS
        .iter()
        .filter_map(|path| match text(path) {
            None => Some(Complaint::new(path, 0, "is missing")),
            Some(own) if !own.starts_with(common.as_str()) => Some(Complaint::new(
                path,
                0,
                format!("does not begin with the text of {SETTINGS}"),
            )),
            own if own != first => Some(Complaint::new(
                path,
                0,
                "pure crates share one list of bans",
            )),
            Some(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{PURE_SETTINGS, SETTINGS, Text, orphans, settings};

    fn texts(files: &[(&str, &str)]) -> Vec<Text> {
        let text = |(path, text): &(&str, &str)| Text {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        files.iter().map(text).collect()
    }

    fn orphaned(files: &[(&str, &str)]) -> Vec<String> {
        orphans(&texts(files))
            .into_iter()
            .map(|complaint| complaint.path)
            .collect()
    }

    #[test]
    fn files_that_a_module_names() {
        let none: [&str; 0] = [];
        let files = [
            ("crates/a/build.rs", ""),
            ("crates/a/benches/speed.rs", ""),
            ("crates/a/examples/show.rs", ""),
            ("crates/a/src/lib.rs", "pub mod b;\nmod c;\n"),
            ("crates/a/src/b.rs", "pub(crate) mod deep;\n"),
            ("crates/a/src/b/deep.rs", ""),
            ("crates/a/src/c/mod.rs", "#[cfg(test)]\nmod tests;\n"),
            ("crates/a/src/c/tests.rs", ""),
            ("crates/a/tests/whole.rs", "mod common;\n"),
            ("crates/a/tests/common/mod.rs", "mod more;\n"),
            ("crates/a/tests/common/more.rs", ""),
            ("xtask/src/main.rs", "mod steps;\n"),
            ("xtask/src/steps.rs", ""),
        ];
        assert_eq!(orphaned(&files), none);
    }

    #[test]
    fn files_that_no_module_names() {
        let files = [
            ("crates/a/src/lib.rs", "// mod b;\npub mod c;\nmod bb;\n"),
            ("crates/a/src/b.rs", ""),
            ("crates/a/src/bb.rs", ""),
            ("crates/a/src/c/mod.rs", ""),
            ("crates/a/src/c/bb.rs", ""),
            ("crates/a/src/c/tests/lost.rs", ""),
            ("crates/a/tests/whole.rs", ""),
            ("crates/a/tests/common/mod.rs", ""),
            ("crates/z/src/lib.rs", "mod b;\n"),
        ];
        assert_eq!(
            orphaned(&files),
            [
                "crates/a/src/b.rs",
                "crates/a/src/c/bb.rs",
                "crates/a/src/c/tests/lost.rs",
                "crates/a/tests/common/mod.rs",
            ]
        );
    }

    #[test]
    fn settings_of_the_pure_crates() {
        let [domain, codec] = PURE_SETTINGS else {
            panic!("two pure crates")
        };
        let whats = |files: &[(&str, &str)]| settings(&texts(files)).len();
        assert_eq!(
            whats(&[(SETTINGS, "a\n"), (domain, "a\nb\n"), (codec, "a\nb\n")]),
            0
        );
        assert_eq!(
            whats(&[(SETTINGS, "a\n"), (domain, "a\nb\n"), (codec, "a\nc\n")]),
            1
        );
        assert_eq!(
            whats(&[(SETTINGS, "a\n"), (domain, "b\n"), (codec, "b\n")]),
            2
        );
        assert_eq!(whats(&[(SETTINGS, "a\n"), (domain, "a\n")]), 1);
        assert_eq!(whats(&[]), 1);
    }
}
