//! The state page of a device, the indicator of new mail, whoever waits for a change of them, and heartbeats.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use everpost_codec::link::LONGEST_WAIT;
use everpost_codec::link::message::{Heartbeat, HeartbeatAnswer, StatePage};
use everpost_domain::continuity::UserState;
use everpost_store::{Device, Replica, StoreError};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::signed::Said;
use crate::app::App;
use crate::extract::Ask;
use crate::problem::Problem;

/// A front server may answer with what it has for so long.
const FRESH: &str = "public, max-age=5";
/// What other nodes do is seen by looking this often.
const LOOK: Duration = Duration::from_secs(1);
/// Where nobody else writes, all is told; this is for what nobody thought of.
const LOOK_ALONE: Duration = Duration::from_secs(20);
/// When somebody may come again who cannot wait here, in seconds.
const NO_WAIT: u64 = 60;

/// The device of a state page; one that was revoked has none.
async fn device(app: &App, name: &str) -> Result<Device, Problem> {
    let found = app.tenant.device_of_page(name).await?;
    found.ok_or_else(|| Problem::not_found("such page"))
}

/// Where a user's mail is delivered, and how often that changed. Who is no recipient here has always used the mail server.
async fn state_of(app: &App, owner: &str) -> Result<(UserState, u64), StoreError> {
    let recipient = app.tenant.recipient(owner).await?;
    Ok(recipient.map_or((UserState::Ready, 0), |one| (one.state, one.generation)))
}

async fn page_of(app: &App, owner: &str) -> Result<StatePage, StoreError> {
    let (state, generation) = state_of(app, owner).await?;
    Ok(StatePage {
        state,
        generation,
        config: app.link.config.number,
        indicator: None,
    })
}

/// The number of new mail; a mailbox that was never made has none.
async fn new_mail(replica: Option<&Replica>) -> Result<u64, StoreError> {
    match replica {
        Some(replica) => replica.indicator().await,
        None => Ok(0),
    }
}

pub(super) async fn state(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let device = device(&app, &name).await?;
    let page = page_of(&app, &device.owner).await?;
    Ok(([(header::CACHE_CONTROL, FRESH)], Json(page)).into_response())
}

pub(super) async fn indicator(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let device = device(&app, &name).await?;
    let (state, _) = state_of(&app, &device.owner).await?;
    if state != UserState::Active {
        return Err(Problem::not_found("indicator now"));
    }
    let replica = app.tenant.replica_if_any(&device.owner).await?;
    let number = new_mail(replica.as_ref()).await?;
    Ok(([(header::CACHE_CONTROL, FRESH)], number.to_string()).into_response())
}

/// What somebody knows who waits for something else.
#[derive(Deserialize)]
pub(super) struct WaitAsk {
    generation: Option<u64>,
    indicator: Option<u64>,
    #[serde(default = "usual")]
    seconds: u64,
}

fn usual() -> u64 {
    55
}

impl WaitAsk {
    /// Whether a page is worth an answer.
    fn is_news(&self, page: &StatePage) -> bool {
        let indicator = match (self.indicator, page.indicator) {
            (Some(known), Some(now)) => known != now,
            _ => false,
        };
        self.generation != Some(page.generation) || indicator
    }
}

pub(super) async fn wait(
    State(app): State<App>,
    Path(name): Path<String>,
    Ask(ask): Ask<WaitAsk>,
) -> Result<Json<StatePage>, Problem> {
    let device = device(&app, &name).await?;
    let Ok(_place) = app.link.waits.try_acquire() else {
        let detail = "too many wait here: look at the state page instead";
        return Err(Problem::too_many(detail, NO_WAIT));
    };
    let until = Instant::now() + Duration::from_secs(ask.seconds.min(LONGEST_WAIT));
    let mut told = Told {
        states: app.link.states.subscribe(),
        mailbox: None,
    };
    loop {
        let page = told.look(&app, &device.owner).await?;
        if ask.is_news(&page) {
            return Ok(Json(page));
        }
        let over = tokio::select! {
            () = app.stop.wait() => true,
            waited = timeout_at(until, told.wait(app.store.is_shared())) => waited.is_err(),
        };
        if over {
            return Ok(Json(page));
        }
    }
}

/// What tells of changes.
struct Told {
    states: watch::Receiver<()>,
    /// The user's mailbox, once there is one.
    mailbox: Option<(Replica, watch::Receiver<()>)>,
}

impl Told {
    /// Looks. What happens from here on is told.
    async fn look(&mut self, app: &App, owner: &str) -> Result<StatePage, StoreError> {
        self.states.borrow_and_update();
        let mut page = page_of(app, owner).await?;
        if page.state != UserState::Active {
            self.mailbox = None;
            return Ok(page);
        }
        if self.mailbox.is_none() {
            let replica = app.tenant.replica_if_any(owner).await?;
            self.mailbox = replica.map(|replica| {
                let changed = replica.changed();
                (replica, changed)
            });
        }
        if let Some((_, changed)) = &mut self.mailbox {
            changed.borrow_and_update();
        }
        let replica = self.mailbox.as_ref().map(|(replica, _)| replica);
        page.indicator = Some(new_mail(replica).await?);
        Ok(page)
    }

    /// Until there may be something new.
    async fn wait(&mut self, others_write: bool) {
        let look = match others_write || self.mailbox.is_none() {
            true => LOOK,
            false => LOOK_ALONE,
        };
        let mailbox = async {
            match &mut self.mailbox {
                Some((_, changed)) => changed.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        // Who tells lives as long as the service.
        tokio::select! {
            _ = self.states.changed() => {}
            true = mailbox => {}
            () = sleep(look) => {}
        }
    }
}

pub(super) async fn heartbeat(
    State(app): State<App>,
    said: Said<Heartbeat>,
) -> Result<Json<HeartbeatAnswer>, Problem> {
    app.tenant.device_seen(said.device.id, &said.what).await?;
    let page = page_of(&app, &said.device.owner).await?;
    let config = &app.link.config;
    let settings = (said.what.config != config.number).then(|| config.clone());
    Ok(Json(HeartbeatAnswer {
        page,
        settings,
        orders: Vec::new(),
    }))
}
