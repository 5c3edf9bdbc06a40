//! What every command knows: where the archive is, whose mail, how to answer.

use std::path::PathBuf;

use everpost_node::config::Config;
use everpost_store::Cluster;

use super::Cli;
use crate::failure::Failure;

/// What every command knows.
pub(crate) struct Global {
    pub(crate) data: PathBuf,
    /// What the configuration file says.
    pub(crate) config: Config,
    /// Catalog and objects, where they are not in the data directory.
    pub(crate) cluster: Option<(String, String)>,
    pub(crate) tenant: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) json: bool,
}

impl Global {
    /// Where the archive is, for people; without passwords.
    pub(crate) fn place(&self) -> String {
        let cluster = self.cluster.as_ref();
        let cluster = cluster.and_then(|(catalog, objects)| Cluster::parse(catalog, objects).ok());
        match cluster {
            Some(cluster) => cluster.to_string(),
            None => self.data.display().to_string(),
        }
    }
}

impl Cli {
    /// Reads the configuration file, too.
    pub(crate) fn global(&self) -> Result<Global, Failure> {
        let config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::default(),
        };
        let given = self.catalog.clone().zip(self.objects.clone());
        let kept = config
            .store
            .catalog
            .clone()
            .zip(config.store.objects.clone());
        if kept.is_none() && (config.store.catalog.is_some() || config.store.objects.is_some()) {
            return Err(Failure::usage(
                "[store] has one of catalog and objects",
                "give both, or neither",
            ));
        }
        Ok(Global {
            data: self.data.clone(),
            cluster: given.or(kept),
            config,
            tenant: self.tenant.clone(),
            key: self.key.clone(),
            json: self.json,
        })
    }
}
