//! The files of a directory tree, in an order that a cursor can rely on.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// All files below a path (or the path itself) in the byte order of their whole paths, so
/// that of two files the one with the smaller key always comes first. One directory a
/// level is held at a time.
///
/// Symbolic links to directories are listed as files: following them might never end.
pub(super) struct Walk {
    open: Vec<(PathBuf, std::vec::IntoIter<Entry>)>,
}

/// A name, with `/` behind it if it is a directory's: that is how it stands in paths, and
/// `a-b` comes before `a/b`, though `a` comes before `a-b`.
struct Entry(Vec<u8>);

impl Walk {
    pub(super) fn new(path: &Path) -> Self {
        let mut walk = Walk { open: Vec::new() };
        match path.is_dir() {
            true => walk.enter(path.to_path_buf()),
            false => {
                let name = path
                    .file_name()
                    .unwrap_or(path.as_os_str())
                    .as_bytes()
                    .to_vec();
                let dir = path.parent().map(Path::to_path_buf).unwrap_or_default();
                walk.open.push((dir, vec![Entry(name)].into_iter()));
            }
        }
        walk
    }

    fn enter(&mut self, dir: PathBuf) {
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(_) => {
                // Listed as a file: reading it fails, and the failure is reported by name.
                self.open.push((dir, vec![Entry(Vec::new())].into_iter()));
                return;
            }
        };
        let name = |entry: std::fs::DirEntry| {
            let mut name = entry.file_name().into_vec();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                name.push(b'/');
            }
            Entry(name)
        };
        let mut names: Vec<Entry> = entries.flatten().map(name).collect();
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.open.push((dir, names.into_iter()));
    }
}

impl Iterator for Walk {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            let (dir, entries) = self.open.last_mut()?;
            let Some(Entry(mut name)) = entries.next() else {
                self.open.pop();
                continue;
            };
            if name.is_empty() {
                return Some(dir.clone());
            }
            let below = name.last() == Some(&b'/');
            if below {
                name.pop();
            }
            let path = dir.join(OsString::from_vec(name));
            if !below {
                return Some(path);
            }
            self.enter(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_bytes() {
        let root = tempfile::tempdir().unwrap();
        for file in [
            "a/2", "a-b/1", "a.x", "a/b/c", "b", "a/b.c/d", "a/1", "ab/x",
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(root.path(), root.path().join("a/loop")).unwrap();
        let files: Vec<PathBuf> = Walk::new(root.path()).collect();
        assert_eq!(files.len(), 9);
        assert!(
            files.is_sorted_by(|a, b| a.as_os_str().as_bytes() < b.as_os_str().as_bytes()),
            "{files:?}"
        );
        let one = root.path().join("a/1");
        assert_eq!(Walk::new(&one).collect::<Vec<_>>(), [one]);
    }
}
