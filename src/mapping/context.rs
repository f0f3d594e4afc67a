//! The names that templates may use: the fixed schema of all data for a request.
//!
//! Strict Liquid refuses an absent name, even in front of `default`, so every field is always written out, a blank one
//! as `null`. The same schema is the format of the sample files and of `tandem render --event FILE`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::event::{Customer, EventId, TicketId, UserId};
use crate::domain::note::Fields;
use crate::domain::outgoing::Recipient;

/// All data that a mapping can use.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The event that the request is made for.
    pub event: EventPart,
    /// The customer of the conversation.
    pub customer: CustomerPart,
    /// The recipient at Braze: exactly one field is set for calls to Braze, none for calls to Zendesk.
    pub recipient: RecipientPart,
    /// The ticket to write to, or to open.
    pub ticket: TicketPart,
    /// The customer as a Zendesk user.
    pub requester: RequesterPart,
    /// The text to pass on; its strings are empty where the event carries none.
    pub message: MessagePart,
    /// The bridge's own note (`failure_note`, `keyword_note`); empty elsewhere.
    pub note: NotePart,
    /// The Braze campaign to trigger.
    pub campaign: CampaignPart,
    /// Profile attributes to write at Braze: `tandem_receipt` and those of a published-recipe body.
    pub attributes: Map<String, Value>,
    /// The value of `tandem_receipt`: the event's id, with the part's number behind it where a text has several.
    pub receipt: String,
}

/// See [`Context::event`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPart {
    /// The event's own id.
    pub id: EventId,
    /// The ids of all events merged into this request, its own among them, oldest first.
    pub ids: Vec<EventId>,
    /// [`crate::domain::event::EventKind::name`].
    pub kind: String,
    /// When it was accepted.
    pub received_at: Timestamp,
    /// `sms` unless the campaign said otherwise; `null` where no phone was involved.
    pub channel: Option<String>,
    /// Braze's keyword category.
    pub category: Option<String>,
}

/// See [`Context::customer`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerPart {
    /// The conversation key.
    pub key: String,
    /// Braze's external user id.
    pub external_id: Option<String>,
    /// Braze's own id.
    #[serde(rename = "braze_id")]
    pub carrier_id: Option<String>,
    /// E.164 where that was possible.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Both names, as far as they are known.
    pub name: Option<String>,
    /// The subscription group that the customer wrote to.
    pub line: Option<String>,
}

impl CustomerPart {
    /// The part for this customer, whose conversation has this key and line.
    #[must_use]
    pub fn of(key: String, customer: &Customer, line: Option<String>) -> Self {
        Self {
            key,
            external_id: customer.external_id.clone(),
            carrier_id: customer.carrier_id.clone(),
            phone: customer.phone.clone(),
            email: customer.email.clone(),
            first_name: customer.first_name.clone(),
            last_name: customer.last_name.clone(),
            name: customer.name(),
            line,
        }
    }
}

/// See [`Context::recipient`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientPart {
    /// Address by Braze's external user id.
    pub external_user_id: Option<String>,
    /// Address by Braze's own id.
    #[serde(rename = "braze_id")]
    pub carrier_id: Option<String>,
}

impl RecipientPart {
    /// The part for this recipient.
    #[must_use]
    pub fn of(recipient: &Recipient) -> Self {
        match recipient {
            Recipient::External(id) => Self { external_user_id: Some(id.clone()), carrier_id: None },
            Recipient::OfCarrier(id) => Self { external_user_id: None, carrier_id: Some(id.clone()) },
        }
    }
}

/// See [`Context::ticket`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketPart {
    /// The ticket to write to; `null` for one to open.
    pub id: Option<TicketId>,
    /// The earlier ticket that a new one succeeds.
    pub previous_id: Option<TicketId>,
    /// The conversation key, by which a ticket is found again.
    pub external_id: String,
    /// Set only when a published-recipe body asked for it.
    pub subject: Option<String>,
    /// Set only when a published-recipe body asked for it.
    pub priority: Option<String>,
    /// Set only when a published-recipe body asked for it.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The ticket's status as last seen.
    pub status: Option<String>,
}

/// See [`Context::requester`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequesterPart {
    /// The customer's Zendesk user id.
    pub id: Option<UserId>,
}

