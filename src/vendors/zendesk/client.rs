//! Zendesk's Support API, as far as the bridge needs it. Never chooses a ticket, a user or a text: the worker does.
//!
//! Facts are from <https://developer.zendesk.com/api-reference/ticketing/introduction/> and from recorded traffic. A
//! body written here never holds `via`, which would fire triggers that are meant for people.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::clock::Clock;
use crate::domain::budget::Budgets;
use crate::domain::event::{TicketId, UserId};
use crate::domain::refusals::Object;
use crate::ports::Failure;
use crate::vendors::http::exchange::{Answer, Effect, Exchange, Request, secret_header};
use crate::vendors::http::{Held, Transport, error_phrases, headers};
use crate::vendors::zendesk;
use crate::vendors::zendesk::limits::{self, LIMITS};
use crate::vendors::zendesk::oauth::{self, Tokens};
use crate::vendors::zendesk::views::{self, TicketView, TicketsRead, TicketsUpdated, UserView, Written};

pub mod admin;
mod comments;
mod invocations;
mod standing;
mod users;

pub use invocations::{Fate, Invocation, Invocations, LostWebhook};

/// Records on one page: Zendesk's maximum.
const PAGE: usize = 100;

/// Pages of a list of tickets that are read. A conversation gets a new ticket every few days at most, each page of that
/// list counts against 100 a minute, and Zendesk's search gives no more than 1000 results.
const TICKET_PAGES_MAX: usize = 10;

/// The newest comments that [`Zendesk::comments_after`] reads without a comment to start after. A shorter result holds
/// all comments.
pub const COMMENTS_AT_ONCE: usize = PAGE;

/// Tickets at most that [`Zendesk::tickets`] reads at once: Zendesk's maximum.
pub const TICKETS_AT_ONCE: usize = 100;

/// The comments that a ticket takes; Zendesk refuses one more with 422 in undocumented words. Source:
/// <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket_comments/>.
pub const COMMENTS_MAX: u32 = 5000;

/// Zendesk's address and tandem's credential.
pub struct ZendeskOptions {
    /// `https://SUBDOMAIN.zendesk.com`.
    pub url: Url,
    /// The credential.
    pub auth: Auth,
}

/// A credential for Zendesk.
pub enum Auth {
    /// A confidential OAuth client; the recommended way.
    OAuth {
        /// The client's unique identifier.
        client_id: String,
        /// Its secret.
        client_secret: SecretString,
    },
    /// An API token, which Zendesk switches off for good on 2027-04-30.
    ApiToken {
        /// The agent whom the token acts as.
        email: String,
        /// The token.
        token: SecretString,
    },
}

/// A client for one Zendesk account.
pub struct Zendesk {
    exchange: Exchange,
    credential: RwLock<Arc<Credential>>,
}

enum Credential {
    OAuth(Tokens),
    Basic(SecretString),
}

impl Credential {
    fn of(auth: Auth) -> Self {
        match auth {
            Auth::OAuth { client_id, client_secret } => Self::OAuth(Tokens::new(client_id, client_secret)),
            Auth::ApiToken { email, token } => {
                let pair = format!("{email}/token:{}", token.expose_secret());
                Self::Basic(format!("Basic {}", BASE64.encode(pair)).into())
            }
        }
    }
}

impl Zendesk {
    /// A client with budgets of its own; nothing is called yet.
    #[must_use]
    pub fn new(options: ZendeskOptions, transport: Arc<dyn Transport>, clock: Clock) -> Self {
        let credential = RwLock::new(Arc::new(Credential::of(options.auth)));
        let exchange = Exchange {
            vendor: "Zendesk",
            base: options.url,
            transport,
            budgets: Arc::new(Mutex::new(Budgets::new(&LIMITS))),
            told: limits::told,
            breaker: Mutex::default(),
            clock,
            tells_time: true,
            held: None,
        };
        Self { exchange, credential }
    }

    /// The same client, which makes no call while this returns true, not even for a token.
    #[must_use]
    pub fn held_while(mut self, held: Held) -> Self {
        self.exchange.held = Some(held);
        self
    }

