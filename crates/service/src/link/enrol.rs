//! An agent comes with a code, and is a device from then on.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use everpost_codec::link::Bytes32;
use everpost_codec::link::message::{EnrolAnswer, EnrolAsk};
use everpost_store::{NewDevice, StoreError};

use super::addresses;
use super::signed::{BringsKey, Introduced};
use crate::app::App;
use crate::problem::Problem;

impl BringsKey for EnrolAsk {
    fn key(&self) -> &[u8; 32] {
        &self.key.0
    }
}

/// Whether the code is wrong, used or over is nobody's to know.
fn no_code() -> Problem {
    let detail = "there is no such code in force";
    Problem::new(StatusCode::FORBIDDEN, "E-CODE", detail)
        .hint("`everpost enrol ADDRESS` makes a new one")
}

pub(super) async fn enrol(
    State(app): State<App>,
    Introduced(ask): Introduced<EnrolAsk>,
) -> Result<Json<EnrolAnswer>, Problem> {
    let new = NewDevice {
        key: ask.key.0,
        exchange: ask.exchange.0,
        name: ask.name,
        version: ask.version,
    };
    let device = match app.tenant.enrol(&ask.ticket.0, &new).await {
        Ok(device) => device,
        Err(StoreError::NotFound(_)) => return Err(no_code()),
        Err(error) => return Err(error.into()),
    };
    let addresses = addresses(&app.tenant, &device.owner).await?;
    let addresses = addresses.ok_or_else(no_code)?;
    Ok(Json(EnrolAnswer {
        device: device.public_id(),
        address: device.owner,
        addresses,
        page: device.page,
        exchange: Bytes32(device.exchange),
        config: app.link.config.clone(),
    }))
}
