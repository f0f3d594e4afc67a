//! The whole content of the demo page as one value: the vendors' records, and beside each message the bridge's state
//! of it. It never acts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::account::{Account, Fate, match_up, texts_in};
use super::child::Standing;
use super::conversation::{Conversation, Said, Way};
use super::deliveries::{Deliveries, Delivery};
use super::handset::{About, Shown};
use super::troubles::Troubles;
use crate::sandbox::sender::{Attempt, AttemptResult};
use crate::sandbox::zendesk::{Comment, Ticket};

/// The shipped campaign's text for a solved ticket.
const CLOSING: &str = "Your ticket has been closed";

/// The latest messages that are shown on their way.
const MESSAGES: usize = 12;

/// The age at which a reply that the bridge does not know counts as lost: two looks and a bit.
const FOUND_WITHIN_SECONDS: i64 = 150;

/// The age at which a message that was handed over, and is not shown, counts as lost: until then a report may tell of it.
const REPORTED_WITHIN_SECONDS: i64 = 10;

/// The page, whole.
#[derive(Clone, Debug, Serialize)]
pub(super) struct View {
    bridge: Standing,
    may_kill: bool,
    troubles: Troubles,
    account: Account,
    opted_out: bool,
    phone: Vec<Bubble>,
    tickets: Vec<Desk>,
    messages: Vec<Message>,
}

/// A text, as the phone shows it.
#[derive(Clone, Debug, Serialize)]
struct Bubble {
    id: String,
    mine: bool,
    words: String,
    picture: Option<String>,
    at: Timestamp,
}

/// A ticket, as the agent sees it.
#[derive(Clone, Debug, Serialize)]
struct Desk {
    id: u64,
    status: &'static str,
    comments: Vec<Note>,
}

/// A comment on it.
#[derive(Clone, Debug, Serialize)]
struct Note {
    id: u64,
    by: &'static str,
    public: bool,
    words: String,
    pictures: Vec<String>,
    at: Timestamp,
}

/// A message on its way.
#[derive(Clone, Debug, Serialize)]
struct Message {
    number: usize,
    way: Way,
    words: String,
    fate: Fate,
    /// The stations that it has passed: 0 none, 2 accepted and synced, 3 shown on the other side, 4 known to be
    /// there.
    passed: u8,
    /// The bridge's word for its state, or the page's own before the bridge knows of it.
    state: String,
    cause: Option<String>,
    due_at: Option<Timestamp>,
    attempts: u32,
    caught_up: bool,
    /// The effects of past troubles on it: sentences without a full stop.
    traces: Vec<String>,
    /// Whether it changes no more.
    #[serde(skip)]
    is_settled: bool,
}

/// The known facts of one message.
struct Known<'a> {
    said: &'a Said,
    shown: bool,
    /// Whether the bridge has acknowledged its webhook.
    heard: bool,
    /// The attempts to hand it over.
    tries: usize,
    /// Whether the vendor has given up handing it over.
    given_up: bool,
    /// How often it was handed over again as a duplicate.
    rings: usize,
    delivery: Option<&'a Delivery>,
    about: &'static About,
    caught_up: bool,
    /// Seen at the other side after its answer was lost.
    found: bool,
    /// The failed attempts of a message that has arrived.
    failed: u32,
}

