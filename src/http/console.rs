//! The console: the operator's pages, beside the operator API on the same listener.
//!
//! The server makes every page whole, and each works without a script. An operator's act goes through the functions of
//! the API ([`super::operator::actions`]), so that both keep the same rules and the same audit. A customer's text is
//! never markup, because templates escape it. A page never loads anything from another host and never shows a secret.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use super::roles::{self, Row};
use super::state::OperatorState;
use crate::domain::access::Role;

mod assets;
mod audit;
mod auth;
mod conversations;
mod deliveries;
mod delivery;
mod destinations;
mod find;
mod inbound;
mod live;
mod mask;
mod meant;
mod moves;
mod name;
mod needs;
mod overview;
mod page;
mod plot;
mod preview;
mod provider;
mod receipts;
mod session;
mod settings;
mod sign_on;
mod standing;
mod state;
mod thread;

pub(crate) use page::guarded;
mod view;

pub use provider::{Begun, Provider, SignOn, SignedOn};
pub use state::{
    Allowance, Allowances, Check, Checked, Console, ConsoleOptions, PreviewCampaigns, Setting, SettingsGroup,
    ShownMappings,
};

use page::{Trouble, sentence};

/// `/` and everything under `/console`.
pub(super) fn routes(state: OperatorState) -> Router {
    let forbidden = |why: &str| Trouble::new(StatusCode::FORBIDDEN, sentence(why)).page();
    let pages = roles::router(table(), forbidden).route_layer(from_fn_with_state(state.clone(), auth::let_in));
    let open = Router::new()
        .route("/", get(async |_: Request| page::see_other("/console")))
        .route("/console/sign-in", get(auth::sign_in_page).post(auth::sign_in))
        .route("/console/sign-in/provider", get(sign_on::begin))
        .route("/console/sign-in/callback", get(sign_on::end))
        .merge(assets::routes());
    pages
        .merge(open)
        .route_layer(from_fn_with_state(state.clone(), auth::keep_out))
        .route_layer(map_response(page::guarded))
        .with_state(state)
}

/// Every page and act of the console, with the role that it needs. A page hides the parts that its reader's role may
/// not see.
pub(super) fn table() -> Vec<Row> {
    use Role::{Act, Admin, Read};
    vec![
        Row::get(Read, "/console", overview::show),
        Row::get(Act, "/console/destinations/{destination}/pause", destinations::ask_to_pause),
        Row::post(Act, "/console/destinations/{destination}/pause", destinations::pause),
        Row::get(Act, "/console/destinations/{destination}/resume", destinations::ask_to_resume),
        Row::post(Act, "/console/destinations/{destination}/resume", destinations::resume),
        Row::get(Read, "/console/conversations", conversations::list),
        Row::get(Read, "/console/conversation", thread::show),
        Row::post(Act, "/console/conversation/reveal", thread::reveal),
        Row::post(Act, "/console/conversation/redrive", thread::redrive),
        Row::get(Admin, "/console/conversation/forget", conversations::ask_to_forget),
        Row::post(Admin, "/console/conversation/forget", conversations::forget),
        Row::get(Read, "/console/deliveries", deliveries::list),
        Row::get(Admin, "/console/deliveries/move", moves::ask),
        Row::post(Admin, "/console/deliveries/move", moves::carry_out),
        Row::get(Read, "/console/deliveries/{id}", delivery::show),
        Row::post(Act, "/console/deliveries/{id}/reveal", delivery::reveal),
        Row::post(Act, "/console/deliveries/{id}/answers", delivery::reveal_answers),
        // A failed act leaves its page at the act's own address, which the browser or the script loads again with GET.
        Row::get(Read, "/console/deliveries/{id}/redrive", delivery::show),
        Row::post(Act, "/console/deliveries/{id}/redrive", delivery::redrive),
        Row::get(Read, "/console/deliveries/{id}/settle", delivery::show),
        Row::post(Act, "/console/deliveries/{id}/settle", delivery::settle),
        Row::get(Read, "/console/deliveries/{id}/discard", delivery::show),
        Row::post(Act, "/console/deliveries/{id}/discard", delivery::discard),
        Row::get(Read, "/console/find", find::show),
        Row::get(Read, "/console/quarantine", deliveries::quarantine),
        Row::get(Read, "/console/audit", audit::show),
        Row::get(Read, "/console/settings", settings::show),
        Row::get(Read, "/console/settings/mapping", settings::mapping),
        // A mapping on trial could put a customer's words into a value that the preview never hides.
        Row::post(Admin, "/console/settings/mapping", settings::try_mapping),
        Row::get(Read, "/console/name", name::ask),
        Row::post(Read, "/console/name", name::give),
        Row::get(Read, "/console/live", live::listen),
        Row::post(Read, "/console/sign-out", auth::sign_out),
        Row::get(Read, "/console/{*rest}", nothing_here),
    ]
}

async fn nothing_here() -> Response {
    Trouble::new(StatusCode::NOT_FOUND, "There is no such page in the console.").page()
}
