//! `everpost config`.

use everpost_node::config::reference;
use serde_json::json;

use super::options;
use crate::cli::{ConfigCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object};

pub(crate) fn run(global: &Global, command: &ConfigCommand) -> Result<Exit, Failure> {
    match command {
        // The file was read before any command; what is left are the addresses in it.
        ConfigCommand::Check => {
            options(global)?;
            line("The configuration is well formed.")?;
        }
        ConfigCommand::Show if global.json => object(&json!(global.config))?,
        ConfigCommand::Show => line(global.config.to_toml()?.trim_end())?,
        ConfigCommand::Reference => line(reference().trim_end())?,
    }
    Ok(Exit::Well)
}
