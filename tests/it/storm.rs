//! Texts that pour into a bridge which keeps dying, and the oracle on their fates. Two brands text through it, each with a
//! Zendesk and a Braze of its own: the customers of the first by SMS and by WhatsApp, and others of its by Bird, by
//! Sunshine Conversations and by a carrier pack. The vendor of the pack has no list and no idempotency key, so that a text whose
//! answer was lost is never sent again by the bridge: its report or its operator tells.
//!
//! The caller kills it (tests/it/kill.rs, tests/it/power.rs). Each time, every webhook that was answered with 202 must be
//! known, and have ended well or with a reason; a new message must get through; and [`oracle`] must agree with the sight
//! at the vendors, on one ticket for each customer and line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;
use tandem::clock::Clock;
use tandem::sandbox::bird::{Bird, BirdOptions};
use tandem::sandbox::braze::Profile;
use tandem::sandbox::pack::{Api, ApiOptions, Dialect};
use tandem::sandbox::sender::{Attempt, AttemptResult};
use tandem::sandbox::sunshine::{SMS, Sunshine, SunshineOptions};
use tandem::sandbox::{Sandbox, SandboxOptions};
use tokio::sync::Semaphore;

use crate::oracle::{self, Owed, Phones, Utterance};
use crate::process::{
    Bridge, Host, is_accepted, text, text_on, text_over_bird, text_over_pack, text_over_sunshine, tickets_of, until,
};
use crate::support::account_tables;

/// Texts for each death. The next life also delivers the rest of the one before.
const TEXTS_A_DEATH: usize = 5;

/// Texts of one customer, about. Zendesk allows 30 updates of a ticket in 10 minutes, and a text that waits for that limit
/// waits longer than any test.
const TEXTS_A_CUSTOMER: u32 = 8;

/// How long a vendor waits before it tries again.
const SPACING: Duration = Duration::from_millis(60);

/// The time for the last looks: a call that was cut off four times in a row is looked for a minute later.
const PATIENCE: Duration = Duration::from_secs(400);

/// The longest life of a bridge. On a disk that is busy with something else, one sync may take a second.
pub(crate) const LIFE_MAX: Duration = Duration::from_secs(5);

/// A number from the environment: of repetitions, or a seed.
#[expect(clippy::disallowed_methods, reason = "tests take no arguments, and this is no configuration of the bridge")]
pub(crate) fn wanted(name: &str) -> Option<u32> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")))
}

/// One customer on one line, with all that was said between them and the agents, in order.
struct Conversation {
    /// Its number among all.
    number: usize,
    line: Line,
    said: oracle::Conversation,
}

/// The line of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// The first brand's by SMS.
    Sms,
    /// The first brand's by WhatsApp.
    Chat,
    /// The first brand's over Bird.
    Bird,
    /// The first brand's over Sunshine Conversations.
    Sunshine,
    /// The first brand's over a carrier pack.
    Packed,
    /// The second brand's, which has accounts of its own.
    Other,
}

/// The vendors of both brands.
#[derive(Clone, Copy)]
struct Vendors<'a> {
    first: &'a Sandbox,
    other: &'a Sandbox,
    bird: &'a Bird,
    sunshine: &'a Sunshine,
    packed: &'a Api,
}

impl<'a> Vendors<'a> {
    /// Those with the desk of a line.
    fn of_desk(self, line: Line) -> &'a Sandbox {
        match line {
            Line::Sms | Line::Chat | Line::Bird | Line::Sunshine | Line::Packed => self.first,
            Line::Other => self.other,
        }
    }
}

/// The second brand's accounts, which share no secret with the first brand's.
fn other_brand() -> SandboxOptions {
    SandboxOptions {
        zendesk_account: "zendesk-b".into(),
        braze_account: "braze-b".into(),
        zendesk_client_secret: "b-client-secret-not-real".into(),
        zendesk_webhook_secret: "Yi1zaWduaW5nLXNlY3JldC1ub3QtcmVhbA==".into(),
        braze_api_key: "b-braze-key-not-real".into(),
        braze_webhook_token: "b-braze-webhook-token-not-real".into(),
        retry_spacing: SPACING,
        ..SandboxOptions::default()
    }
}