    /// Uses another credential from the next call on.
    pub fn set_auth(&self, auth: Auth) {
        *self.credential.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Credential::of(auth));
    }

    /// Asks for another scope than the bridge's own; an API token has none.
    #[must_use]
    pub fn with_scope(mut self, scope: &'static str) -> Self {
        let credential = self.credential.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Credential::OAuth(tokens)) = Arc::get_mut(credential) {
            tokens.ask_for(scope);
        }
        self
    }

    /// The tickets whose `external_id` is exactly this, deleted ones left out, in Zendesk's order. How soon a new
    /// ticket appears here is not documented.
    ///
    /// # Errors
    /// As for every read: never [`Failure::Lose`].
    pub async fn find_tickets(&self, external_id: &str) -> Result<Vec<TicketView>, Failure> {
        let mut found = Vec::new();
        for page in 1..=TICKET_PAGES_MAX {
            let request = Request::get(limits::LIST_TICKETS, "/api/v2/tickets")
                .about(Object::Other("the list of tickets"))
                .query("external_id", external_id)
                .query("per_page", PAGE.to_string())
                .query("page", page.to_string());
            let answer = self.call(&request).await?;
            let tickets: Vec<views::TicketJson> = self.part(&request, &answer, "tickets")?;
            found.extend(tickets.into_iter().filter_map(views::TicketJson::view));
            if answer.json.as_ref().is_none_or(|json| json["next_page"].is_null()) {
                break;
            }
        }
        found.retain(|ticket| ticket.external_id.as_deref() == Some(external_id));
        Ok(found)
    }

    /// Tickets with this tag that were updated after `since`, oldest update first. Zendesk gives 1000 at most: where
    /// there are more, the newest are left out, and [`TicketsUpdated::cut_off_at`] says where. The search index lags by
    /// minutes, so choose an earlier `since` than is needed.
    ///
    /// # Errors
    /// As for every read: never [`Failure::Lose`].
    pub async fn tickets_updated(&self, tag: &str, since: Timestamp) -> Result<TicketsUpdated, Failure> {
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ");
        let (mut found, mut listed, mut newest, mut answered_at) = (Vec::new(), 0_usize, None, None);
        for page in 1..=TICKET_PAGES_MAX {
            let request = Request::get(limits::SEARCH, "/api/v2/search")
                .about(Object::Other("the search"))
                .query("query", format!("type:ticket tags:{tag} updated>{since}"))
                .query("sort_by", "updated_at")
                .query("sort_order", "asc")
                .query("per_page", PAGE.to_string())
                .query("page", page.to_string());
            let answer = self.call(&request).await?;
            answered_at = answered_at.or_else(|| headers::date(&answer.headers));
            let tickets: Vec<views::TicketJson> = self.part(&request, &answer, "results")?;
            listed += tickets.len();
            newest = newest.max(tickets.iter().map(views::TicketJson::updated_at).max());
            found.extend(tickets.into_iter().filter_map(views::TicketJson::view));
            if answer.json.as_ref().is_none_or(|json| json["next_page"].is_null()) {
                break;
            }
        }
        // A tag may have been removed since the index was written.
        found.retain(|ticket| ticket.tags.iter().any(|found| found == tag));
        let cut_off_at = newest.filter(|_| listed >= TICKET_PAGES_MAX * PAGE);
        Ok(TicketsUpdated { tickets: found, cut_off_at, answered_at })
    }

    /// The first [`TICKETS_AT_ONCE`] of these tickets as they are now, in one call, with the number of their comments.
    /// Deleted tickets are left out.
    ///
    /// # Errors
    /// As for every read: never [`Failure::Lose`].
    pub async fn tickets(&self, ids: &[TicketId]) -> Result<TicketsRead, Failure> {
        let ids: Vec<String> = ids.iter().take(TICKETS_AT_ONCE).map(ToString::to_string).collect();
        let request = Request::get(limits::READ, "/api/v2/tickets/show_many")
            .query("ids", ids.join(","))
            .query("include", "comment_count");
        let answer = self.call(&request).await?;
        let tickets: Vec<views::TicketJson> = self.part(&request, &answer, "tickets")?;
        let tickets = tickets.into_iter().filter_map(views::TicketJson::view).collect();
        Ok(TicketsRead { tickets, answered_at: headers::date(&answer.headers) })
    }

    /// One ticket, with its requester and the number of its comments.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when it does not exist or is deleted; otherwise as for every read.
    pub async fn ticket(&self, id: TicketId) -> Result<TicketView, Failure> {
        let request = Request::get(limits::READ, format!("/api/v2/tickets/{id}"))
            .about(Object::Ticket(id))
            .query("include", "users,comment_count");
        let answer = self.call(&request).await?;
        let ticket: views::TicketJson = self.part(&request, &answer, "ticket")?;
        let gone = || Failure::NotFound { cause: "the ticket is deleted".into() };
        let mut ticket = ticket.view().ok_or_else(gone)?;
        let requester = users(&answer).remove(&ticket.requester_id);
        ticket.requester = requester;
        Ok(ticket)
    }

    /// Opens a ticket. `body` is the whole request, `{"ticket": {…}}`. For two hours the same key and body make no
    /// second ticket. Source: Zendesk's API reference, Tickets, "Idempotency".
    ///
    /// # Errors
    /// [`Failure::IdempotencyMismatch`] when the key was used for another body; otherwise as for every write.
    pub async fn create_ticket(&self, body: &Value, idempotency_key: &str) -> Result<Written, Failure> {
        let key = HeaderValue::from_str(idempotency_key)
            .map_err(|_| Failure::GiveUp { cause: "the idempotency key cannot be sent".into() })?;
        let request = Request::post(limits::CREATE_TICKET, Effect::Lasting, "/api/v2/tickets", body)
            .about(Object::Other("a new ticket"))
            .header(HeaderName::from_static("idempotency-key"), key);
        let answer = self.call(&request).await?;
        self.written(&request, &answer)
    }

    /// Changes a ticket, usually by a comment. `body` is the whole request, `{"ticket": {…}}`.
    ///
    /// # Errors
    /// [`Failure::Closed`] and [`Failure::NotFound`]; otherwise as for every write. Zendesk has no idempotency here:
    /// after [`Failure::Lose`] look with [`Zendesk::find_own_write`].
    pub async fn update_ticket(&self, id: TicketId, body: &Value) -> Result<Written, Failure> {
        let path = format!("/api/v2/tickets/{id}");
        let request = Request::put(limits::update_ticket(id), Effect::Lasting, path, body).about(Object::Ticket(id));
        let answer = self.call(&request).await?;
        self.written(&request, &answer)
    }

    /// The same for a note of the bridge's own, whose budget is the rest that texts leave.
    ///
    /// # Errors
    /// As for [`Zendesk::update_ticket`].
    pub async fn note_on_ticket(&self, id: TicketId, body: &Value) -> Result<Written, Failure> {
        let path = format!("/api/v2/tickets/{id}");
        let request = Request::put(limits::note(id), Effect::Lasting, path, body).about(Object::Ticket(id));
        let answer = self.call(&request).await?;
        self.written(&request, &answer)
    }

    /// The same, only where the ticket has not changed since `stamp`, which is the `updated_at` of an earlier answer.
    /// Zendesk compares whole seconds:
    /// <https://developer.zendesk.com/documentation/ticketing/managing-tickets/creating-and-updating-tickets/#protecting-against-ticket-update-collisions>.
    ///
    /// # Errors
    /// [`Failure::Changed`] when it has; otherwise as for [`Zendesk::update_ticket`].
    pub async fn update_unchanged(&self, id: TicketId, body: &Value, stamp: Timestamp) -> Result<Written, Failure> {
        let mut body = body.clone();
        if let Some(ticket) = body["ticket"].as_object_mut() {
            ticket.insert("safe_update".into(), Value::Bool(true));
            let stamp = stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            ticket.insert("updated_stamp".into(), Value::String(stamp));
        }
        self.update_ticket(id, &body).await
    }

    /// Uploads a file and returns the token that a comment's `uploads` takes for 60 minutes. An upload that no comment
    /// uses is invisible, so a lost one may be repeated.
    ///
    /// # Errors
    /// As for every read; [`Failure::GiveUp`] for a content type that cannot be sent.
    pub async fn upload(&self, file_name: &str, content_type: &str, bytes: Bytes) -> Result<String, Failure> {
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| Failure::GiveUp { cause: "the content type of the file cannot be sent".into() })?;
        let request = Request::post_bytes(limits::READ, "/api/v2/uploads", content_type, bytes)
            .about(Object::Other("an upload"))
            .query("filename", file_name);
        let answer = self.call(&request).await?;
        let upload: Value = self.part(&request, &answer, "upload")?;
        let token = upload["token"].as_str().filter(|token| !token.is_empty());
        token.map(str::to_owned).ok_or_else(|| self.exchange.unreadable(&request, &answer, "no upload token"))
    }

    /// Makes the call, and repeats it once where Zendesk refused it only because the token had expired. Returns a
    /// success.
    async fn call(&self, request: &Request) -> Result<Answer, Failure> {
        let credential = Arc::clone(&self.credential.read().unwrap_or_else(PoisonError::into_inner));
        let answer = match &*credential {
            Credential::Basic(header) => {
                let unusable = || Failure::Pause { cause: "the API token cannot be sent".into(), status: 401 };
                let header = secret_header(header.expose_secret()).ok_or_else(unusable)?;
                self.exchange.ask(request, header).await?
            }
            Credential::OAuth(tokens) => {
                let bearer = tokens.bearer(&self.exchange, None).await?;
                let answer = self.exchange.ask(request, bearer.header).await?;
                if oauth::is_expired(answer.status, &answer.headers, answer.json.as_ref()) {
                    let renewed = tokens.bearer(&self.exchange, Some(bearer.serial)).await?;
                    self.exchange.ask(request, renewed.header).await?
                } else {
                    answer
                }
            }
        };
        if answer.status.is_success() {
            return Ok(answer);
        }
        self.exchange.hear(request, &answer);
        Err(self.failure(request, &answer))
    }

    /// The failure for a status, by Zendesk's meanings.
    fn failure(&self, request: &Request, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let said = zendesk::error_phrases::said(answer.json.as_ref(), status, &request.personal());
        let cause = error_phrases::cause("Zendesk", status, &said);
        let error = answer.json.as_ref().and_then(|json| json["error"].as_str()).unwrap_or_default();
        match status {
            400 if error == "IdempotentRequestError" => Failure::IdempotencyMismatch { cause },
            409 if error == "UpdateConflict" => Failure::Changed { cause },
            404 if error == "RecordNotFound" => Failure::NotFound { cause },
            // A missing API and no missing record: a wrong subdomain answers so.
            404 => self.exchange.forbidden(request, status, cause),
            422 if answer.json.as_ref().is_some_and(is_closed) => Failure::Closed { cause },
            _ => self.exchange.failure(request, answer, &said),
        }
    }

    /// One named part of a successful answer.
    fn part<T: DeserializeOwned>(&self, request: &Request, answer: &Answer, name: &str) -> Result<T, Failure> {
        let part = answer.json.as_ref().and_then(|json| json.get(name)).cloned();
        let part = part.and_then(|part| serde_json::from_value(part).ok());
        part.ok_or_else(|| self.exchange.unreadable(request, answer, &format!("no readable {name}")))
    }

    /// The ticket of a successful write, and the comment that it made.
    fn written(&self, request: &Request, answer: &Answer) -> Result<Written, Failure> {
        let ticket: views::TicketJson = self.part(request, answer, "ticket")?;
        let unreadable = || self.exchange.unreadable(request, answer, "a ticket of unknown status");
        let ticket = ticket.view().ok_or_else(unreadable)?;
        Ok(views::written(ticket, answer.json.as_ref().map_or(&Value::Null, |json| &json["audit"])))
    }
}

/// The side-loaded users of an answer. An unreadable one is left out, because nothing depends on it.
fn users(answer: &Answer) -> HashMap<UserId, UserView> {
    let users = answer.json.as_ref().and_then(|json| json["users"].as_array());
    let read = |user: &Value| serde_json::from_value::<views::UserJson>(user.clone()).ok();
    users.into_iter().flatten().filter_map(read).map(|user| (UserId(user.id), user.view())).collect()
}

/// Whether a 422 says that the ticket is closed. The text stands under `status` or `base`, sometimes with a code. The
/// words before the colon are translated, so the end is compared; a customer's words inside a text do not match.
fn is_closed(json: &Value) -> bool {
    let says_so = |text: &&str| *text == "ClosedTicket" || text.ends_with("closed prevents ticket update");
    error_phrases::texts(json).iter().any(says_so)
}

#[cfg(test)]
mod tests;
