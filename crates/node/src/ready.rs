//! The ready file: it appears, complete, when every listener accepts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{NodeError, beside};

/// What a ready file says.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// Address of each listener by its name.
    pub listeners: BTreeMap<&'static str, SocketAddr>,
    /// The certificate to trust, where it is of our own authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The process.
    pub pid: u32,
}

impl Ready {
    /// Writes the file; who sees it sees all of it.
    pub fn write(&self, path: &Path) -> Result<(), NodeError> {
        let making = beside(path, ".making");
        serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::write(&making, text))
            .and_then(|()| std::fs::rename(&making, path))
            .map_err(|error| NodeError::file(path, error))
    }
}
