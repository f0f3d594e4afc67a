//! The embedded Braze: its REST API over HTTP, the profiles in it, and its webhook campaigns.
//!
//! This module has the handle, the state and the switches. The endpoints are in `braze/api.rs`, and the actions of
//! customers in [`super::phone`].

mod api;
mod currents;
pub(super) mod inbound;
mod model;
mod reports;

pub use inbound::{BrazeAuth, Format};
pub use model::{CampaignState, PhoneText, Profile, Template};

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::lock::lock;
use super::options::SandboxOptions;
use super::sender::{Attempt, Sender, Webhook};
use super::server::{self, Answer, Call, Fault, Request, Traffic, Vendor};
use super::text;
use crate::clock::Clock;
use inbound::Inbound;
use model::{Campaign, Kind};

/// A handle on the embedded Braze. Cheap to clone.
#[derive(Clone)]
pub struct Braze(Arc<Inner>);

struct Inner {
    url: String,
    options: SandboxOptions,
    clock: Clock,
    changes: Changes,
    traffic: Arc<Traffic>,
    sender: Sender,
    state: Mutex<State>,
}

/// An unusual success of `/campaigns/trigger/send`.
#[derive(Clone, Debug)]
pub enum SendAnswer {
    /// 202 `queued`, as during maintenance.
    Queued {
        /// Whether the text reaches the phone all the same.
        delivered: bool,
    },
    /// 201 `success` with problems.
    Errors {
        /// Strings or objects.
        errors: Vec<Value>,
        /// Whether the text reaches the phone all the same.
        delivered: bool,
    },
}

/// Sends an hour, in fixed windows that end on the hour.
const SENDS_PER_HOUR: u32 = 250_000;

/// Everything that the messaging service knows.
struct State {
    profiles: Vec<Profile>,
    campaigns: BTreeMap<String, Campaign>,
    /// When each profile last wrote on WhatsApp, by Braze id.
    heard: HashMap<String, Timestamp>,
    /// How long Meta takes free text after that.
    window: SignedDuration,
    texts: Vec<PhoneText>,
    media: HashMap<String, (String, bytes::Bytes)>,
    /// Custom attributes that cannot be read yet: when, whose, name, value.
    pending: Vec<(Timestamp, String, String, Value)>,
    attribute_lag: SignedDuration,
    scripted: VecDeque<SendAnswer>,
    denied: BTreeSet<String>,
    refuse_braze_id: bool,
    sends_left: u32,
    inbound: Inbound,
    currents: reports::Currents,
}

#[async_trait]
impl Vendor for Inner {
    async fn answer(&self, request: &Request) -> Answer {
        let answer = self.route(&mut lock(&self.state), request);
        self.changes.touch();
        answer
    }
}

impl Braze {
    pub(super) async fn start(
        options: SandboxOptions,
        clock: Clock,
        changes: Changes,
        sender: Sender,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let mut made = None;
        let bind = |url: &str| {
            let braze = Self::new(url, options, clock, changes, sender, stop.clone());
            let bound = (Arc::clone(&braze.0) as Arc<dyn Vendor>, Arc::clone(&braze.0.traffic));
            made = Some(braze);
            bound
        };
        server::start(bind, stop.clone()).await?;
        made.ok_or_else(|| io::Error::other("the server was not bound"))
    }

    pub(super) fn new(
        url: &str,
        options: SandboxOptions,
        clock: Clock,
        changes: Changes,
        sender: Sender,
        stop: CancellationToken,
    ) -> Self {
        let campaign = |name: &str| Campaign { name: name.to_owned(), ..Campaign::default() };
        let more = options.more_campaigns.iter().map(|id| (id.clone(), campaign("Reply on another line")));
        let reply = Campaign { kind: Kind::Response, ..campaign("WhatsApp reply") };
        let template =
            Campaign { kind: Kind::Template, template: Template::WriteAgain, ..campaign("WhatsApp template") };
        let own = [
            (options.campaign_agent_reply.clone(), campaign("Agent reply")),
            (options.campaign_ticket_solved.clone(), campaign("Ticket solved")),
            (options.campaign_whatsapp_reply.clone(), reply),
            (options.campaign_whatsapp_template.clone(), template),
        ];
        let campaigns = own.into_iter().chain(more).collect();
        let state = Mutex::new(State {
            profiles: Vec::new(),
            campaigns,
            heard: HashMap::new(),
            window: SignedDuration::from_hours(24),
            texts: Vec::new(),
            media: HashMap::new(),
            pending: Vec::new(),
            attribute_lag: SignedDuration::ZERO,
            scripted: VecDeque::new(),
            denied: BTreeSet::new(),
            refuse_braze_id: false,
            sends_left: SENDS_PER_HOUR,
            inbound: Inbound::default(),
            currents: reports::Currents::default(),
        });
        let traffic = Arc::new(Traffic::new(changes.clone(), clock.clone(), stop));
        Self(Arc::new(Inner { url: url.to_owned(), options, clock, changes, traffic, sender, state }))
    }

