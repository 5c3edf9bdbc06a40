//! Real mail for tests.
//!
//! One corpus is always there: the public SpamAssassin mails, which `.ci/run` fetches from a
//! package registry into a cache folder outside the sources. A second, larger one is used where
//! `EVERPOST_CORPUS` names its folder; its archives are unpacked once into the same cache.
//! Nothing here touches the network.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The folder that `.ci/run` makes for the package; it names the version.
const SPAM_ASSASSIN: &str = "datasets-spam-assassin-0.2.3";

/// The largest window with which the archives were compressed, as a power of two.
const WINDOW_LOG: u32 = 27;

/// One mail as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Where it is from, for messages of failed tests: `corpus/group/file`.
    pub name: String,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
}

/// Why there is no mail.
#[derive(thiserror::Error)]
pub enum CorpusError {
    /// The SpamAssassin mails were not fetched yet.
    #[error("no real mail in {0}; run .ci/run once, or set EVERPOST_SPAMASSASSIN to its folder")]
    NotFetched(PathBuf),
    /// Neither `XDG_CACHE_HOME` nor `HOME` is set.
    #[error("no cache folder: neither XDG_CACHE_HOME nor HOME is set")]
    NoCache,
    /// A file could not be read or unpacked.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// As for a person: tests `unwrap`, and what they print then should say what to do.
impl fmt::Debug for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The 6,046 SpamAssassin mails of 2002, ham and spam, in the order of their names.
///
/// The package holds each as a text file with its original bytes: the MD5 in the file's name is
/// that of its content, for all but one. 5,453 begin with the separator line of the mbox they
/// were cut from; it is no part of the mail and is taken off.
///
/// # Errors
/// Where the mails were not fetched or cannot be read.
pub fn spam_assassin() -> Result<Vec<Mail>, CorpusError> {
    let mut mails = below(&spam_assassin_folder()?, "spam-assassin", ".txt")?;
    for mail in &mut mails {
        if mail.bytes.starts_with(b"From ") {
            let line = mail.bytes.iter().position(|byte| *byte == b'\n');
            mail.bytes.drain(..line.map_or(0, |at| at + 1));
        }
    }
    Ok(mails)
}

/// The folder with the SpamAssassin mails: five folders of files `NUMBER.MD5.txt`, each one mail,
/// most of them after an mbox separator line.
///
/// # Errors
/// Where they were not fetched.
pub fn spam_assassin_folder() -> Result<PathBuf, CorpusError> {
    let package = match set("EVERPOST_SPAMASSASSIN") {
        Some(folder) => folder,
        None => cache()?.join(SPAM_ASSASSIN),
    };
    let folder = package.join("data");
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(CorpusError::NotFetched(folder))
    }
}

/// The folder of the larger corpus, where `EVERPOST_CORPUS` names one.
pub fn folder() -> Option<PathBuf> {
    set("EVERPOST_CORPUS")
}

/// An mbox (mboxrd) of 6,000 messages of one mailing list, 70 MB; none without [`folder`].
///
/// # Errors
/// Where it cannot be unpacked.
pub fn linux_raid_mbox() -> Result<Option<PathBuf>, CorpusError> {
    unpacked("linux-raid.mbox.zst", |archive, target| {
        let mut file = File::create(target)?;
        io::copy(&mut decoder(archive)?, &mut file)?;
        Ok(())
    })
}

/// A folder with corporate mail (`mail/*.eml`) and office documents; none without [`folder`].
///
/// # Errors
/// Where it cannot be unpacked.
pub fn enron() -> Result<Option<PathBuf>, CorpusError> {
    unpacked("enron.tar.zst", untar)
}

/// A folder with odd and broken mail from the tests of other programs, as files, Maildirs and
/// mboxes; none without [`folder`].
///
/// # Errors
/// Where it cannot be unpacked.
pub fn torture() -> Result<Option<PathBuf>, CorpusError> {
    unpacked("torture.tar.zst", untar)
}

/// Every mail that is a file of its own: the SpamAssassin mails, and with [`folder`] the `.eml`
/// files of [`enron`] and [`torture`]. Some 33 MB without, and 70 MB with.
///
/// # Errors
/// Where one of them cannot be read.
pub fn mails() -> Result<Vec<Mail>, CorpusError> {
    let mut mails = spam_assassin()?;
    if let Some(folder) = enron()? {
        mails.extend(below(&folder, "enron", ".eml")?);
    }
    if let Some(folder) = torture()? {
        mails.extend(below(&folder, "torture", ".eml")?);
    }
    Ok(mails)
}

fn set(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// Where what was fetched or made once for all tests is kept.
pub(crate) fn cache() -> Result<PathBuf, CorpusError> {
    let home = || set("HOME").map(|home| home.join(".cache"));
    let base = set("XDG_CACHE_HOME").or_else(home);
    Ok(base.ok_or(CorpusError::NoCache)?.join("everpost"))
}

/// The files below a folder whose names end so, in the order of their names.
fn below(folder: &Path, corpus: &str, end: &str) -> Result<Vec<Mail>, CorpusError> {
    let mut mails = Vec::new();
    collect(folder, corpus, end, &mut mails)?;
    mails.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mails)
}

