//! `classes.toml`: how people write volumes and classes.

use std::collections::{BTreeMap, HashSet};

use everpost_domain::class::{MAIN, StorageClass, Volume, unmet};
use everpost_domain::query;
use serde::{Deserialize, Serialize};

use crate::error::{Result, StoreError};

/// Volumes by name, and classes in their order: mail belongs to the last that wants it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassFile {
    /// `[volume.NAME]`; `main` labels the store's own place.
    #[serde(default, rename = "volume")]
    pub volumes: BTreeMap<String, Volume>,
    /// `[[class]]`.
    #[serde(default, rename = "class")]
    pub classes: Vec<StorageClass>,
}

/// A volume as its row has it.
#[derive(Serialize, Deserialize)]
pub(super) struct NamedVolume {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) volume: Volume,
}

impl NamedVolume {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(unreadable)
    }

    pub(super) fn decode(about: &[u8]) -> Result<Self> {
        serde_json::from_slice(about).map_err(unreadable)
    }
}

pub(super) fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::damaged("storage class", error.to_string())
}

impl ClassFile {
    /// Reads `classes.toml`; an error names the line.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| StoreError::Invalid(error.to_string()))
    }

    /// The same as text.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| StoreError::Invalid(error.to_string()))
    }

    /// What is wrong with it as it stands, whatever its volumes do; a line each.
    pub fn complaints(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, volume) in &self.volumes {
            if name.is_empty() || !name.bytes().all(is_name) {
                wrong.push(format!(
                    "volume `{name}`: a name is of letters, digits and -"
                ));
            }
            match (&volume.address, name.as_str()) {
                (Some(_), MAIN) => wrong.push(
                    "volume main: its address is the store's own; only labels are given here"
                        .into(),
                ),
                (None, other) if other != MAIN => {
                    wrong.push(format!("volume {other}: it has no address"));
                }
                _ => {}
            }
        }
        let mut names = HashSet::new();
        let main = Volume::default();
        for class in &self.classes {
            let name = &class.name;
            if name.is_empty() || !name.bytes().all(is_name) {
                wrong.push(format!(
                    "class `{name}`: a name is of letters, digits and -"
                ));
            }
            if name == "new" || !names.insert(name) {
                wrong.push(format!("class {name}: there is another of that name"));
            }
            for (what, query) in [("scope", &class.scope), ("hold", &class.hold)] {
                if let Some(Err(error)) = query.as_deref().map(query::parse) {
                    wrong.push(format!("class {name}: its {what}: {error}"));
                }
            }
            match super::labels(self, &class.volume, &main) {
                Some(volume) => wrong.extend(
                    unmet(class, volume)
                        .into_iter()
                        .map(|what| format!("class {name} asks for {what}")),
                ),
                None => wrong.push(format!(
                    "class {name}: there is no volume `{}`",
                    class.volume
                )),
            }
        }
        wrong
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}
