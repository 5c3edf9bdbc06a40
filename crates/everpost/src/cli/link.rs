//! The part of the command line that concerns agents.

use clap::{Args, Subcommand};

pub(super) const ENROL_EXAMPLES: &str = "Examples:
  everpost enrol ann@example.org
  everpost enrol ann@example.org --hours 2 --json

The code is shown once, is valid for one device, and is typed into its agent.";

pub(super) const DEVICE_EXAMPLES: &str = "Examples:
  everpost device list
  everpost device revoke D17";

#[derive(Args)]
pub(crate) struct EnrolCommand {
    /// Whose device: the address of a recipient or account
    pub(crate) address: String,
    /// How long the code is valid
    #[arg(long, default_value_t = everpost_service::devices::HOURS)]
    pub(crate) hours: u32,
}

#[derive(Subcommand)]
pub(crate) enum DeviceCommand {
    /// All devices, and how they are
    List,
    /// End a device: it is not let in any more
    Revoke {
        /// Its id
        id: String,
    },
}