/// The vendor of the pack. Its statuses bring the bridge's mark back.
fn pack() -> ApiOptions {
    ApiOptions::of(Dialect::Vonage)
}

/// The tables of the second brand, and of both brands' lines.
fn brands_and_lines(other: &Sandbox, bird: &Bird, sunshine: &Sunshine, packed: &Api) -> String {
    let (first, of_bird) = (SandboxOptions::default(), BirdOptions::default());
    let SunshineOptions { app_id, key_id, secret, webhook_secret, .. } = SunshineOptions::default();
    let lines = format!(
        r#"
[[lines]]
name = "a"
carrier = "braze"
desk = "zendesk"
[[lines]]
name = "a-chat"
carrier = "braze"
desk = "zendesk"
channel = "whatsapp"
address = "{}"
agent_reply = "{}"
template = "{}"
[[lines]]
name = "b"
carrier = "braze-b"
desk = "zendesk-b"
[accounts.bird]
vendor = "bird"
url = "{}"
api_key = "{}"
signing_secrets = ["{}"]
sender = "+15550100900"
[[lines]]
name = "a-bird"
carrier = "bird"
desk = "zendesk"
address = "{}"
[accounts.sunshine]
vendor = "sunshine"
url = "{}"
app_id = "{app_id}"
key_id = "{key_id}"
secret = "{secret}"
webhook_secrets = ["{webhook_secret}"]
messages_per_second = 50
[[lines]]
name = "a-sunshine"
carrier = "sunshine"
desk = "zendesk"
address = "{SMS}"
"#,
        first.whatsapp_group,
        first.campaign_whatsapp_reply,
        first.campaign_whatsapp_template,
        bird.url(),
        of_bird.api_key,
        of_bird.signing_secret,
        of_bird.senders[0],
        sunshine.url(),
    );
    account_tables(other, &other_brand(), "confirm_after_seconds = [1]", "") + &lines + &of_pack(packed)
}

/// The tables of the pack's account and line.
fn of_pack(packed: &Api) -> String {
    let ApiOptions { account_id, secret, signing_secret, webhook_url, numbers, .. } = pack();
    format!(
        r#"
[accounts.vonage]
vendor = "pack"
pack = "vonage"
url = "{}"
account_id = "{account_id}"
secret = "{secret}"
signing_secrets = ["{signing_secret}"]
webhook_url = "{webhook_url}"
sender = "+15550100900"
[[lines]]
name = "a-pack"
carrier = "vonage"
desk = "zendesk"
address = "{}"
"#,
        packed.url(),
        numbers[0],
    )
}

fn profile(sandbox: &Sandbox, number: u32) -> String {
    sandbox.braze.add_profile(Profile {
        external_id: Some(format!("customer-{number}")),
        phone: Some(format!("+1555555{number:04}")),
        first_name: Some("Ada".to_owned()),
        last_name: Some("Lovelace".to_owned()),
        ..Profile::default()
    })
}

/// A bridge in bad weather.
pub(crate) struct Storm {
    seed: u32,
    pub(crate) bridge: Bridge,
    conversations: Vec<Conversation>,
    deaths: u32,
    begun: Instant,
}