    /// Processes a request with all its effects and answers it, without a network: the way of a simulation, which loses
    /// requests and answers itself. Such a call is not recorded, and no [`Fault`] strikes it.
    #[must_use]
    pub async fn answer(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        self.0.traffic.dated(Vendor::answer(&*self.0, &request.into()).await)
    }

    /// The base URL, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Adds a profile and returns its Braze id, by which the other methods know it.
    #[must_use]
    pub fn add_profile(&self, profile: Profile) -> String {
        self.act(|state| state.add(profile, &self.0.clock))
    }

    /// One profile, with the attributes that can be read by now.
    #[must_use]
    pub fn profile(&self, braze_id: &str) -> Option<Profile> {
        self.profiles().into_iter().find(|profile| profile.braze_id == braze_id)
    }

    /// Every profile, in the order added.
    #[must_use]
    pub fn profiles(&self) -> Vec<Profile> {
        let mut state = lock(&self.0.state);
        state.make_visible(self.0.clock.now());
        state.profiles.clone()
    }

    /// Subscribes or unsubscribes a profile, as a marketer does; no webhook is sent.
    pub fn set_opted_out(&self, braze_id: &str, opted_out: bool) {
        self.act(|state| {
            let Some(profile) = state.profiles.iter_mut().find(|profile| profile.braze_id == braze_id) else { return };
            let changes = std::mem::replace(&mut profile.opted_out, opted_out) != opted_out;
            let profile = profile.clone();
            if changes {
                self.0.tell_of_subscription(state, &profile, opted_out);
            }
        });
    }

    /// The texts that reached phones, in order.
    #[must_use]
    pub fn texts(&self) -> Vec<PhoneText> {
        lock(&self.0.state).texts.clone()
    }

    /// Adds a file to `/media/{name}` and returns its URL.
    #[must_use]
    pub fn add_media(&self, name: &str, media_type: &str, bytes: &[u8]) -> String {
        let file = (media_type.to_owned(), bytes::Bytes::copy_from_slice(bytes));
        self.act(|state| drop(state.media.insert(name.to_owned(), file)));
        format!("{}/media/{name}", self.0.url)
    }

    /// Sets the template of every campaign.
    pub fn set_template(&self, template: Template) {
        self.act(|state| state.campaigns.values_mut().for_each(|campaign| campaign.template = template));
    }

    /// Sets the template of one campaign.
    pub fn set_template_of(&self, campaign_id: &str, template: Template) {
        self.act(|state| {
            if let Some(campaign) = state.campaigns.get_mut(campaign_id) {
                campaign.template = template;
            }
        });
    }

    /// Pauses, archives or resumes a campaign.
    pub fn set_campaign_state(&self, campaign_id: &str, to: CampaignState) {
        self.act(|state| {
            if let Some(campaign) = state.campaigns.get_mut(campaign_id) {
                campaign.state = to;
            }
        });
    }

    /// Whether each customer gets a campaign once ever, as is Braze's default: later sends succeed and send nothing.
    pub fn set_once_only(&self, campaign_id: &str, once_only: bool) {
        self.act(|state| {
            if let Some(campaign) = state.campaigns.get_mut(campaign_id) {
                campaign.once_only = once_only;
            }
        });
    }

