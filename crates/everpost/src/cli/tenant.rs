//! The part of the command line that concerns the organizations that share an archive.

use clap::Subcommand;

pub(super) const TENANT_EXAMPLES: &str = "Examples:
  everpost tenant add north                its recovery key is shown once
  everpost tenant list
  everpost domain add north.example --tenant north
  everpost service --tenant default        the people of `default` sign in; mail is taken for all

Each has mail, people, a log and keys of its own. A service that runs goes on without a new one
until it is started again.";

#[derive(Subcommand)]
pub(crate) enum TenantCommand {
    /// Add an organization, with a key of its own
    Add {
        /// How --tenant names it: a-z, 0-9, `.`, `-`, `_`
        name: String,
    },
    /// The organizations of the archive, oldest first
    List,
}