impl View {
    /// Looks at everything. `deliveries` must be older than the vendors' records, so that these show every effect in
    /// it.
    pub(super) fn of(conversation: &Conversation, deliveries: &Deliveries, bridge: Standing, now: Timestamp) -> Self {
        let sandbox = &conversation.sandbox;
        let handset = &*conversation.handset;
        let (said, tickets, texts) = (conversation.said(), sandbox.zendesk.tickets(), handset.texts());
        let media = handset.media();
        let customers = tickets.iter().flat_map(|ticket| ticket.comments.iter().filter(|it| is_customers(ticket, it)));
        let on_tickets: Vec<String> = customers.flat_map(|comment| texts_in(&comment.plain_body, &media)).collect();
        let on_phone: Vec<&str> = texts.iter().map(|text| text.words.as_str()).collect();
        let (shown, doubled) = compare(&said, &on_tickets, &on_phone, conversation.solved());
        let zendesk_tried = sandbox.zendesk.webhooks_delivered();
        let is_idle = (handset.is_idle(), sandbox.zendesk.is_idle());
        let mut taken = BTreeSet::new();
        let known: Vec<Known<'_>> = said
            .iter()
            .zip(shown)
            .map(|(said, shown)| {
                let tries = match (&said.id, said.comment) {
                    (Some(id), _) => handset.attempts(id),
                    (None, comment) => tries_of_comment(&zendesk_tried, comment),
                };
                let (heard, event) = (tries.iter().any(is_heard), tries.iter().find_map(taken_as));
                let delivery = match (said.comment, event) {
                    (Some(comment), _) => deliveries.of_comment(comment),
                    (None, Some(id)) => deliveries.get(&id),
                    // The answer to a body of several events names none of them.
                    (None, None) if heard => deliveries.of_words(&said.words, &mut taken),
                    (None, None) => None,
                };
                Known {
                    said,
                    shown,
                    heard,
                    tries: tries.len(),
                    rings: rings(&tries),
                    given_up: if said.id.is_some() { is_idle.0 } else { is_idle.1 } && !heard,
                    delivery,
                    about: handset.about(),
                    caught_up: delivery.is_some_and(|delivery| deliveries.is_caught_up(&delivery.id)),
                    found: delivery.is_some_and(|delivery| deliveries.is_found(delivery)),
                    failed: delivery.map_or(0, |delivery| deliveries.failed_before(delivery)),
                }
            })
            .collect();
        let counted: Vec<Fate> =
            known.iter().filter(|known| !known.said.is_keyword).map(|known| known.fate(now)).collect();
        let unheard = known.iter().any(|known| known.said.id.is_some() && known.tries > 0 && !known.heard);
        let skipped = known.len().saturating_sub(MESSAGES);
        Self {
            may_kill: matches!(bridge, Standing::Up { .. }) && (is_idle.0 || !unheard),
            bridge,
            troubles: conversation.troubles(),
            account: Account::of(&counted, doubled),
            opted_out: handset.is_opted_out(),
            phone: phone(&said, &texts),
            tickets: tickets.iter().map(|ticket| desk(ticket, conversation, &media)).collect(),
            messages: known.iter().skip(skipped).map(|known| known.message(now)).collect(),
        }
    }

    /// Whether the view will change by itself, without a change at a vendor.
    pub(super) fn is_restless(&self) -> bool {
        !matches!(self.bridge, Standing::Up { .. }) || !self.messages.iter().all(|message| message.is_settled)
    }
}

/// Whether each message is shown, and the number of shown messages that should not be.
fn compare(said: &[Said], on_tickets: &[String], on_phone: &[&str], solved: usize) -> (Vec<bool>, usize) {
    let one_way = |way| said.iter().filter(move |said| said.way == way && !said.is_keyword);
    let texts: Vec<&str> = one_way(Way::Text).map(|said| said.words.as_str()).collect();
    let closings = std::iter::repeat_n(CLOSING, solved);
    let replies: Vec<&str> = one_way(Way::Reply).map(|said| said.words.as_str()).chain(closings).collect();
    let on_tickets: Vec<&str> = on_tickets.iter().map(String::as_str).collect();
    let (texts, strange) = match_up(&texts, &on_tickets);
    let (replies, stranger) = match_up(&replies, on_phone);
    let (mut texts, mut replies) = (texts.into_iter(), replies.into_iter());
    let shown = said.iter().map(|said| match said.way {
        Way::Text if said.is_keyword => false,
        Way::Text => texts.next().unwrap_or(false),
        Way::Reply => replies.next().unwrap_or(false),
    });
    (shown.collect(), strange.saturating_add(stranger))
}