/// See [`Context::message`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessagePart {
    /// Plain text, lines kept.
    pub text: String,
    /// The text ready to be an `html_body`: escaped, line breaks kept, braces harmless.
    pub html: String,
    /// The text laid out as the published recipe's campaigns read it.
    pub msg_body: String,
    /// The number of this part of a long text; 1 for the first.
    pub part: u32,
    /// The number of parts.
    pub parts: u32,
    /// The agent's name.
    pub agent_name: Option<String>,
    /// Links to media, as they came.
    pub media: Vec<String>,
    /// Zendesk upload tokens of copied media.
    pub uploads: Vec<String>,
}

/// See [`Context::note`].
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotePart {
    /// The words, as plain text.
    #[serde(default)]
    pub text: String,
    /// The words, ready to be an `html_body`.
    #[serde(default)]
    pub html: String,
    /// The ticket's new status (`keyword_note` only); `null` where it stays unchanged.
    #[serde(default)]
    pub status: Option<String>,
    /// Its code ([`crate::domain::note::Saying::code`]), of the first note where a comment holds several. `null` where
    /// an earlier version of tandem chose the words.
    #[serde(default)]
    pub code: Option<String>,
    /// The codes of all notes in the comment, each once.
    #[serde(default)]
    pub codes: Vec<String>,
    /// The fields of the first note; a field that its code does not have is `null` or empty.
    #[serde(default)]
    pub fields: Fields,
}

/// See [`Context::campaign`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignPart {
    /// The API identifier; `null` for calls to Zendesk.
    pub id: Option<String>,
}

/// Personal data stays out of logs and panics, so only the event's id is shown.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.event.id)
    }
}

/// A placeholder that no customer would type, and that Zendesk would expand if a mapping let it through.
pub(super) const PLACEHOLDER: &str = "{{dc.tandem_probe}}";

/// The situations in which a mapping is tried before it is used: its sample, and corner cases that samples forget. The
/// bridge can produce each of them.
pub(super) fn probes(sample: &Context) -> Vec<(String, Context)> {
    let mut probes = vec![
        ("its sample".to_owned(), sample.clone()),
        ("a customer of whom nearly nothing is known".to_owned(), bare(sample)),
        ("a text full of quotes and braces".to_owned(), hostile(sample)),
        ("a very long text".to_owned(), long(sample)),
        ("ten links to media".to_owned(), with_media(sample, 10)),
        ("one link to media".to_owned(), with_media(sample, 1)),
    ];
    let mut probe = |situation: &str, change: &dyn Fn(&mut Context)| {
        let mut context = sample.clone();
        change(&mut context);
        probes.push((situation.to_owned(), context));
    };
    if sample.campaign.id.is_none() {
        probe("a subject with braces", &|context| context.ticket.subject = Some(PLACEHOLDER.to_owned()));
    }
    type Change = fn(&mut Context);
    let unknown: [(&str, Change); 10] = [
        ("an unknown channel", |context| context.event.channel = None),
        ("no keyword category", |context| context.event.category = None),
        ("an unknown phone", |context| context.customer.phone = None),
        ("an unknown e-mail address", |context| context.customer.email = None),
        ("an unknown first name", |context| context.customer.first_name = None),
        ("an unknown last name", |context| context.customer.last_name = None),
        ("an unknown name", |context| context.customer.name = None),
        ("an unknown line", |context| context.customer.line = None),
        ("an unknown status", |context| context.ticket.status = None),
        ("an unknown agent", |context| context.message.agent_name = None),
    ];
    for (situation, forget) in unknown {
        probe(situation, &forget);
    }
    if sample.ticket.status.is_some() {
        for status in ["new", "open", "pending", "hold", "solved", "closed"] {
            probe(&format!("the status {status}"), &|context| context.ticket.status = Some(status.to_owned()));
        }
    }
    for time in ["2026-11-22T00:00:00Z", "2026-11-23T07:59:59.999Z", "2027-01-01T12:00:00Z", "2028-02-29T23:59:59Z"] {
        // Each of these parses.
        if let Ok(time) = time.parse() {
            probe(&format!("the time {time}"), &|context| context.event.received_at = time);
        }
    }
    probe("the last part of a text", &|context| (context.message.part, context.message.parts) = (3, 3));
    probe("twenty texts in one", &|context| {
        context.event.ids = (1..=20).map(|sequence| EventId { epoch: 7, sequence, sub: 0 }).collect();
    });
    if sample.note.code.is_some() {
        probe("a note of an earlier version", &|context| {
            (context.note.code, context.note.codes, context.note.fields) = (None, Vec::new(), Fields::default());
        });
    }
    probe("a text of emoji", &|context| set_text(context, "\u{1f44d}\u{1f3fd}\u{2764}\u{fe0f}"));
    probes
}

