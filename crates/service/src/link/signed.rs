//! Requests that a device signed: JSON as it is, or a batch.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use everpost_codec::link::{
    Batch, BatchFault, Direction, ENROLLING, Head, MOST_HEAD, MOST_TOGETHER, Params, SKEW, Signed,
    Way, read_content_digest, read_input, read_signature,
};
use everpost_domain::digest::Digest;
use everpost_mail::capture::Room;
use everpost_node::listen::Peer;
use everpost_store::Device;
use futures::StreamExt;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{Turn, addresses, now};
use crate::app::App;
use crate::problem::Problem;

/// Bytes of a body that is no batch.
const SMALL: usize = 64 << 10;
/// What a batch has beside its messages, in bytes, if it hardly gets smaller.
const SLACK: usize = 2 << 20;
/// Bytes of a body that nobody wants and that are let come nevertheless,
const UNWANTED: usize = 32 << 20;
/// for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who sends nothing for so long has gone away. Until then its device has no other batch under way.
const STALLED: Duration = Duration::from_secs(20);
/// When a device may come with its next batch, in seconds.
const NEXT: u64 = 1;

/// Nobody that is known signed this. Every reason looks alike.
fn unknown() -> Problem {
    let detail = "this was not signed by a device that is let in";
    Problem::new(StatusCode::UNAUTHORIZED, "E-DEVICE", detail)
        .hint("enrol the device again, with a new code of `everpost enrol`")
}

/// What the fields of a request say of its signature.
struct Claim {
    params: Params,
    digest: Digest,
    base: String,
    signature: Vec<u8>,
}

/// A field that is there once.
fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let only = all.next()?;
    match all.next() {
        Some(_) => None,
        None => only.to_str().ok(),
    }
}

impl Claim {
    fn read(parts: &Parts) -> Option<Self> {
        let params = read_input(field(&parts.headers, "signature-input")?)?;
        let signature = read_signature(field(&parts.headers, "signature")?)?;
        let content_digest = field(&parts.headers, "content-digest")?;
        let digest = read_content_digest(content_digest)?;
        let signed = Signed {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            content_digest,
            created: params.created,
            key_id: &params.key_id,
        };
        Some(Claim {
            base: signed.base(),
            params,
            digest,
            signature,
        })
    }

    /// Whether this key signed it, and not long ago.
    fn check(&self, key: &[u8; 32]) -> Result<(), Problem> {
        UnparsedPublicKey::new(&ED25519, key)
            .verify(self.base.as_bytes(), &self.signature)
            .map_err(|_| unknown())?;
        if now().abs_diff(self.params.created) <= SKEW.unsigned_abs() {
            return Ok(());
        }
        let detail = "the clocks of device and service differ too much";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "E-CLOCK", detail)
            .hint("take the time of the field Date"))
    }
}

/// The body, if it is the one that was signed.
async fn whole(body: Body, most: usize, digest: &Digest) -> Result<Bytes, Problem> {
    let cut = || Problem::invalid("the request was cut off");
    let mut pieces = body.into_data_stream();
    let mut whole = BytesMut::new();
    loop {
        let piece = timeout(STALLED, pieces.next()).await.map_err(|_| cut())?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|_| cut())?;
        if whole.len() + piece.len() > most {
            return Err(faulty(BatchFault::Size));
        }
        whole.extend_from_slice(&piece);
    }
    match Digest::of(&whole) == *digest {
        true => Ok(whole.freeze()),
        false => Err(unknown()),
    }
}

/// The device that signed a request.
async fn device_of(app: &App, claim: &Claim) -> Result<Device, Problem> {
    let id = claim.params.key_id.starts_with('D');
    let id = id.then(|| Device::id_of(&claim.params.key_id)).flatten();
    let id = id.ok_or_else(unknown)?;
    let device = app.tenant.device(id).await?;
    let device = device.filter(|device| device.revoked == 0);
    let device = device.ok_or_else(unknown)?;
    claim.check(&device.key)?;
    // After that: nobody else uses its quota up.
    app.link
        .limiter
        .check(&id)
        .map_err(|seconds| Problem::too_many("too many requests of this device", seconds))?;
    match addresses(&app.tenant, &device.owner).await? {
        Some(_) => Ok(device),
        None => Err(unknown()),
    }
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::invalid(error.to_string()))
}

/// Something that a device said.
pub(super) struct Said<T> {
    pub(super) device: Device,
    pub(super) what: T,
}

impl<T: DeserializeOwned> FromRequest<App> for Said<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let claim = Claim::read(&parts).ok_or_else(unknown)?;
        let device = device_of(app, &claim).await?;
        let body = whole(body, SMALL, &claim.digest).await?;
        Ok(Said {
            device,
            what: json(&body)?,
        })
    }
}

/// Something that was said by whoever has a key that comes with it.
pub(super) struct Introduced<T>(pub(super) T);

/// What brings a key.
pub(super) trait BringsKey: DeserializeOwned {
    /// The key.
    fn key(&self) -> &[u8; 32];
}

impl<T: BringsKey> FromRequest<App> for Introduced<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let claim = Claim::read(&parts).ok_or_else(unknown)?;
        if claim.params.key_id != ENROLLING {
            return Err(unknown());
        }
        let body = whole(body, SMALL, &claim.digest).await?;
        let what: T = json(&body)?;
        claim.check(what.key())?;
        Ok(Introduced(what))
    }
}

