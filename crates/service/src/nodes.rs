//! What the nodes of a cluster ask each other. The store seals questions and answers; here they
//! are carried.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use everpost_node::NodeError;
use everpost_store::{Messenger, StoreError};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::app::App;

/// Where a node answers.
const PATH: &str = "/v1/answer";
/// Bytes of a question: sets of copies, an eighth of a byte each in the worst case.
const QUESTION: usize = 64 << 20;
/// Questions at a time; others wait, and who waits too long asks elsewhere.
const ABREAST: usize = 16;
/// A node in the same cluster takes a connection at once, or is not there.
const CONNECT: Duration = Duration::from_secs(1);

/// What the listener for nodes answers.
pub(crate) fn router(app: App) -> Router {
    let room = Arc::new(Semaphore::new(ABREAST));
    Router::new()
        .route(PATH, post(answer))
        .with_state((app, room))
}

/// Whoever is none of the cluster's nodes hears nothing but that.
async fn answer(
    State((app, room)): State<(App, Arc<Semaphore>)>,
    body: Body,
) -> Result<Bytes, StatusCode> {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let _room = room.acquire().await.map_err(|_| unavailable)?;
    let question = to_bytes(body, QUESTION).await;
    let question = question.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    match app.tenant.answer(&question).await {
        Ok(answer) => Ok(answer.into()),
        Err(StoreError::Key(_)) => Err(StatusCode::FORBIDDEN),
        Err(error) => {
            tracing::warn!(code = error.code(), %error, "another node was not answered");
            Err(unavailable)
        }
    }
}

/// How this node reaches the others.
pub(crate) fn messenger() -> Result<Arc<dyn Messenger>, NodeError> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .build();
    let client = client.map_err(|error| NodeError::Config(error.to_string()))?;
    Ok(Arc::new(Http(client)))
}

struct Http(reqwest::Client);

impl Messenger for Http {
    fn ask(
        &self,
        address: SocketAddr,
        message: Vec<u8>,
    ) -> BoxFuture<'static, io::Result<Vec<u8>>> {
        let asked = self
            .0
            .post(format!("http://{address}{PATH}"))
            .body(message)
            .send();
        Box::pin(async move {
            let answer = asked.await.and_then(reqwest::Response::error_for_status);
            let bytes = answer.map_err(io::Error::other)?.bytes().await;
            Ok(bytes.map_err(io::Error::other)?.to_vec())
        })
    }
}
