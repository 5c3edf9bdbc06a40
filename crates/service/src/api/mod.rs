//! The operations of the API, a file a kind of thing.

pub(crate) mod cases;
pub(crate) mod devices;
pub(crate) mod exports;
pub(crate) mod health;
pub(crate) mod help;
pub(crate) mod imports;
pub(crate) mod jobs;
pub(crate) mod mailbox;
pub(crate) mod messages;
pub(crate) mod moves;
pub(crate) mod relay;
pub(crate) mod saved;
pub(crate) mod search;
pub(crate) mod session;
mod shown;
pub(crate) mod storage;
pub(crate) mod submit;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod verify;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Under which case the caller looks at mail.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CaseAsk {
    /// The case: mail of its people and time instead of the caller's own.
    pub(crate) case: Option<i64>,
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items<T> {
    /// What is in it.
    pub(crate) items: Vec<T>,
}
