//! Development tasks: `cargo xtask ci` is everything that a change must pass.
//!
//! Each check is also a command of its own; [`USAGE`] lists them. Only this file knows the
//! order. The checks that need no compiler come first, so that a slip shows within a second.

mod layers;
mod licences;
mod source;
mod steps;
mod tidy;
mod web;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci      all checks below in this order; stops at the first that fails
  fmt     formatting
  layers  which crate may use which, and under which licences
  tidy    house rules over the text of the sources
  lint    clippy, warnings are errors
  doc     documentation builds, every link resolves
  test    all tests
  web     the console: types, lint, tests, and that its committed build is its sources'
  soak    all tests, those of the soak tier with their full number of repetitions";

/// One check: its name on the command line and what it does.
type Step = (&'static str, fn() -> Result<()>);

const CI: &[Step] = &[
    ("fmt", steps::fmt),
    ("layers", layers::check),
    ("tidy", tidy::check),
    ("lint", steps::lint),
    ("doc", steps::doc),
    ("test", steps::test),
    ("web", web::check),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["ci"] => CI.iter().try_for_each(|step| steps::timed("ci", *step)),
        ["soak"] => steps::timed("xtask", ("soak", steps::soak)),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [name] => match CI.iter().find(|(known, _)| known == name) {
            Some(step) => steps::timed("xtask", *step),
            None => bail!("no command {name}\n{USAGE}"),
        },
        _ => bail!("one command expected\n{USAGE}"),
    }
}