impl Storm {
    /// Enough customers for this number of deaths. Nothing runs yet.
    pub(crate) async fn gather(seed: u32, deaths: u32) -> Self {
        // Every start also looks for missed replies, while webhooks bring them.
        let options = SandboxOptions::default();
        let mut bridge = Bridge::at_rest("catch_up_minutes = 5", "confirm_after_seconds = [1]", "info", SPACING).await;
        let other = Arc::new(Sandbox::start(other_brand(), Clock::system()).await.unwrap());
        let of_bird = BirdOptions::default();
        let number = of_bird.senders[0].clone();
        let bird = Bird::start(of_bird, Clock::system()).await.unwrap();
        let options_of_sunshine = SunshineOptions { retry_spacing: SPACING, ..SunshineOptions::default() };
        let sunshine = Sunshine::start(options_of_sunshine, Clock::system()).await.unwrap();
        let packed = Api::start(pack(), Clock::system()).await.unwrap();
        let of_pack = pack().numbers[0].clone();
        bridge.host.configure(&brands_and_lines(&other, &bird, &sunshine, &packed));
        bridge.host.others.push(Arc::clone(&other));
        let count = (deaths * TEXTS_A_DEATH as u32 / TEXTS_A_CUSTOMER).max(12);
        let mut conversations = Vec::new();
        // Each customer of the first brand by SMS and by WhatsApp, another over Bird, another over Sunshine Conversations, another
        // over the pack, and one of the same id with the second brand.
        for n in 1..=count.div_ceil(6) {
            let (user, phone) = (format!("customer-{n}"), format!("+1555556{n:04}"));
            let handset = format!("+1555557{n:04}");
            let mobile = format!("+1555558{n:04}");
            let talk = sunshine.meet(SMS, &handset);
            let (here, there) = (profile(&bridge.sandbox, n), profile(&other, n));
            let (sms, chat) = (options.campaign_agent_reply.clone(), options.campaign_whatsapp_reply.clone());
            for (line, key, user, carrier_id, form) in [
                (Line::Sms, user.clone(), &user, &here, Some(sms)),
                (Line::Chat, format!("{user}@{}", options.whatsapp_group), &user, &here, Some(chat)),
                (Line::Bird, format!("bird:{phone}@{number}"), &phone, &phone, None),
                (Line::Sunshine, format!("sunshine:{talk}"), &handset, &handset, None),
                (Line::Packed, format!("vonage:{mobile}@{of_pack}"), &mobile, &mobile, None),
                (Line::Other, format!("braze-b:{user}"), &user, &there, None),
            ] {
                let said = oracle::Conversation {
                    user: user.clone(),
                    carrier_id: carrier_id.clone(),
                    key,
                    forms: form.into_iter().collect(),
                    ..Default::default()
                };
                conversations.push(Conversation { number: conversations.len() + 1, line, said });
            }
        }
        (bridge.host.bird, bridge.host.sunshine, bridge.host.packed) = (Some(bird), Some(sunshine), Some(packed));
        Self { seed, bridge, conversations, deaths: 0, begun: Instant::now() }
    }

    /// Lives and deaths: each time `strike` finds no bridge running, starts one, and makes it die.
    pub(crate) async fn rage(&mut self, deaths: u32, mut strike: impl AsyncFnMut(&mut Host, &Sandbox)) {
        let Bridge { sandbox, host, .. } = &mut self.bridge;
        let (other, bird) = (Arc::clone(&host.others[0]), host.bird.clone().unwrap());
        let (sunshine, packed) = (host.sunshine.clone().unwrap(), host.packed.clone().unwrap());
        let vendors = Vendors { first: sandbox, other: &other, bird: &bird, sunshine: &sunshine, packed: &packed };
        let load = Semaphore::new(0);
        let talking = join_all(self.conversations.iter_mut().map(|conversation| conversation.talk(vendors, &load)));
        let dying = async {
            for _ in 0..deaths {
                load.add_permits(TEXTS_A_DEATH);
                strike(host, sandbox).await;
            }
            load.close();
            host.start(sandbox).await;
        };
        tokio::join!(talking, dying);
        self.deaths += deaths;
    }

