//! The folder that a place in a tree of files stands for.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

use everpost_codec::segment;

use crate::MANIFEST;

/// How names of directories are read as names of folders.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Names {
    /// The tree is an export of ours, which writes what no file name holds as `%XX`.
    ours: bool,
}

impl Names {
    /// Looks whether `root` is an export of ours, or one mailbox of it.
    pub(super) fn of(root: &Path) -> Self {
        let above = std::fs::canonicalize(root)
            .ok()
            .and_then(|root| root.parent().map(Path::to_path_buf));
        Names {
            ours: has_manifest(root) || above.is_some_and(|above| has_manifest(&above)),
        }
    }

    /// One level's name. Names that were cut stay so: the manifest has them.
    pub(super) fn level(self, name: &str) -> String {
        let decoded = if self.ours {
            segment::decode(name)
        } else {
            None
        };
        decoded.unwrap_or_else(|| name.to_string())
    }
}

fn has_manifest(dir: &Path) -> bool {
    const BEGIN: &[u8] = b"{\"everpost_export\":";
    let mut begin = Vec::new();
    let read = File::open(dir.join(MANIFEST))
        .and_then(|file| file.take(BEGIN.len() as u64).read_to_end(&mut begin));
    read.is_ok() && begin == BEGIN
}

/// The levels of a path inside a source, without those that only say where it begins.
pub(super) fn levels(path: &Path) -> Vec<String> {
    let level = |part: Component<'_>| match part {
        Component::Normal(level) => Some(level.to_string_lossy().into_owned()),
        _ => None,
    };
    path.components().filter_map(level).collect()
}

/// A folder's full name; the inbox where there is no level.
pub(super) fn join(levels: &[String]) -> String {
    if levels.is_empty() {
        "INBOX".into()
    } else {
        levels.join("/")
    }
}

/// The folder of a message file: the directories above it. In Apple Mail's own store,
/// where a folder is a package, those inside the package are none.
pub(super) fn of_file(names: Names, path: &Path) -> String {
    let above: Vec<String> = path.parent().map(levels).unwrap_or_default();
    let apple = path
        .extension()
        .is_some_and(|extension| extension == "emlx");
    let packages: Vec<String> = above.iter().filter_map(|level| package(level)).collect();
    if apple && !packages.is_empty() {
        return join(&packages);
    }
    join(
        &above
            .iter()
            .map(|level| names.level(level))
            .collect::<Vec<_>>(),
    )
}

/// The folder of an mbox: directories of its path and its name, without the endings that
/// mail programs give them. An Apple package, `Name.mbox/mbox`, is one level.
pub(super) fn of_mbox(names: Names, path: &Path) -> String {
    let mut above = levels(path);
    if above.last().is_some_and(|last| last == "mbox")
        && above
            .iter()
            .rev()
            .nth(1)
            .is_some_and(|name| package(name).is_some())
    {
        above.pop();
    }
    let level = |level: &String| {
        let name = level
            .strip_suffix(".mbox")
            .or(level.strip_suffix(".sbd"))
            .unwrap_or(level);
        names.level(name)
    };
    let named: Vec<String> = above
        .iter()
        .map(level)
        .filter(|level| !level.is_empty())
        .collect();
    join(&named)
}

/// The folder of a directory named as Apple packages are.
pub(super) fn package(name: &str) -> Option<String> {
    name.strip_suffix(".mbox")
        .filter(|folder| !folder.is_empty())
        .map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_folders() {
        let foreign = Names::default();
        let file = |path: &str| of_file(foreign, Path::new(path));
        assert_eq!(file("1.eml"), "INBOX");
        assert_eq!(file("./1.eml"), "INBOX");
        assert_eq!(file("./Sent/2024/1.eml"), "Sent/2024");
        assert_eq!(
            file("V10/A/INBOX.mbox/0F3AE2C1/Data/1/Messages/7.emlx"),
            "INBOX"
        );
        assert_eq!(file("A.mbox/B.mbox/Messages/7.emlx"), "A/B");
        assert_eq!(file("50%25/1.eml"), "50%25");
        assert_eq!(
            of_file(Names { ours: true }, Path::new("50%25/a%2Fb/1.eml")),
            "50%/a/b"
        );
        let mbox = |path: &str| of_mbox(foreign, Path::new(path));
        assert_eq!(mbox("Sent.mbox"), "Sent");
        assert_eq!(mbox("./Sent.mbox/mbox"), "Sent");
        assert_eq!(mbox("Local.sbd/Old.sbd/2001"), "Local/Old/2001");
        assert_eq!(mbox("mbox"), "mbox");
        assert_eq!(
            of_mbox(Names { ours: true }, Path::new("A/b%2Ec.mbox")),
            "A/b.c"
        );
    }
}
