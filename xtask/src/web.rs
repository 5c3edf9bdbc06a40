//! The console: its types, lint, tests, and that the committed `dist` is what its sources build.
//!
//! `dist` is committed so that `cargo build` needs no Node. This check builds it once more in a
//! folder of its own and compares byte for byte; the browser tests then run over what is shipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{steps, workspace};

const HINT: &str = "Node 20.19 or later with npm is needed, and Chromium; `.ci/run` installs them";

pub(crate) fn check() -> Result<()> {
    let root = workspace::root()?;
    let console = root.join("web/console");
    npm(&console, &["ci", "--silent"])?;
    for script in ["types", "lint", "unit"] {
        npm(&console, &["run", "--silent", script])?;
    }
    let fresh = root.join(target()).join("console");
    let out = fresh.display().to_string();
    npm(
        &console,
        &[
            "run",
            "--silent",
            "build",
            "--",
            "--outDir",
            &out,
            "--emptyOutDir",
            "--logLevel",
            "warn",
        ],
    )?;
    let different = differences(&files(&console.join("dist"))?, &files(&fresh)?);
    if !different.is_empty() {
        bail!(
            "web/console/dist is not what its sources build: {}; run `npm run build` in \
             web/console and commit dist",
            different.join(", ")
        );
    }
    browser(&root, &console)
}

/// The browser tests, over the mock and over the program itself, which embeds `dist`.
fn browser(root: &Path, console: &Path) -> Result<()> {
    steps::run(steps::cargo().args(["build", "--release", "-p", "everpost", "--locked"]))?;
    let program = root.join(target()).join("release/everpost");
    steps::run(
        Command::new("npm")
            .args(["run", "--silent", "browser"])
            .current_dir(console)
            .env("EVERPOST_PROGRAM", program),
    )
}

/// Where cargo builds, which is never inside the console's sources.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), Into::into)
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new("npm")
        .args(arguments)
        .current_dir(folder)
        .status()
        .with_context(|| format!("could not start npm; {HINT}"))?;
    if !status.success() {
        bail!("npm {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    collect(folder, "", &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), found)?;
        } else {
            let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {name}"))?;
            found.insert(name, bytes);
        }
    }
    Ok(())
}

/// The names of files that only one side has or that differ.
fn differences(
    committed: &BTreeMap<String, Vec<u8>>,
    built: &BTreeMap<String, Vec<u8>>,
) -> Vec<String> {
    let mut names: Vec<String> = committed.keys().chain(built.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| committed.get(name) != built.get(name));
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::differences;

    fn folder(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn folders_differ_by_content_and_by_name() {
        let committed = folder(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let built = folder(&[("a", "1"), ("b", "x"), ("d", "3")]);
        assert_eq!(differences(&committed, &built), ["b", "c", "d"]);
        assert!(differences(&committed, &committed).is_empty());
    }
}