    /// How much later, by the sandbox's clock, custom attributes can be read.
    pub fn set_attribute_lag(&self, lag: SignedDuration) {
        self.act(|state| state.set_attribute_lag(lag));
    }

    /// How long Meta takes free text after a customer's WhatsApp message: a day by itself.
    pub fn set_window(&self, window: SignedDuration) {
        self.act(|state| state.window = window);
    }

    /// Sets the answer to the next well-formed send.
    pub fn script_send(&self, answer: SendAnswer) {
        self.act(|state| state.scripted.push_back(answer));
    }

    /// Takes a permission from the API key, such as `users.export.ids`: its endpoint answers 403.
    pub fn deny(&self, permission: &str) {
        self.act(|state| state.denied.extend([permission.to_owned()]));
    }

    /// Gives every permission back.
    pub fn permit_all(&self) {
        self.act(|state| state.denied.clear());
    }

    /// Whether a recipient named by `braze_id` is refused; Braze's pages disagree.
    pub fn refuse_braze_id(&self, refuse: bool) {
        self.act(|state| state.refuse_braze_id = refuse);
    }

    /// How many sends are left in this hour; at 0 they are answered 429.
    pub fn set_sends_left(&self, left: u32) {
        self.act(|state| state.sends_left = left);
    }

    /// How the webhook campaigns prove where they come from.
    pub fn set_webhook_auth(&self, auth: BrazeAuth) {
        self.act(|state| state.inbound.auth = auth);
    }

    /// How the webhook campaigns write their bodies.
    pub fn set_webhook_format(&self, format: Format) {
        self.act(|state| state.inbound.format = format);
    }

    /// Holds webhooks back from now on.
    pub fn pause_webhooks(&self) {
        self.0.sender.pause();
    }

    /// Sends the held webhooks, in order, and holds no more.
    pub fn resume_webhooks(&self) {
        self.0.sender.resume();
    }

    /// The held webhooks.
    #[must_use]
    pub fn held_webhooks(&self) -> Vec<Webhook> {
        self.0.sender.held()
    }

    /// Takes out the held webhooks, to send them in another order with [`Braze::send_webhook`], or never.
    #[must_use]
    pub fn take_held_webhooks(&self) -> Vec<Webhook> {
        self.0.sender.take_held()
    }

    /// Sends a webhook, paused or not.
    pub fn send_webhook(&self, webhook: Webhook) {
        self.0.sender.send_now(webhook);
    }

    /// Sends the latest webhook with this dispatch id again; false when there was none.
    pub fn repeat_webhook(&self, dispatch: &str) -> bool {
        self.0.sender.repeat(dispatch)
    }

    /// Every attempt to hand over a webhook, with the bridge's answer.
    #[must_use]
    pub fn webhooks_delivered(&self) -> Vec<Attempt> {
        self.0.sender.attempts()
    }

    /// The attempts to hand over the webhook of one dispatch.
    #[must_use]
    pub fn attempts_of(&self, dispatch: &str) -> Vec<Attempt> {
        self.0.sender.attempts_of(dispatch)
    }

    /// Whether no webhook is under way or waiting to be tried again.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.0.sender.is_idle()
    }

    /// Every request received.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.0.traffic.calls()
    }

    /// Lets something go wrong.
    pub fn fail(&self, fault: Fault) {
        self.0.traffic.fail(fault);
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.0.traffic.clear_faults();
    }

    pub(super) fn sender(&self) -> &Sender {
        &self.0.sender
    }

    pub(super) fn options(&self) -> &SandboxOptions {
        &self.0.options
    }

    /// How the webhook campaigns are set up now.
    pub(super) fn inbound(&self) -> Inbound {
        lock(&self.0.state).inbound
    }

    /// The profile writes on WhatsApp, which opens its window again.
    pub(super) fn hear(&self, braze_id: &str) {
        let now = self.0.clock.now();
        self.act(|state| {
            state.heard.insert(braze_id.to_owned(), now);
        });
    }

    /// A fresh dispatch id.
    pub(super) fn new_dispatch(&self) -> String {
        text::random_hex(&self.0.clock, 32)
    }

    fn act<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        let result = action(&mut lock(&self.0.state));
        self.0.changes.touch();
        result
    }
}

#[cfg(test)]
mod tests;
