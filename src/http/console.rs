//! The console: the operator's pages, beside the operator API on the same listener.
//!
//! The server makes every page whole, and each works without a script. An operator's act goes through the functions of
//! the API ([`super::operator::actions`]), so that both keep the same rules and the same audit. A customer's text is
//! never markup, because templates escape it. A page never loads anything from another host and never shows a secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::OperatorState;
use super::connections::Source;
use super::roles::{self, Row};
use super::tries::{TooMany, Tries};
use crate::domain::access::Role;
use crate::domain::account::End;
use crate::domain::budget::{Level, Reached};
use crate::domain::note::{Note, Says};
use crate::mapping::{DEFAULT_LANGUAGE, Mappings};
use crate::telemetry::Samples;

mod assets;
mod audit;
mod conversations;
mod deliveries;
mod delivery;
mod destinations;
mod find;
mod gate;
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
mod session;
mod settings;
mod sign_on;
mod thread;

pub(crate) use page::guarded;
mod view;

pub use settings::{Check, Checked, Setting, SettingsGroup};
pub use sign_on::{Begun, Provider, SignOn, SignedOn};

use page::{Trouble, sentence};
use session::Sessions;
use sign_on::UnderWay;

/// The sources of the console's pages.
#[derive(Clone, Default)]
pub struct ConsoleOptions {
    /// The mappings in force, for previews of an event's requests; `None` shows no previews.
    pub mappings: Option<watch::Receiver<ShownMappings>>,
    /// The campaigns that are configured.
    pub campaigns: PreviewCampaigns,
    /// The settings in force; `None` shows none.
    pub settings: Option<watch::Receiver<Vec<SettingsGroup>>>,
    /// Checks the configuration; `None` where it is not from a file.
    pub check: Option<Check>,
    /// The calls that the vendors still allow; `None` shows none.
    pub allowances: Option<Allowances>,
    /// The address of the Zendesk account, for links to tickets; `None` shows none.
    pub zendesk_url: Option<Url>,
    /// The metrics of the last hour.
    pub samples: Arc<Samples>,
    /// The identity provider; `None` where operators sign in with tokens only.
    pub provider: Option<Provider>,
    /// Cancelled when the bridge stops, which ends the streams of open pages.
    pub stopping: CancellationToken,
}

/// The mappings in force.
#[derive(Clone, Debug)]
pub struct ShownMappings {
    /// Compiled.
    pub mappings: Mappings,
    /// The operator's own files, by name.
    pub files: BTreeMap<String, String>,
}

/// The campaigns that the requests of the previews go through.
#[derive(Clone, Debug, Default)]
pub struct PreviewCampaigns {
    /// For agents' replies.
    pub agent_reply: Option<String>,
    /// For the closing text.
    pub ticket_solved: Option<String>,
}

/// The calls that a vendor still allows.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    /// The calls left under each limit, the widest limit first.
    pub levels: Vec<Level>,
    /// The limits that hold calls back now.
    pub reached: Vec<Reached>,
}

/// Reads a vendor's [`Allowance`].
pub type Allowances = Arc<dyn Fn(End) -> Allowance + Send + Sync>;

/// The console's own state.
#[derive(Clone)]
pub struct Console {
    options: ConsoleOptions,
    sessions: Arc<Sessions>,
    /// The recent wrong tokens.
    tries: Arc<Tries>,
    /// The sign-ins that have begun at the identity provider.
    under_way: Arc<UnderWay>,
    /// The permits for pages that are kept up to date.
    streams: Arc<Semaphore>,
}

impl Default for Console {
    fn default() -> Self {
        Self::new(ConsoleOptions::default())
    }
}

impl Console {
    /// A console without sessions.
    #[must_use]
    pub fn new(options: ConsoleOptions) -> Self {
        Self {
            options,
            sessions: Arc::default(),
            tries: Arc::default(),
            under_way: Arc::default(),
            streams: Arc::new(Semaphore::new(live::STREAMS_MAX)),
        }
    }
}

impl Console {
    /// The mappings in force.
    fn mappings(&self) -> Option<Mappings> {
        self.options.mappings.as_ref().map(|shown| shown.borrow().mappings.clone())
    }

    /// The operator's own files of mappings, as they are in force.
    fn mapping_files(&self) -> BTreeMap<String, String> {
        self.options.mappings.as_ref().map(|shown| shown.borrow().files.clone()).unwrap_or_default()
    }

    /// The language that notes are written in.
    fn language(&self) -> String {
        self.mappings().map_or_else(|| DEFAULT_LANGUAGE.to_owned(), |mappings| mappings.language().to_owned())
    }

    /// The text of a note for agents; its code where there are no mappings to word it.
    fn says(&self, note: &Note) -> String {
        match (self.mappings(), &note.says) {
            (Some(mappings), _) => mappings.say([note]),
            (None, Says::Words { text }) => text.clone(),
            (None, Says::Coded(saying)) => saying.code().to_owned(),
        }
    }

    /// Counts a wrong token at the API, together with those at the sign-in.
    pub(super) fn wrong_token(&self, from: Option<Source>, now: Timestamp) -> Result<(), TooMany> {
        self.tries.wrong_token(from, now)
    }
}

/// `/` and everything under `/console`.
pub(super) fn routes(state: OperatorState) -> Router {
    let forbidden = |why: &str| Trouble::new(StatusCode::FORBIDDEN, sentence(why)).page();
    let pages = roles::router(table(), forbidden).route_layer(from_fn_with_state(state.clone(), gate::let_in));
    let open = Router::new()
        .route("/", get(async |_: Request| page::see_other("/console")))
        .route("/console/sign-in", get(gate::sign_in_page).post(gate::sign_in))
        .route("/console/sign-in/provider", get(sign_on::begin))
        .route("/console/sign-in/callback", get(sign_on::end))
        .merge(assets::routes());
    pages
        .merge(open)
        .route_layer(from_fn_with_state(state.clone(), gate::keep_out))
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
        Row::post(Read, "/console/sign-out", gate::sign_out),
        Row::get(Read, "/console/{*rest}", nothing_here),
    ]
}

async fn nothing_here() -> Response {
    Trouble::new(StatusCode::NOT_FOUND, "There is no such page in the console.").page()
}
