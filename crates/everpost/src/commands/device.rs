//! `everpost enrol`, `device`: asked of the service that has the archive open, or of the archive itself.

use everpost_service::devices::{self, CodeAsk, CodeView, DeviceView};
use hyper::Method;
use serde_json::{Value, json};

use super::open;
use super::remote::{escape, items, service};
use super::user::ACTOR;
use crate::cli::{DeviceCommand, EnrolCommand, Global};
use crate::failure::{Exit, Failure};
use crate::output::{line, object, plain};

pub(crate) async fn enrol(global: &Global, command: EnrolCommand) -> Result<Exit, Failure> {
    let ask = CodeAsk {
        address: command.address,
        hours: command.hours,
    };
    let made: CodeView = match service(global).await {
        Some(service) => {
            let body = serde_json::to_value(&ask).map_err(anyhow::Error::from)?;
            let made = service.post("/devices/codes", &body).await?;
            serde_json::from_value(made).map_err(anyhow::Error::from)?
        }
        None => {
            let (store, tenant) = open(global, false).await?;
            let made = devices::code(&tenant, &ask, ACTOR).await?;
            tenant.advance_log().await?;
            drop(tenant);
            store.close().await?;
            made
        }
    };
    match global.json {
        true => object(&serde_json::to_value(&made).map_err(anyhow::Error::from)?)?,
        false => line(format!(
            "Code for one device of {} (shown once, until {}): {}",
            plain(&made.address),
            made.expires,
            made.code
        ))?,
    }
    Ok(Exit::Well)
}

pub(crate) async fn device(global: &Global, command: DeviceCommand) -> Result<Exit, Failure> {
    match command {
        DeviceCommand::List => list(global).await,
        DeviceCommand::Revoke { id } => revoke(global, &id).await,
    }
}

async fn list(global: &Global) -> Result<Exit, Failure> {
    let all: Vec<DeviceView> = match service(global).await {
        Some(service) => items(service.get("/devices").await?)?,
        None => {
            let (store, tenant) = open(global, false).await?;
            let all = devices::devices(&tenant).await?;
            drop(tenant);
            store.close().await?;
            all
        }
    };
    for device in &all {
        if global.json {
            object(&serde_json::to_value(device).map_err(anyhow::Error::from)?)?;
            continue;
        }
        let state = match (&device.revoked, &device.seen) {
            (Some(when), _) => format!("revoked {when}"),
            (None, Some(when)) => format!(
                "{}, seen {when}, mail server {}, {} waiting, {} uncertain",
                device.doing, device.primary, device.waiting, device.uncertain
            ),
            (None, None) => format!("enrolled {}, never seen since", device.enrolled),
        };
        line(plain(&format!(
            "{:>5}  {}  {} ({})  {state}",
            device.id, device.address, device.name, device.version
        )))?;
    }
    if global.json {
        object(&json!({"summary": true, "devices": all.len()}))?;
    }
    Ok(Exit::Well)
}

async fn revoke(global: &Global, id: &str) -> Result<Exit, Failure> {
    match service(global).await {
        Some(service) => {
            let path = format!("/devices/{}", escape(id));
            service.tell(Method::DELETE, &path, &Value::Null).await?;
        }
        None => {
            let (store, tenant) = open(global, false).await?;
            devices::revoke(&tenant, id, ACTOR).await?;
            tenant.advance_log().await?;
            drop(tenant);
            store.close().await?;
        }
    }
    match global.json {
        true => object(&json!({"id": id, "revoked": true}))?,
        false => line(plain(&format!("Device {id} is ended.")))?,
    }
    Ok(Exit::Well)
}
