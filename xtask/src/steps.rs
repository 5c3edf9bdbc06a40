//! The checks that run cargo. One profile, release, serves the program and its tests.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{Step, source, workspace};

/// Runs a step and prints one line with its name and seconds, whether it passes or fails.
pub(crate) fn timed(prefix: &str, (name, step): Step) -> Result<()> {
    let start = Instant::now();
    let result = step();
    let verdict = if result.is_ok() { "ok" } else { "FAILED" };
    let seconds = start.elapsed().as_secs_f64();
    println!("{prefix}: {name:<6} {verdict:<6} {seconds:8.1} s");
    result.with_context(|| format!("`cargo xtask {name}` found a fault"))
}

pub(crate) fn fmt() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

pub(crate) fn lint() -> Result<()> {
    run(cargo()
        .args(["clippy", "--release", "--workspace", "--all-targets"])
        .args(["--locked", "--quiet", "--", "-D", "warnings"]))
}

pub(crate) fn doc() -> Result<()> {
    run(cargo()
        .args(["doc", "--release", "--workspace", "--no-deps"])
        .args(["--document-private-items", "--locked", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}

pub(crate) fn test() -> Result<()> {
    tests(&[], None)
}

/// Tests that run for minutes in the soak tier, and tell how far they are.
const TELLING: &str = "simulation::";

/// The tests once more with `EVERPOST_SOAK=1`. A test of the soak tier reads that variable and
/// raises its repetitions or sizes; it is the same test, so it cannot rot unseen.
pub(crate) fn soak() -> Result<()> {
    let soak = [("EVERPOST_SOAK", "1")];
    tests(&soak, Some(TELLING))?;
    let mut command = cargo();
    match has_nextest() {
        true => command.args(["nextest", "run", "--release", "--workspace", "--locked"]),
        false => command.args(["test", "--release", "--workspace", "--locked"]),
    };
    command.args(["--lib", TELLING]);
    match has_nextest() {
        true => command.arg("--no-capture"),
        false => command.args(["--", "--nocapture"]),
    };
    run(command.envs(soak))
}

/// All tests but those of `left_out`.
fn tests(environment: &[(&str, &str)], left_out: Option<&str>) -> Result<()> {
    let mut command = cargo();
    let skip = left_out.into_iter().flat_map(|name| ["--skip", name]);
    if !has_nextest() {
        // Runs the examples in the documentation as well.
        command.args(["test", "--release", "--workspace", "--locked", "--"]);
        return run(command.args(skip).envs(environment.iter().copied()));
    }
    command
        .args(["nextest", "run", "--release", "--workspace", "--locked"])
        .args(["--no-tests", "pass", "--status-level", "slow", "--"])
        .args(skip)
        .envs(environment.iter().copied());
    run(&mut command)?;
    if any_doc_test()? {
        run(cargo().args([
            "test",
            "--doc",
            "--release",
            "--workspace",
            "--locked",
            "--quiet",
        ]))?;
    }
    Ok(())
}

fn has_nextest() -> bool {
    cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn any_doc_test() -> Result<bool> {
    let files = source::texts(&workspace::root()?)?;
    Ok(files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .any(|file| has_doc_test(&file.text)))
}

/// Whether a documentation comment opens a code block that rustdoc would run.
fn has_doc_test(text: &str) -> bool {
    let mut inside = false;
    for line in text.lines().map(str::trim_start) {
        let Some(doc) = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
        else {
            inside = false;
            continue;
        };
        let Some(language) = doc.trim().strip_prefix("```") else {
            continue;
        };
        if !inside && runs(language) {
            return true;
        }
        inside = !inside;
    }
    false
}

fn runs(language: &str) -> bool {
    language
        .split(',')
        .all(|word| matches!(word.trim(), "" | "rust" | "no_run" | "should_panic"))
}

pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("could not start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::has_doc_test;

    #[test]
    fn a_plain_code_block_is_a_doc_test() {
        assert!(has_doc_test(
            "/// Adds.\n/// ```\n/// assert!(true);\n/// ```\nfn f() {}\n"
        ));
        assert!(has_doc_test("//! ```rust\n//! f();\n//! ```\n"));
    }

    #[test]
    fn a_block_of_another_language_is_none() {
        assert!(!has_doc_test(
            "/// ```text\n/// a picture\n/// ```\nfn f() {}\n"
        ));
        assert!(!has_doc_test(
            "/// ```ignore\n/// f()\n/// ```\nfn f() {}\n"
        ));
        assert!(!has_doc_test("// ```\nfn f() {}\n"));
    }
}
