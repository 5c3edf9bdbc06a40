//! The part of the command line by which an archive moves.

use std::path::PathBuf;

use clap::Args;

pub(super) const MIGRATE_EXAMPLES: &str = "Examples:
  everpost migrate --to-catalog postgres://everpost@db/mail --to-objects 's3://archive/mail?endpoint=https://s3.example.org' --dry-run
  everpost --catalog postgres://everpost@db/mail --objects s3://archive/mail migrate --to-data ./everpost-data

The archive goes on meanwhile, a running service included; for some seconds at the end nothing is
taken in, and afterwards only at the new place. Cut short, the same command goes on.
docs/operate/cluster.md says what to do before and after.";

#[derive(Args)]
pub(crate) struct MigrateCommand {
    /// To this data directory, which does not exist or is empty
    #[arg(long, value_name = "DIR", conflicts_with_all = ["to_catalog", "to_objects"], required_unless_present = "to_catalog")]
    pub(crate) to_data: Option<PathBuf>,
    /// To PostgreSQL, an empty database
    #[arg(long, value_name = "URL", requires = "to_objects")]
    pub(crate) to_catalog: Option<String>,
    /// … and S3, an empty bucket or prefix
    #[arg(long, value_name = "URL", requires = "to_catalog")]
    pub(crate) to_objects: Option<String>,
    /// Look at both places and say what would be carried; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