impl Known<'_> {
    fn fate(&self, now: Timestamp) -> Fate {
        let waited = now.duration_since(self.said.at).as_secs();
        match self.delivery {
            _ if self.shown || self.said.is_kept() => Fate::Arrived,
            Some(delivery) if !delivery.is_settled() => Fate::OnTheWay,
            Some(_) if self.said.is_keyword => Fate::Arrived,
            Some(delivery) if delivery.is_undelivered() => Fate::Refused,
            Some(delivery) if delivery.state == "delivered" && waited > REPORTED_WITHIN_SECONDS => Fate::Lost,
            Some(delivery) if delivery.state == "delivered" => Fate::OnTheWay,
            // A dead, skipped or set-aside delivery tells its reason to the agent or to the operator.
            Some(_) => Fate::Refused,
            // A carrier repeats a text and then gives up; a reply that Zendesk gives up is caught up with.
            None if self.given_up && self.said.way == Way::Text => Fate::Lost,
            None if waited > FOUND_WITHIN_SECONDS => Fate::Lost,
            None => Fate::OnTheWay,
        }
    }

    fn message(&self, now: Timestamp) -> Message {
        let fate = self.fate(now);
        let is_known =
            self.delivery.is_some_and(|delivery| delivery.state == "delivered" && !delivery.is_undelivered());
        let passed = match (self.shown || is_known, self.heard || self.delivery.is_some()) {
            (true, _) if is_known => 4,
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 0,
        };
        let (state, cause) = match (self.delivery, self.tries) {
            (Some(delivery), _) if delivery.is_undelivered() => ("undelivered".to_owned(), None),
            (Some(delivery), _) => (delivery.state.clone(), delivery.cause.clone()),
            (None, _) if self.heard => ("accepted".to_owned(), None),
            (None, 0) if self.said.is_kept() => {
                ("kept".to_owned(), Some(format!("{} keeps this word to itself", self.about.carrier)))
            }
            (None, 0) => ("sent".to_owned(), None),
            (None, tries) if self.said.way == Way::Text => {
                let About { carrier, attempts_max, .. } = self.about;
                let cause = format!("nobody answered {carrier}, which repeats it ({tries} of {attempts_max})");
                ("unheard".to_owned(), Some(cause))
            }
            (None, _) => {
                let cause = "nobody answered, and Zendesk does not repeat: the bridge finds it when it looks";
                ("unheard".to_owned(), Some(cause.to_owned()))
            }
        };
        Message {
            number: self.said.number,
            way: self.said.way,
            words: self.said.words.clone(),
            fate,
            passed,
            state,
            cause,
            due_at: self.delivery.and_then(|delivery| delivery.due_at),
            attempts: self.delivery.map_or(0, |delivery| delivery.attempts),
            caught_up: self.caught_up,
            traces: self.traces(),
            is_settled: self.said.is_kept()
                || self.delivery.is_some_and(Delivery::is_settled) && fate != Fate::OnTheWay,
        }
    }
}

impl Known<'_> {
    /// The effects of troubles on it, in the order in which they strike.
    fn traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        match self.rings {
            0 => {}
            1 => traces.push("2nd ring ignored".to_owned()),
            rings => traces.push(format!("{rings} more rings ignored")),
        }
        let Some(delivery) = self.delivery else { return traces };
        let is_delivered = delivery.state == "delivered";
        if self.caught_up && is_delivered {
            traces.push("found by looking, no webhook told of it".to_owned());
        }
        let mark = match self.said.way {
            Way::Text => "mark",
            Way::Reply => "receipt",
        };
        match self.failed {
            _ if self.found => traces.push(format!("found by its {mark}, not sent again")),
            0 => {}
            1 => traces.push("went through after a failed attempt".to_owned()),
            failed => traces.push(format!("went through after {failed} failed attempts")),
        }
        if delivery.is_set_aside() {
            traces.push("no receipt tells whether it arrived: the console asks you".to_owned());
        }
        if delivery.is_undelivered() {
            traces.push("reported as not arrived: a note for the agent".to_owned());
        }
        if delivery.state == "dead" {
            traces.push("given up: a note for the agent, a dead letter in the console".to_owned());
        }
        traces
    }
}