    /// Ends the faults and checks that every delivery settles, at the right place. A text that was cut off five times before
    /// it went out is set aside by then, and its operator has looked at the phone. Returns the figures.
    pub(crate) async fn end(mut self) -> String {
        let Bridge { sandbox, host, .. } = &self.bridge;
        let (other, bird) = (&*host.others[0], host.bird.as_ref().unwrap());
        let (sunshine, packed) = (host.sunshine.as_ref().unwrap(), host.packed.as_ref().unwrap());
        let vendors = Vendors { first: sandbox, other, bird, sunshine, packed };
        let calm = Instant::now();
        // A ticket whose opening was cut off again and again may come late.
        let before = self.bridge.attended_within(PATIENCE).await.1;
        for conversation in &mut self.conversations {
            conversation.said.sent_again.extend(before.sent_again.iter().map(|words| oracle::number_of(words)));
        }
        // Zendesk does not repeat an undelivered webhook; the next reply brings the missed ones.
        for conversation in &mut self.conversations {
            conversation.last_words(vendors).await;
        }
        let (deliveries, after) = self.bridge.attended_within(PATIENCE).await;
        for conversation in &mut self.conversations {
            conversation.said.sent_again.extend(after.sent_again.iter().map(|words| oracle::number_of(words)));
        }
        let settled = calm.elapsed();
        let seed = self.seed;
        let further = [bird.webhooks_delivered(), packed.webhooks_delivered()].concat();
        let attempts = [attempts(sandbox), attempts(other), further].concat();
        let mut mistakes = mistakes(&attempts, &deliveries);
        for brand in [sandbox, other] {
            let is_theirs = |at: &&Conversation| std::ptr::eq(vendors.of_desk(at.line), brand);
            let said: Vec<_> = self.conversations.iter().filter(is_theirs).map(|at| at.said.clone()).collect();
            let carriers: [&dyn Phones; 5] = [&sandbox.braze, &other.braze, bird, sunshine, packed];
            mistakes.extend(oracle::faults(&brand.zendesk, &carriers, &said, 2 * (before.count + after.count)));
            assert_eq!(brand.zendesk.tickets().len(), said.len(), "seed {seed}: tickets");
        }
        assert!(mistakes.is_empty(), "seed {seed}: {mistakes:#?}");
        let mut starts = host.starts.clone();
        starts.sort_unstable();
        let count = |part: fn(&Conversation) -> usize| self.conversations.iter().map(part).sum::<usize>();
        let mut states: BTreeMap<&str, u32> = BTreeMap::new();
        for delivery in &deliveries {
            *states.entry(delivery["state"].as_str().unwrap()).or_default() += 1;
        }
        let figures = format!(
            "seed {seed}: {} deaths in {:.0?}, {} texts and {} replies, {} events acknowledged, 0 lost, doubled, \
             reordered or changed; {states:?}; ready after {:.0?} (median), {:.0?} (longest); settled after {settled:.1?}",
            self.deaths,
            self.begun.elapsed() - settled,
            count(|conversation| conversation.said.texts.len()),
            count(|conversation| conversation.said.replies.len()),
            acknowledged(&attempts).len(),
            starts[starts.len() / 2],
            starts[starts.len() - 1],
        );
        assert_eq!(self.bridge.host.stop().await, 0, "seed {seed}: exit code after SIGTERM");
        figures
    }
}

impl Conversation {
    /// The customer texts, one text after the other, for as long as the load lets them; every other text is answered.
    async fn talk(&mut self, vendors: Vendors<'_>, load: &Semaphore) {
        let sandbox = vendors.of_desk(self.line);
        let mut ticket = None;
        while let Ok(permit) = load.acquire().await {
            permit.forget();
            let n = self.said.texts.len() + 1;
            self.text(vendors, &format!("asks \"{n}\" & more.\nSecond line of {n}: <b>bold</b> 🚚")).await;
            ticket = ticket.or_else(|| tickets_of(sandbox, &self.said.key).first().map(|ticket| ticket.id));
            if let (Some(ticket), 0) = (ticket, n % 2) {
                self.reply(sandbox, ticket, "This is a reply");
            }
        }
    }

    fn tag(&self) -> String {
        oracle::tag(self.number * 100_000 + self.said.texts.len() + self.said.replies.len())
    }

    async fn text(&mut self, vendors: Vendors<'_>, words: &str) {
        let words = format!("{}{} {words}", self.tag(), self.said.key);
        let from = &self.said.carrier_id;
        match self.line {
            Line::Sms | Line::Other => text(vendors.of_desk(self.line), from, &words).await,
            Line::Chat => text_on(vendors.first, true, from, &words).await,
            Line::Bird => text_over_bird(vendors.bird, (from, &BirdOptions::default().senders[0]), &words).await,
            Line::Sunshine => text_over_sunshine(vendors.sunshine, SMS, from, &words).await,
            Line::Packed => text_over_pack(vendors.packed, (from, &pack().numbers[0]), &words).await,
        }
        self.said.texts.push(Utterance { words, ticket: 0, owed: Owed::Once });
    }

