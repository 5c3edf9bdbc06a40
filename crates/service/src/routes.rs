//! The table of contents: every address that the service answers at.

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router, middleware};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    cases, devices, exports, health, help, imports, mailbox, messages, moves, relay, saved, search,
    session, storage, submit, tokens, users, verify,
};
use crate::app::App;
use crate::caller::COOKIE;
use crate::console;
use crate::desk;
use crate::guard::guard;
use crate::link;
use crate::problem::{Problem, ProblemBody};

/// Bytes of a body of JSON; the largest is a list of people.
const JSON: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Everpost",
        description = "An archive of an organization's mail: search, messages, proofs, imports.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody)),
    security(("session" = []), ("token" = []))
)]
struct Api;

fn api() -> OpenApiRouter<App> {
    let mut description = Api::openapi();
    let schemes = description.components.get_or_insert_default();
    schemes.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE))),
    );
    schemes.add_security_scheme(
        "token",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    let v1 = OpenApiRouter::new()
        .routes(routes!(session::sign_in, session::sign_out))
        .routes(routes!(session::me))
        .routes(routes!(search::search))
        .routes(routes!(search::snippets))
        .routes(routes!(search::facets))
        .routes(routes!(search::timeline))
        .routes(routes!(search::why))
        .routes(routes!(search::understand))
        .routes(routes!(help::help))
        .routes(routes!(search::suggest))
        .routes(routes!(saved::list, saved::save))
        .routes(routes!(saved::forget))
        .routes(routes!(messages::show))
        .routes(routes!(messages::text))
        .routes(routes!(messages::page))
        .routes(routes!(messages::raw))
        .routes(routes!(messages::attached))
        .routes(routes!(messages::attached_text))
        .routes(routes!(messages::conversation))
        .routes(routes!(messages::proof))
        .routes(routes!(messages::authentic))
        .routes(routes!(mailbox::mailbox))
        .routes(routes!(mailbox::list))
        .routes(routes!(mailbox::show, mailbox::change, mailbox::remove))
        .routes(routes!(mailbox::page))
        .routes(routes!(mailbox::raw))
        .routes(routes!(mailbox::attached))
        .routes(routes!(mailbox::move_to))
        .routes(routes!(mailbox::find))
        .routes(routes!(mailbox::send))
        .routes(routes!(imports::list, imports::start))
        .routes(routes!(imports::one))
        .routes(routes!(imports::events))
        .routes(routes!(imports::withdraw))
        .routes(routes!(exports::start))
        .routes(routes!(exports::one))
        .routes(routes!(exports::download))
        .routes(routes!(storage::storage))
        .routes(routes!(verify::start))
        .routes(routes!(verify::one))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::change))
        .routes(routes!(tokens::list, tokens::add))
        .routes(routes!(tokens::revoke))
        .routes(routes!(cases::list, cases::open))
        .routes(routes!(cases::change))
        .routes(routes!(moves::start, moves::one))
        .routes(routes!(relay::queue))
        .routes(routes!(relay::order))
        .routes(routes!(relay::domains, relay::put_domain))
        .routes(routes!(relay::remove_domain))
        .routes(routes!(relay::recipients, relay::put_recipients))
        .routes(routes!(relay::remove_recipient))
        .routes(routes!(relay::continuity))
        .routes(routes!(devices::list))
        .routes(routes!(devices::code))
        .routes(routes!(devices::revoke))
        .routes(routes!(health::alerts))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz));
    let logs = OpenApiRouter::new()
        .routes(routes!(relay::evidence))
        .routes(routes!(relay::omitted))
        .layer(DefaultBodyLimit::max(desk::LOG_BYTES));
    // It has limits of its own, which are set.
    let messages = OpenApiRouter::new()
        .routes(routes!(submit::submit))
        .layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(description).nest("/api/v1", v1.merge(logs).merge(messages))
}

/// The API as OpenAPI describes it.
pub fn openapi() -> Description {
    api().to_openapi()
}

/// Everything that the service answers.
pub(crate) fn router(app: App) -> Router {
    let (routes, description) = api().split_for_parts();
    let described = move || async move { Json(description) };
    routes
        .route("/api/v1/openapi.json", get(described))
        .route("/api/{*rest}", axum::routing::any(nowhere))
        .merge(link::routes())
        .route("/link/{*rest}", axum::routing::any(nowhere))
        .fallback_service(get(console::serve))
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(JSON))
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn nowhere() -> Problem {
    Problem::not_found("such address of the API")
}

async fn not_so() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "E-METHOD",
        "this address does not take this method",
    )
}
