//! The embedded Zendesk: its API over HTTP, and the agents who work in it, as methods.
//!
//! This module has the handle, the state and the routes. The endpoints are in the modules below, the actions of
//! people in the web interface in `people`, and the tests' levers and views in `switches`.

mod admin;
mod auth;
mod comments;
mod errors;
mod invocations;
mod limits;
mod model;
mod people;
mod reads;
mod records;
mod state;
mod switches;
mod tickets;
mod users;

pub use limits::HeaderSpelling;
pub use model::{Attachment, Audit, Comment, Made, Placement, Role, Ticket, TicketStatus, User};
use state::{Happening, State};

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use http::Method;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::changes::Changes;
use super::lock::lock;
use super::options::SandboxOptions;
use super::sender::{Seal, Sender, Webhook};
use super::server::{self, Answer, Request, Traffic, Vendor};
use super::text;
use super::triggers::{self, TriggerBodies, Update};
use crate::clock::Clock;

/// A handle on the embedded Zendesk. Cheap to clone.
#[derive(Clone)]
pub struct Zendesk(Arc<Inner>);

struct Inner {
    url: String,
    options: SandboxOptions,
    clock: Clock,
    changes: Changes,
    traffic: Arc<Traffic>,
    sender: Sender,
    state: Mutex<State>,
}

/// A new ticket, as an agent opens one. Ids of users come from [`Zendesk::add_user`].
#[derive(Clone, Debug, Default)]
pub struct NewTicket {
    /// The customer.
    pub requester_id: u64,
    /// The subject.
    pub subject: String,
    /// The first comment, public, by the requester.
    pub description: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its external id.
    pub external_id: Option<String>,
}

#[async_trait]
impl Vendor for Inner {
    async fn answer(&self, request: &Request) -> Answer {
        let (answer, test) = {
            let mut state = lock(&self.state);
            let answer = self.route(&mut state, request);
            let test = state.admin.take_test();
            self.settle(state);
            (answer, test)
        };
        match test {
            Some(webhook) => admin::tested(&self.sender.test(&webhook).await),
            None => answer,
        }
    }
}

impl Inner {
    fn route(&self, state: &mut State, request: &Request) -> Answer {
        let path = request.path.strip_suffix(".json").unwrap_or(&request.path);
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        if request.method == Method::POST && segments == ["oauth", "tokens"] {
            return state.tokens.issue(request, &self.options, &self.clock);
        }
        if let (&Method::GET, ["attachments", "token", token]) = (&request.method, segments.as_slice()) {
            return state.file(token);
        }
        // Where an agent's browser goes, without a token of the API.
        if let (&Method::GET, ["agent", "tickets", id]) = (&request.method, segments.as_slice()) {
            return id.parse().map_or_else(|_| errors::not_found(), |id| state.ticket_page(id));
        }
        let now = self.clock.now();
        if let Err(refusal) = state.tokens.check(request, &self.options, now) {
            return refusal;
        }
        let headers = match state.limits.take(request, now) {
            Ok(headers) => headers,
            Err(refusal) => return refusal,
        };
        let ["api", "v2", segments @ ..] = segments.as_slice() else { return errors::invalid_endpoint() };
        let mut answer = match request.method {
            // The wired triggers notify a webhook that was never created through the API.
            Method::GET
                if segments.first() == Some(&"webhooks") && state.switches.bodies != TriggerBodies::Installed =>
            {
                self.webhooks(state, segments, request, now)
            }
            _ if admin::is_concerned(segments) => state.administer(segments, request, &self.clock),
            Method::GET => read(state, segments, request, now),
            Method::POST => self.create(state, segments, request, now),
            Method::PUT => match (segments, segments.last().and_then(|id| id.parse().ok())) {
                (["tickets", _], Some(id)) => state.update_ticket(id, request, now),
                _ => errors::invalid_endpoint(),
            },
            _ => errors::invalid_endpoint(),
        };
        answer.headers.extend(headers);
        answer
    }

    fn create(&self, state: &mut State, segments: &[&str], request: &Request, now: Timestamp) -> Answer {
        match segments {
            ["tickets"] => state.create_ticket(request, now),
            ["uploads"] => state.upload(request, &self.clock),
            ["users", "create_or_update"] => state.create_or_update_user(request, now),
            ["users", id, "identities"] => match id.parse() {
                Ok(id) => state.add_identity(id, request),
                Err(_) => errors::invalid_endpoint(),
            },
            _ => errors::invalid_endpoint(),
        }
    }

    /// Releases the state, and fires the triggers on its updates.
    fn settle(&self, mut state: MutexGuard<'_, State>) {
        let happenings = std::mem::take(&mut state.happenings);
        let webhooks: Vec<Webhook> = happenings.iter().flat_map(|happening| self.fire(&state, happening)).collect();
        drop(state);
        for webhook in webhooks {
            self.sender.send(webhook);
        }
        self.changes.touch();
    }