fn collect(folder: &Path, at: &str, end: &str, mails: &mut Vec<Mail>) -> Result<(), CorpusError> {
    let at_folder = unreadable(folder);
    for entry in fs::read_dir(folder).map_err(&at_folder)? {
        let entry = entry.map_err(&at_folder)?;
        let path = entry.path();
        let name = format!("{at}/{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(unreadable(&path))?;
        if kind.is_dir() {
            collect(&path, &name, end, mails)?;
        } else if kind.is_file() && name.ends_with(end) {
            let bytes = fs::read(&path).map_err(unreadable(&path))?;
            mails.push(Mail { name, bytes });
        }
    }
    Ok(())
}

/// An archive of the larger corpus, unpacked once. The name carries the archive's length and
/// time, so that a new archive is unpacked anew. Another process may do the same meanwhile: each
/// unpacks beside the place and moves the whole there, and whoever is second uses the first.
fn unpacked(
    name: &str,
    unpack: fn(File, &Path) -> io::Result<()>,
) -> Result<Option<PathBuf>, CorpusError> {
    let Some(folder) = folder() else {
        return Ok(None);
    };
    let archive = folder.join(name);
    let at_archive = unreadable(&archive);
    let file = File::open(&archive).map_err(&at_archive)?;
    let data = file.metadata().map_err(&at_archive)?;
    let changed = data.modified().map_err(&at_archive)?;
    let seconds = changed
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let inner = name.trim_end_matches(".zst").trim_end_matches(".tar");

    let cache = cache()?;
    let place = cache.join(format!("corpus-{}-{seconds}-{inner}", data.len()));
    if place.exists() {
        return Ok(Some(place));
    }
    fs::create_dir_all(&cache).map_err(unreadable(&cache))?;
    let scratch = tempfile::tempdir_in(&cache).map_err(unreadable(&cache))?;
    let whole = scratch.path().join(inner);
    unpack(file, &whole).map_err(&at_archive)?;
    match fs::rename(&whole, &place) {
        Err(error) if !place.exists() => Err(unreadable(&place)(error)),
        _ => Ok(Some(place)),
    }
}

fn untar(archive: File, target: &Path) -> io::Result<()> {
    tar::Archive::new(decoder(archive)?).unpack(target)
}

fn decoder(archive: File) -> io::Result<impl io::Read> {
    let mut decoder = zstd::Decoder::new(archive)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder)
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> CorpusError {
    move |source| CorpusError::Unreadable {
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::{SPAM_ASSASSIN, enron, folder, linux_raid_mbox, mails, spam_assassin, torture};

    #[test]
    fn spam_assassin_is_whole() {
        let mails = spam_assassin().unwrap();
        let mut groups = BTreeMap::new();
        for mail in &mails {
            *groups
                .entry(mail.name.split('/').nth(1).unwrap())
                .or_insert(0) += 1;
        }
        let expected = [
            ("easy-ham-1", 2500),
            ("easy-ham-2", 1400),
            ("hard-ham-1", 250),
            ("spam-1", 500),
            ("spam-2", 1396),
        ];
        assert_eq!(groups, BTreeMap::from(expected));
        assert!(
            mails.is_sorted_by(|a, b| a.name < b.name),
            "one order, no name twice"
        );
        assert!(!mails.iter().any(|mail| mail.bytes.starts_with(b"From ")));
        // Bytes that no text format would have kept.
        let raw = mails
            .iter()
            .filter(|mail| std::str::from_utf8(&mail.bytes).is_err());
        assert_eq!(raw.count(), 500);
    }

    #[test]
    fn ci_run_fetches_the_version_that_is_read_here() {
        let script = include_str!("../../../.ci/run");
        let version = SPAM_ASSASSIN.rsplit('-').next().unwrap();
        assert!(script.contains(&format!("version={version}\n")));
        assert!(script.contains("datasets-spam-assassin-$version"));
    }

    #[test]
    fn the_larger_corpus_is_whole_where_it_is_named() {
        let always = spam_assassin().unwrap().len();
        let all = mails().unwrap();
        if folder().is_none() {
            assert_eq!(all.len(), always);
            assert_eq!((linux_raid_mbox().unwrap(), enron().unwrap()), (None, None));
            return;
        }
        let of = |corpus: &str| {
            all.iter()
                .filter(|mail| mail.name.starts_with(corpus))
                .count()
        };
        assert_eq!((of("enron/"), of("torture/")), (2183, 967));
        assert_eq!(all.len(), always + 2183 + 967);
        assert!(torture().unwrap().unwrap().is_dir());

        let mbox = fs::read(linux_raid_mbox().unwrap().unwrap()).unwrap();
        let separators = mbox
            .split(|byte| *byte == b'\n')
            .filter(|line| line.starts_with(b"From "));
        assert_eq!(separators.count(), 6000);
    }
}