    /// The agent replies; returns the comment.
    fn reply(&mut self, sandbox: &Sandbox, ticket: u64, words: &str) -> u64 {
        let words = format!("{}{words},", self.tag());
        let comment = sandbox.zendesk.agent_reply(ticket, &format!("{words}<br>with a 🚚 and \"quoted\"."));
        let words = format!("{words}\nwith a 🚚 and \"quoted\".");
        self.said.replies.push(Utterance { words, ticket, owed: Owed::Once });
        comment
    }

    /// A last text and a last reply. The bridge is up and must take both.
    async fn last_words(&mut self, vendors: Vendors<'_>) {
        let sandbox = vendors.of_desk(self.line);
        self.text(vendors, "has nothing more to ask.").await;
        until(sandbox, "the ticket", || !tickets_of(sandbox, &self.said.key).is_empty()).await;
        let comment = self.reply(sandbox, tickets_of(sandbox, &self.said.key)[0].id, "This is the last word");
        let names_it = format!("\"comment_id\": \"{comment}\"");
        let heard = || {
            let tried = sandbox.zendesk.webhooks_delivered().into_iter().rev();
            tried.filter(|attempt| attempt.body.contains(&names_it)).any(|attempt| is_accepted(&attempt.result))
        };
        until(sandbox, "the webhook of the last word", heard).await;
    }
}

/// Every attempt of both vendors to hand over a webhook.
pub(crate) fn attempts(sandbox: &Sandbox) -> Vec<Attempt> {
    [sandbox.zendesk.webhooks_delivered(), sandbox.braze.webhooks_delivered()].concat()
}

/// The answers that say that an event is kept: the webhook's id, the word, the event's id.
fn answers(attempts: &[Attempt]) -> impl Iterator<Item = (&str, String, String)> {
    attempts.iter().filter_map(|attempt| {
        let AttemptResult::Answered { status: 202, body, .. } = &attempt.result else { return None };
        let body: Value = serde_json::from_str(body).unwrap();
        let word = |name: &str| body[name].as_str().map(str::to_owned);
        Some((attempt.id.as_str(), word("status")?, word("id")?))
    })
}

/// The events that the bridge has acknowledged to a vendor.
pub(crate) fn acknowledged(attempts: &[Attempt]) -> BTreeSet<String> {
    answers(attempts).map(|(_, _, event)| event).collect()
}

/// The acknowledgements that the bridge has broken: an event that it does not know, that is two webhooks' or that has
/// ended without a reason; a webhook that has become two events.
fn mistakes(attempts: &[Attempt], deliveries: &[Value]) -> Vec<String> {
    let mut mistakes = Vec::new();
    let known: BTreeMap<&str, &Value> =
        deliveries.iter().map(|delivery| (delivery["id"].as_str().unwrap(), delivery)).collect();
    let (mut webhooks, mut events) = (BTreeMap::new(), BTreeMap::new());
    for (webhook, word, event) in answers(attempts) {
        if let Some(other) = events.insert(webhook, event.clone()).filter(|other| *other != event) {
            mistakes.push(format!("webhook {webhook} has become {other} and {event}"));
        }
        // A second webhook of one event is told that it is a duplicate.
        if word == "accepted"
            && let Some(other) = webhooks.insert(event.clone(), webhook).filter(|other| *other != webhook)
        {
            mistakes.push(format!("{event} was given to {webhook} and before to {other}"));
        }
        match known.get(event.as_str()) {
            None => mistakes.push(format!("{event} is lost, which was acknowledged to {webhook}")),
            Some(delivery)
                if delivery["state"] != "delivered" && delivery["cause"].as_str().is_none_or(str::is_empty) =>
            {
                mistakes.push(format!("{event} has ended without a reason: {delivery}"));
            }
            Some(_) => {}
        }
    }
    mistakes
}