    fn fire(&self, state: &State, happening: &Happening) -> Vec<Webhook> {
        let Some(ticket) = state.tickets.get(&happening.ticket) else { return Vec::new() };
        let nobody = User::default();
        let user = |id: u64| state.users.get(&id).unwrap_or(&nobody);
        let public = ticket.comments.iter().rev().find(|comment| comment.public);
        let update = Update {
            ticket,
            requester: user(ticket.requester_id),
            updater: user(happening.updater),
            comment_is_public: happening.comment_is_public,
            status_before: happening.status_before,
            created: happening.created,
            via_api: happening.via_api,
            public_author: public.map_or("", |comment| user(comment.author_id).name.as_str()),
        };
        let switches = &state.switches;
        let triggers = match switches.bodies {
            TriggerBodies::Installed => state.admin.armed(),
            wired @ (TriggerBodies::Ids | TriggerBodies::Recipe { .. }) => {
                triggers::wired(wired, &self.options, switches.fire_on_api_writes)
            }
        };
        let fired = triggers.iter().filter(|trigger| triggers::fires(&trigger.conditions, &update));
        let webhook = |trigger: &triggers::Trigger| {
            let invocation = format!("01{}", text::random(&self.clock, text::ULID_ALPHABET, 24));
            Webhook {
                id: invocation.clone(),
                method: Method::POST,
                path: trigger.endpoint.clone(),
                content_type: "application/json; charset=utf-8".to_owned(),
                body: triggers::body(trigger, &update, self.clock.now()),
                lane: ticket.id.to_string(),
                seal: Seal::Zendesk { secret: trigger.secret.clone(), invocation },
            }
        };
        let times = if switches.fire_twice { 2 } else { 1 };
        fired.flat_map(|trigger| (0..times).map(move |_| trigger)).map(webhook).collect()
    }
}

fn read(state: &State, segments: &[&str], request: &Request, now: Timestamp) -> Answer {
    match segments {
        ["users", "me"] => return state.me(),
        ["users", "search"] => return state.search_users(request, now),
        ["tickets"] => return state.list_tickets(request, now),
        ["tickets", "show_many"] => return state.show_tickets(request),
        ["search"] => return state.search(request, now),
        _ => {}
    }
    let Some(id) = segments.get(1).and_then(|id| id.parse().ok()) else { return errors::invalid_endpoint() };
    match segments {
        ["users", _] => state.user(id),
        ["users", _, "tickets", "requested"] => state.requested_tickets(id, request),
        ["tickets", _] => state.show_ticket(id, request),
        ["tickets", _, "comments"] => state.list_comments(id, request),
        ["tickets", _, "audits"] => state.list_audits(id, request),
        _ => errors::invalid_endpoint(),
    }
}

impl Zendesk {
    pub(super) async fn start(
        options: SandboxOptions,
        clock: Clock,
        changes: Changes,
        sender: Sender,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let mut made = None;
        let bind = |url: &str| {
            let zendesk = Self::new(url, options, clock, changes, sender, stop.clone());
            let bound = (Arc::clone(&zendesk.0) as Arc<dyn Vendor>, Arc::clone(&zendesk.0.traffic));
            made = Some(zendesk);
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
        let traffic = Arc::new(Traffic::new(changes.clone(), clock.clone(), stop));
        let state = Mutex::new(State::new(url, &options, clock.now()));
        Self(Arc::new(Inner { url: url.to_owned(), options, clock, changes, traffic, sender, state }))
    }

    /// Processes a request with all its effects and answers it, without a network: the way of a simulation, which loses
    /// requests and answers itself. Such a call is not recorded, and no [`Fault`](super::server::Fault) strikes it.
    #[must_use]
    pub async fn answer(&self, request: http::Request<bytes::Bytes>) -> http::Response<bytes::Bytes> {
        self.0.traffic.dated(Vendor::answer(&*self.0, &request.into()).await)
    }

    /// The base URL, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Every ticket, deleted ones included, in the order opened.
    #[must_use]
    pub fn tickets(&self) -> Vec<Ticket> {
        lock(&self.0.state).tickets.values().cloned().collect()
    }

    /// One ticket.
    #[must_use]
    pub fn ticket(&self, id: u64) -> Option<Ticket> {
        lock(&self.0.state).tickets.get(&id).cloned()
    }

    /// Every user, in the order added. The bridge's own and one agent are always there.
    #[must_use]
    pub fn users(&self) -> Vec<User> {
        lock(&self.0.state).users.values().cloned().collect()
    }

    /// The agent in whose name the methods below act.
    #[must_use]
    pub fn agent_id(&self) -> u64 {
        lock(&self.0.state).agent
    }

    /// The user on whose behalf the API is called.
    #[must_use]
    pub fn api_user_id(&self) -> u64 {
        lock(&self.0.state).api_user
    }

    /// Makes every access token invalid at once.
    pub fn revoke_tokens(&self) {
        self.act(|state, _| state.tokens.revoke());
    }

    pub(super) fn sender(&self) -> &Sender {
        &self.0.sender
    }

    /// Does something to the state, and fires the triggers.
    fn act<T>(&self, action: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let mut state = lock(&self.0.state);
        let result = action(&mut state, self.0.clock.now());
        self.0.settle(state);
        result
    }
}

#[cfg(test)]
mod tests;