/// A batch of a device, opened.
pub(super) struct Carried<H> {
    pub(super) device: Device,
    /// Where the device speaks from.
    pub(super) from: Option<IpAddr>,
    pub(super) head: H,
    pub(super) messages: Vec<Bytes>,
    path: String,
    nonce: [u8; everpost_codec::link::NONCE],
    /// For what lies in memory.
    _room: [Room; 2],
    _turn: Turn,
}

fn faulty(fault: BatchFault) -> Problem {
    match fault {
        BatchFault::Size => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "E-TOO-LARGE",
            fault.to_string(),
        ),
        // Its key is another than ours: only a new code brings both together again.
        BatchFault::Sealed => Problem::new(StatusCode::BAD_REQUEST, "E-SEAL", fault.to_string())
            .hint("enrol the device again, with a new code of `everpost enrol`"),
        _ => Problem::invalid(fault.to_string()),
    }
}

/// What lets a batch in, before anything of it is read.
struct Ticket {
    claim: Claim,
    device: Device,
    turn: Turn,
    length: usize,
    most: usize,
    room: Room,
}

/// Room for so much of a batch. One message of the largest size has some, whatever its head adds.
fn room(app: &App, bytes: usize) -> Result<Room, Problem> {
    let largest = usize::try_from(app.max_message).unwrap_or(usize::MAX);
    let room = app.submitted.try_room(bytes.min(largest));
    room.ok_or_else(Problem::busy)
}

impl Ticket {
    async fn of(app: &App, parts: &Parts) -> Result<Self, Problem> {
        let claim = Claim::read(parts).ok_or_else(unknown)?;
        let device = device_of(app, &claim).await?;
        let turn = Turn::take(app, device.id)
            .ok_or_else(|| Problem::too_many("another batch of this device is under way", NEXT))?;
        let length = field(&parts.headers, "content-length");
        let length = length.and_then(|length| length.parse::<usize>().ok());
        let length = length.ok_or_else(|| {
            let detail = "a batch says how long it is";
            Problem::new(StatusCode::LENGTH_REQUIRED, "E-INVALID", detail)
        })?;
        let largest = usize::try_from(app.max_message).unwrap_or(usize::MAX);
        let most = largest.max(MOST_TOGETHER).saturating_add(MOST_HEAD + SLACK);
        if length > most {
            return Err(faulty(BatchFault::Size));
        }
        Ok(Ticket {
            claim,
            device,
            turn,
            length,
            most,
            room: room(app, length)?,
        })
    }
}

/// Lets a body that nobody wants come to its end, if that is near: who is answered while it still sends may not hear it.
async fn let_go(body: Body) {
    let mut pieces = body.into_data_stream();
    let all = async {
        let mut bytes = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            bytes += piece.len();
            if bytes > UNWANTED {
                break;
            }
        }
    };
    timeout(PATIENCE, all).await.ok();
}

impl<H: Head + Send + 'static> FromRequest<App> for Carried<H> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let Ticket {
            claim,
            device,
            turn,
            length,
            most,
            room: held,
        } = match Ticket::of(app, &parts).await {
            Ok(ticket) => ticket,
            Err(problem) => {
                let_go(body).await;
                return Err(problem);
            }
        };
        let body = whole(body, most, &claim.digest).await?;
        let path = parts.uri.path().to_owned();
        let (key, name, of) = (device.link_key, device.public_id(), path.clone());
        let packed = app.apart(move || {
            let way = Way {
                key: &key,
                direction: Direction::ToService,
                path: &of,
                device: &name,
                answers: None,
            };
            way.unseal(body.into())
        });
        let packed = packed.await?.map_err(faulty)?;
        if packed.size() > most {
            return Err(faulty(BatchFault::Size));
        }
        let more = room(app, packed.size().saturating_sub(length))?;
        let nonce = packed.nonce();
        let batch = app.apart(move || packed.unpack::<H>()).await?;
        let Batch { head, messages } = batch.map_err(faulty)?;
        let from = match parts.extensions.get::<Peer>() {
            Some(Peer::Network { address, .. }) => Some(*address),
            _ => None,
        };
        Ok(Carried {
            device,
            from,
            head,
            messages,
            path,
            nonce,
            _room: [held, more],
            _turn: turn,
        })
    }
}

impl<H> Carried<H> {
    /// The answer, which opens for this question alone.
    pub(super) async fn answer<A: Head + Send + 'static>(
        &self,
        app: &App,
        head: A,
        messages: Vec<Bytes>,
    ) -> Result<Response, Problem> {
        let (key, name) = (self.device.link_key, self.device.public_id());
        let (path, answers) = (self.path.clone(), Some(self.nonce));
        let sealed = app.apart(move || {
            let mut nonce = [0; everpost_codec::link::NONCE];
            let random = SystemRandom::new().fill(&mut nonce);
            random.map_err(|_| BatchFault::Sealed)?;
            let way = Way {
                key: &key,
                direction: Direction::ToAgent,
                path: &path,
                device: &name,
                answers,
            };
            way.seal(nonce, &head, &messages)
        });
        let sealed = sealed.await?;
        let sealed = sealed.map_err(|fault| {
            tracing::error!(%fault, "an answer to a device could not be sealed");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "E-SEAL",
                fault.to_string(),
            )
        })?;
        let mut response = Body::from(sealed).into_response();
        let kind = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(response)
    }
}