/// The sample with so many pictures, copied to Zendesk where the call goes there.
fn with_media(sample: &Context, count: usize) -> Context {
    let mut pictured = sample.clone();
    pictured.message.media = (1..=count).map(|n| format!("https://media.example.com/picture-{n}.jpg")).collect();
    if sample.campaign.id.is_none() {
        pictured.message.uploads = (1..=count).map(|n| format!("upload-token-{n}")).collect();
    }
    pictured
}

/// The sample with every optional field blank, so that only the fields are left that the bridge guarantees for the
/// call.
fn bare(sample: &Context) -> Context {
    let mut bare = sample.clone();
    bare.event.channel = None;
    bare.event.category = None;
    let key = "65f1c0ffee00000000000001";
    bare.customer = CustomerPart {
        key: format!("braze:{key}"),
        external_id: None,
        carrier_id: Some(key.to_owned()),
        phone: None,
        email: None,
        first_name: None,
        last_name: None,
        name: None,
        line: None,
    };
    if sample.campaign.id.is_some() {
        bare.recipient = RecipientPart { external_user_id: None, carrier_id: Some(key.to_owned()) };
        bare.campaign.id = Some("99999999-8888-7777-6666-555555555555".to_owned());
    }
    bare.requester.id = sample.requester.id.map(|_| UserId(7));
    bare.ticket.external_id.clone_from(&bare.customer.key);
    bare.ticket.status = None;
    bare.message.agent_name = None;
    bare.message.media.clear();
    bare.message.uploads.clear();
    set_text(&mut bare, "tandem-probe-bare");
    bare
}

/// The sample with every optional field set, and with texts that break naive templates in every field that a customer
/// can fill.
fn hostile(sample: &Context) -> Context {
    let mut hostile = sample.clone();
    let text = format!("\"quoted\" \\ {PLACEHOLDER} {{% if %}} ${{x}} </script>\nsecond 'line'\ttab");
    let is_braze = sample.campaign.id.is_some();
    hostile.event.ids = vec![EventId { epoch: 7, sequence: 8, sub: 9 }, EventId { epoch: 7, sequence: 9, sub: 0 }];
    hostile.customer.first_name = Some(text.clone());
    hostile.customer.last_name = Some(PLACEHOLDER.to_owned());
    hostile.customer.name = Some(format!("{text} {PLACEHOLDER}"));
    hostile.customer.phone = Some(PLACEHOLDER.to_owned());
    hostile.customer.email = Some(PLACEHOLDER.to_owned());
    hostile.ticket.previous_id = (!is_braze).then_some(TicketId(98_765));
    hostile.message.agent_name = Some(text.clone());
    hostile.message.uploads = vec!["token-1".to_owned(), "token-2".to_owned()];
    hostile.message.part = 2;
    hostile.message.parts = 3;
    if is_braze {
        hostile.attributes.insert("zendesk_ticket".to_owned(), Value::from("1234"));
    }
    set_text(&mut hostile, &text);
    hostile
}

/// The sample with a text so long that a template which shortens it is found out.
fn long(sample: &Context) -> Context {
    let mut long = sample.clone();
    long.ticket.subject = sample.campaign.id.is_none().then(|| "Action Needed".to_owned());
    long.ticket.priority = sample.campaign.id.is_none().then(|| "normal".to_owned());
    long.ticket.kind = sample.campaign.id.is_none().then(|| "problem".to_owned());
    let words: Vec<String> = (0..400).map(|n| format!("word{n}")).collect();
    set_text(&mut long, &words.join(" "));
    long
}

/// Replaces every text of the sample by `text`, laid out as the bridge does.
fn set_text(context: &mut Context, text: &str) {
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('{', "&#123;").replace('\n', "<br>");
    for (old, new) in [
        (&mut context.message.text, text),
        (&mut context.message.msg_body, text),
        (&mut context.message.html, html.as_str()),
        (&mut context.note.text, text),
        (&mut context.note.html, html.as_str()),
    ] {
        if !old.is_empty() {
            new.clone_into(old);
        }
    }
}
