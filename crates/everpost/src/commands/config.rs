//! `everpost config`.

use everpost_node::config::reference;
use everpost_store::Address;
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
        ConfigCommand::Show => {
            let mut shown = global.config.clone();
            if let Address::Cluster(cluster) = options(global)?.address {
                shown.store.catalog = Some(cluster.catalog_for_people());
                shown.store.objects = global.cluster.clone().map(|(_, objects)| objects);
            }
            match global.json {
                true => object(&json!(shown))?,
                false => line(shown.to_toml()?.trim_end())?,
            }
        }
        ConfigCommand::Reference => line(reference().trim_end())?,
    }
    Ok(Exit::Well)
}
