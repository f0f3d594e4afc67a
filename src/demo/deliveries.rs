//! The bridge's deliveries, from its operator API as any operator could ask for them. The only change it makes there
//! is a redrive of waiting ones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::vendors::http::http_client;

/// The deadline of a call: the bridge is on this machine, and answers at once or is killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// Deliveries in one answer: the API's own limit.
const LIMIT: usize = 500;

/// A delivery, as the operator API lists it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) kind: String,
    pub(super) attempts: u32,
    pub(super) cause: Option<String>,
    pub(super) due_at: Option<Timestamp>,
    receipts: Vec<Receipt>,
}

/// The carrier's reports about a part of a text.
#[derive(Clone, Debug, Deserialize)]
struct Receipt {
    /// Why it did not reach the phone.
    failed: Option<Value>,
}

/// A part of the list.
#[derive(Deserialize)]
struct Page {
    items: Vec<Delivery>,
    next: Option<String>,
}

impl Delivery {
    /// Whether it changes no more by itself.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state.as_str(), "delivered" | "skipped" | "dead" | "quarantined") || self.is_set_aside()
    }

    /// Whether it was sent, and the carrier has reported since that it did not arrive.
    pub(super) fn is_undelivered(&self) -> bool {
        self.state == "delivered" && self.receipts.iter().any(|receipt| receipt.failed.is_some())
    }

    /// Whether the operator has to decide whether it arrived.
    pub(super) fn is_set_aside(&self) -> bool {
        self.state == "unconfirmed" && self.due_at.is_none()
    }
}

/// The bridge's deliveries as last heard. While it does not answer, its last answer stands.
pub(super) struct Deliveries {
    client: reqwest::Client,
    operator: SocketAddr,
    list: BTreeMap<String, Delivery>,
    /// The comment of each text to the phone.
    comments: BTreeMap<String, u64>,
    /// The words of each text to the ticket.
    words: BTreeMap<String, String>,
    /// The texts that came from catching up, and not from a webhook.
    caught_up: BTreeSet<String>,
    /// The attempt whose answer was lost, where that was seen.
    lost: BTreeMap<String, u32>,
    /// The failed attempts of waiting deliveries, where they were seen: a redrive counts anew.
    failed: BTreeMap<String, u32>,
}

impl Deliveries {
    pub(super) fn of(operator: SocketAddr) -> Result<Self, reqwest::Error> {
        let client = http_client(PATIENCE, PATIENCE)?;
        let (list, comments, words, caught_up, lost, failed) = Default::default();
        Ok(Self { client, operator, list, comments, words, caught_up, lost, failed })
    }

    /// Asks again.
    pub(super) async fn refresh(&mut self) {
        let (mut after, mut whole) = (String::new(), BTreeMap::new());
        loop {
            let page = self.ask(&format!("/api/deliveries?limit={LIMIT}{after}")).await;
            let Some(page) = page.and_then(|page| serde_json::from_value::<Page>(page).ok()) else { return };
            whole.extend(page.items.into_iter().map(|delivery| (delivery.id.clone(), delivery)));
            match page.next {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        self.list = whole;
        let unconfirmed = self.list.values().filter(|delivery| delivery.state == "unconfirmed");
        self.lost.extend(unconfirmed.map(|delivery| (delivery.id.clone(), delivery.attempts)));
        for delivery in self.list.values().filter(|delivery| delivery.state == "waiting") {
            let most = self.failed.entry(delivery.id.clone()).or_default();
            *most = delivery.attempts.max(*most);
        }
        let is_new = |delivery: &&Delivery| match delivery.kind.as_str() {
            "phone_text" => !self.comments.contains_key(&delivery.id),
            "customer_text" => !self.words.contains_key(&delivery.id),
            _ => false,
        };
        let named = |delivery: &Delivery| (delivery.id.clone(), delivery.kind.clone());
        let new: Vec<(String, String)> = self.list.values().filter(is_new).map(named).collect();
        for (id, kind) in new {
            let Some(shown) = self.ask(&format!("/api/deliveries/{id}")).await else { return };
            let event = &shown["event"];
            if event["caught_up"] == true {
                self.caught_up.insert(id.clone());
            }
            match kind.as_str() {
                "customer_text" => drop(self.words.insert(id, event["text"].as_str().unwrap_or_default().to_owned())),
                _ => drop(self.comments.insert(id, event["comment_id"].as_u64().unwrap_or_default())),
            }
        }
    }

    /// The delivery with this id.
    pub(super) fn get(&self, id: &str) -> Option<&Delivery> {
        self.list.get(id)
    }

    /// The delivery that brings this comment to the phone.
    pub(super) fn of_comment(&self, comment: u64) -> Option<&Delivery> {
        let (id, _) = self.comments.iter().find(|(_, other)| **other == comment)?;
        self.get(id)
    }

    /// A delivery that brings these words to the ticket, but for those `taken`, to which it is added.
    pub(super) fn of_words<'a>(&'a self, words: &str, taken: &mut BTreeSet<&'a str>) -> Option<&'a Delivery> {
        let is_free = |(id, other): &(&'a String, &'a String)| *other == words && !taken.contains(id.as_str());
        let (id, _) = self.words.iter().find(is_free)?;
        taken.insert(id);
        self.get(id)
    }

    /// Whether it came without a webhook.
    pub(super) fn is_caught_up(&self, id: &str) -> bool {
        self.caught_up.contains(id)
    }

    /// Whether it was found at the other side, without another attempt, after its answer was lost.
    pub(super) fn is_found(&self, delivery: &Delivery) -> bool {
        delivery.state == "delivered" && self.lost.get(&delivery.id) == Some(&delivery.attempts)
    }

    /// The failed attempts of a delivery that has arrived.
    pub(super) fn failed_before(&self, delivery: &Delivery) -> u32 {
        let seen = self.failed.get(&delivery.id).copied().unwrap_or_default();
        if delivery.state == "delivered" { delivery.attempts.saturating_sub(1).max(seen) } else { 0 }
    }

    /// Has all waiting deliveries tried again now, as an operator does who knows that the trouble is over. False when
    /// the bridge does not answer.
    pub(super) async fn redrive(&self) -> bool {
        self.call(http::Method::POST, "/api/deliveries/redrive?state=waiting").await.is_some()
    }

    async fn ask(&self, path: &str) -> Option<Value> {
        self.call(http::Method::GET, path).await
    }

    async fn call(&self, method: http::Method, path: &str) -> Option<Value> {
        let answer = self.client.request(method, format!("http://{}{path}", self.operator)).send().await.ok()?;
        if answer.status() != http::StatusCode::OK {
            return None;
        }
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }
}