/// Whether the bridge has acknowledged a webhook.
fn is_heard(attempt: &Attempt) -> bool {
    matches!(attempt.result, AttemptResult::Answered { status: 200 | 202, .. })
}

/// The attempts that the bridge has answered as duplicates. The answer to a body of several events does not tell, so
/// of these all but the first are meant.
fn rings(tries: &[Attempt]) -> usize {
    let is_several = |attempt: &&Attempt| matches!(attempt.result, AttemptResult::Answered { status: 200, .. });
    let several = tries.iter().filter(is_several).count().saturating_sub(1);
    tries.iter().filter(|attempt| is_known_already(attempt)).count().saturating_add(several)
}

/// Whether the bridge has answered a webhook as a duplicate.
fn is_known_already(attempt: &Attempt) -> bool {
    let AttemptResult::Answered { status: 202, body, .. } = &attempt.result else { return false };
    serde_json::from_str(body).is_ok_and(|answer: serde_json::Value| answer["status"] == "duplicate")
}

/// The id of the event that the bridge has made of a webhook, from its own answer.
fn taken_as(attempt: &Attempt) -> Option<String> {
    let AttemptResult::Answered { status: 202, body, .. } = &attempt.result else { return None };
    let answer: serde_json::Value = serde_json::from_str(body).ok()?;
    answer["id"].as_str().map(str::to_owned)
}

/// The attempts to tell of a comment.
fn tries_of_comment(attempts: &[Attempt], comment: Option<u64>) -> Vec<Attempt> {
    let Some(comment) = comment else { return Vec::new() };
    let wanted = format!("\"{comment}\"");
    attempts.iter().filter(|attempt| attempt.body.contains(&wanted)).cloned().collect()
}

fn is_customers(ticket: &Ticket, comment: &Comment) -> bool {
    comment.public && comment.author_id == ticket.requester_id
}

/// Both sides of the phone's thread, in the order in which the phone has them.
fn phone(said: &[Said], texts: &[Shown]) -> Vec<Bubble> {
    let mine = said.iter().filter(|said| said.way == Way::Text).map(|said| Bubble {
        id: format!("s{}", said.number),
        mine: true,
        words: said.words.clone(),
        picture: said.picture.map(|number| format!("/files/pictures/{number}")),
        at: said.at,
    });
    let theirs = texts.iter().enumerate().map(|(place, text)| Bubble {
        id: format!("r{place}"),
        mine: false,
        words: text.words.clone(),
        picture: None,
        at: text.at,
    });
    let mut bubbles: Vec<Bubble> = mine.chain(theirs).collect();
    bubbles.sort_by_key(|bubble| bubble.at);
    bubbles
}

fn desk(ticket: &Ticket, conversation: &Conversation, media: &str) -> Desk {
    let agent = conversation.sandbox.zendesk.agent_id();
    let comments = ticket.comments.iter().map(|comment| Note {
        id: comment.id,
        by: match comment.author_id {
            author if author == ticket.requester_id => "customer",
            author if author == agent => "agent",
            _ => "tandem",
        },
        public: comment.public,
        // The page shows the picture itself.
        words: comment.plain_body.lines().filter(|line| !line.starts_with(media)).collect::<Vec<_>>().join("\n"),
        pictures: comment
            .attachments
            .iter()
            .filter_map(|file| local(&file.content_url, conversation.sandbox.zendesk.url()))
            .collect(),
        at: comment.created_at,
    });
    Desk { id: ticket.id, status: ticket.status.as_str(), comments: comments.collect() }
}

/// The page's address of a vendor's file: below `/files`, because the page may load nothing from elsewhere.
fn local(url: &str, vendor: &str) -> Option<String> {
    let path = url.strip_prefix(vendor)?;
    Some(format!("/files{}", path.split('?').next().unwrap_or(path)))
}
