//! The part of the command line that concerns what is stored: is it whole, where does it rest, who can open it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct FsckCommand {
    /// Make again what is derived (tiles, index) and remove leftovers; mail is never touched
    #[arg(long)]
    pub(crate) repair: bool,
    /// Look for damaged objects in this backup repository; with --repair, put them back from there first
    #[arg(long, value_name = "REPO")]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct CompactCommand {
    /// How strongly to compress: packs written at a lower level are written again
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(i32).range(1..=22))]
    pub(crate) level: i32,
}

#[derive(Subcommand)]
pub(crate) enum ClassCommand {
    /// Try a definition out, volumes included, and change nothing
    Check {
        /// The definition, in TOML
        file: PathBuf,
    },
    /// Put a definition in force
    Apply {
        /// The definition, in TOML
        file: PathBuf,
    },
    /// The classes and what rests in each
    List,
    /// The definition in force, as TOML
    Show,
    /// Move mail to the classes that want it, and lock what is to be locked
    Move {
        /// Only say what would move
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args)]
pub(crate) struct KeyCommand {
    #[command(subcommand)]
    pub(crate) what: KeyWhat,
}

#[derive(Subcommand)]
pub(crate) enum KeyWhat {
    /// Open the archive and say what its master key is, without telling it
    Check {
        /// Read a recovery key from standard input instead and say what it opens
        #[arg(long)]
        recovery: bool,
    },
    /// Put the archive under a new master key
    Rotate {
        /// Where the new key is or is to be made; default: DIR.key beside the data directory is replaced
        #[arg(long, value_name = "FILE|env:NAME")]
        new_key: Option<String>,
        /// Make a new recovery key as well and print it once
        #[arg(long)]
        recovery: bool,
    },
    /// The master key is lost: read the recovery key from standard input, make a new master key
    Recover,
    /// Print a new master key, for use with env:NAME
    New,
}
