//! The bridge's promises about every request, checked on the request itself.
//!
//! Operators may change mappings, but some fields carry the promises. Without the event ids the bridge cannot tell
//! whether a lost call arrived; without `public` a customer's text would be an internal note. The promises are checked
//! when a mapping is loaded, on its probes, and again on every request before it leaves.

use serde_json::{Map, Value};

use super::{Context, Name};
use crate::domain::text;

/// Zendesk silently cuts a comment at 64 kB (Zendesk, "Ticket comments"); this is the smaller reading of "kB".
const MAX_COMMENT_BYTES: usize = 64_000;

/// Braze takes at most 50 KB of trigger properties (Braze, "Trigger properties object"); this is the smaller reading of
/// "KB".
const MAX_TRIGGER_BYTES: usize = 50_000;

/// The fields of a ticket that may be written, from Zendesk's OpenAPI file of June 2025. Zendesk silently drops an
/// unknown field, so a misspelt one must be found here. `via` is left out, because it can defeat triggers.
const TICKET_FIELDS: [&str; 32] = [
    "additional_collaborators",
    "assignee_email",
    "assignee_id",
    "attribute_value_ids",
    "brand_id",
    "collaborator_ids",
    "collaborators",
    "comment",
    "custom_fields",
    "custom_status_id",
    "due_at",
    "email_cc_ids",
    "email_ccs",
    "external_id",
    "follower_ids",
    "followers",
    "group_id",
    "macro_ids",
    "metadata",
    "organization_id",
    "priority",
    "problem_id",
    "recipient",
    "requester_id",
    "sharing_agreement_ids",
    "status",
    "subject",
    "submitter_id",
    "tags",
    "ticket_form_id",
    "type",
    "via_followup_source_id",
];

/// The fields of a comment that may be written. `body` is left out, because Zendesk collapses its lines and expands
/// placeholders.
const COMMENT_FIELDS: [&str; 4] = ["author_id", "html_body", "public", "uploads"];

/// The fields of a call to Braze, which has exactly one recipient.
const BRAZE_FIELDS: [&str; 4] = ["campaign_id", "recipients", "send_id", "trigger_properties"];
const RECIPIENT_FIELDS: [&str; 4] = ["attributes", "braze_id", "external_user_id", "trigger_properties"];

/// Every promise that `body` would break, in words that name the remedy.
pub(super) fn broken(name: Name, context: &Context, body: &Value) -> Vec<String> {
    let mut check = Check { body, broken: Vec::new() };
    match name {
        Name::OpenTicket => {
            check.customer_comment(context);
            check.new_ticket(context);
        }
        Name::FollowUp => {
            check.customer_comment(context);
            check.new_ticket(context);
            check.equal(
                "/ticket/via_followup_source_id",
                context.ticket.previous_id,
                "{{ ticket.previous_id }}",
                "Zendesk would not link the follow-up to the closed ticket",
            );
        }
        Name::AppendComment => {
            check.customer_comment(context);
            check.update();
            check.equal("/ticket/status", "open", "open", "a solved ticket would stay solved and the text unseen");
        }
        Name::FailureNote | Name::KeywordNote => {
            check.comment(&context.note.html, "{{ note.html }}", "the agent would not be told");
            check.equal("/ticket/comment/public", false, "false", "the customer would be shown an internal note");
            check.ids(context);
            check.update();
        }
        Name::AgentReply => {
            check.one_recipient(context);
            check.texts(Some(&context.message.text));
        }
        Name::TicketSolved => {
            check.one_recipient(context);
            check.texts(None);
        }
        Name::Template => check.one_recipient(context),
    }
    check.broken
}

struct Check<'a> {
    body: &'a Value,
    broken: Vec<String>,
}

impl<'a> Check<'a> {
    fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.body.pointer(pointer)
    }

    fn equal(&mut self, pointer: &str, wanted: impl serde::Serialize, write: &str, otherwise: &str) {
        let wanted = serde_json::to_value(wanted).unwrap_or_default();
        if wanted.is_null() || self.at(pointer) != Some(&wanted) {
            self.broken.push(format!("{} must be `{write}`: otherwise {otherwise}", dotted(pointer)));
        }
    }

    /// Refuses fields that the vendor does not know or the bridge does not send.
    fn only(&mut self, pointer: &str, known: &[&str]) {
        let Some(Value::Object(table)) = self.at(pointer) else { return };
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            self.broken.push(format!(
                "{}.{key} is not sent by this bridge; remove it (there are: {})",
                dotted(pointer),
                known.join(", ")
            ));
        }
    }

    fn comment(&mut self, html: &str, write: &str, otherwise: &str) {
        self.only("", &["ticket"]);
        self.only("/ticket", &TICKET_FIELDS);
        self.only("/ticket/comment", &COMMENT_FIELDS);
        let shown = self.at("/ticket/comment/html_body").and_then(Value::as_str).unwrap_or_default();
        if !shown.contains(html) {
            self.broken.push(format!(
                "body.ticket.comment.html_body must contain `{write}`, unchanged: otherwise {otherwise}"
            ));
        }
        if shown.len() > MAX_COMMENT_BYTES {
            self.broken.push(format!(
                "body.ticket.comment.html_body has {} bytes: Zendesk would cut it after {MAX_COMMENT_BYTES} and not say so",
                shown.len()
            ));
        }
    }

    fn customer_comment(&mut self, context: &Context) {
        self.comment(&context.message.html, "{{ message.html }}", "the agent would not see what the customer wrote");
        self.equal("/ticket/comment/public", true, "true", "the text would be an internal note");
        self.equal(
            "/ticket/comment/author_id",
            context.requester.id,
            "{{ requester.id }}",
            "the text would seem to be written by the bridge",
        );
        self.ids(context);
        if !context.message.uploads.is_empty() {
            self.equal(
                "/ticket/comment/uploads",
                &context.message.uploads,
                "{{ message.uploads }}",
                "the customer's pictures would be lost",
            );
        }
    }

    fn ids(&mut self, context: &Context) {
        self.equal(
            "/ticket/metadata/tandem",
            &context.event.ids,
            "{{ event.ids }}",
            "nobody could tell whether a call whose answer was lost has arrived, and texts would be shown twice",
        );
    }

    fn new_ticket(&mut self, context: &Context) {
        self.equal(
            "/ticket/requester_id",
            context.requester.id,
            "{{ requester.id }}",
            "the ticket would not be the customer's",
        );
        self.equal(
            "/ticket/external_id",
            &context.ticket.external_id,
            "{{ ticket.external_id }}",
            "a lost store could not find the ticket again",
        );
        let tags = self.at("/ticket/tags").and_then(Value::as_array);
        if !tags.is_some_and(|tags| tags.iter().any(|tag| tag == "sms")) {
            self.broken.push(
                "body.ticket.tags must hold \"sms\": otherwise the installed triggers would not call the bridge"
                    .to_owned(),
            );
        }
    }

    fn update(&mut self) {
        if self.at("/ticket/tags").is_some() {
            self.broken.push(
                "body.ticket.tags must not be set by an update: it would replace the tags that are there".to_owned(),
            );
        }
    }

    fn one_recipient(&mut self, context: &Context) {
        self.only("", &BRAZE_FIELDS);
        self.only("/recipients/0", &RECIPIENT_FIELDS);
        self.equal(
            "/campaign_id",
            &context.campaign.id,
            "{{ campaign.id }}",
            "another campaign would be triggered than the one that is configured",
        );
        if self.at("/recipients").and_then(Value::as_array).map(Vec::len) != Some(1) {
            self.broken.push("body.recipients must hold exactly one recipient: the customer".to_owned());
        }
        let wanted = [
            ("external_user_id", context.recipient.external_user_id.as_deref()),
            ("braze_id", context.recipient.carrier_id.as_deref()),
        ];
        let is_as_wanted = |(key, wanted): &(&str, Option<&str>)| {
            self.at(&format!("/recipients/0/{key}")).and_then(Value::as_str) == *wanted
        };
        let known = wanted.iter().filter(|(_, id)| id.is_some()).count();
        if known != 1 || !wanted.iter().all(is_as_wanted) {
            self.broken.push(
                "body.recipients[0] must have external_user_id = `{{ recipient.external_user_id }}` and \
                 braze_id = `{{ recipient.braze_id }}` (of which one is always left out): otherwise the text would reach \
                 nobody, or somebody else"
                    .to_owned(),
            );
        }
        let attributes = self.at("/recipients/0/attributes").and_then(Value::as_object);
        let receipt = Value::from(context.receipt.as_str());
        let holds = |key: &str, value: &Value| attributes.and_then(|attributes| attributes.get(key)) == Some(value);
        let is_receipt = |key: &str| key.starts_with("tandem_receipt");
        let held = attributes.into_iter().flatten().any(|(key, value)| is_receipt(key) && *value == receipt);
        let others = || context.attributes.iter().filter(|(key, _)| !is_receipt(key));
        if !held || !others().all(|(key, value)| holds(key, value)) {
            self.broken.push(
                "body.recipients[0].attributes must be `{{ attributes }}`, or hold all of them, tandem_receipt included: \
                 otherwise nobody could tell whether a call whose answer was lost has arrived, and the text would go out \
                 twice"
                    .to_owned(),
            );
        }
        for pointer in ["/trigger_properties", "/recipients/0/trigger_properties"] {
            let size = self.at(pointer).map_or(0, size);
            if size > MAX_TRIGGER_BYTES {
                self.broken.push(format!("{} has {size} bytes; Braze takes {MAX_TRIGGER_BYTES}", dotted(pointer)));
            }
        }
    }

    /// Checks that both names under which campaigns print the text hold all of it.
    fn texts(&mut self, whole: Option<&str>) {
        let empty = Map::new();
        let properties = self.at("/recipients/0/trigger_properties").and_then(Value::as_object).unwrap_or(&empty);
        for (key, write) in [("msg_body", "{{ message.msg_body }}"), ("text", "{{ message.text }}")] {
            let shown = properties.get(key).and_then(Value::as_str).unwrap_or_default();
            let place = format!("body.recipients[0].trigger_properties.{key}");
            match whole {
                _ if shown.trim().is_empty() => self.broken.push(format!(
                    "{place} must be a text that is not blank: otherwise the customer would get nothing"
                )),
                Some(whole) if !says(shown, whole) => self.broken.push(format!(
                    "{place} must contain `{write}`, all of it: otherwise the customer would not get the agent's whole \
                     answer"
                )),
                Some(_) | None => {}
            }
        }
    }
}

/// Whether `shown` contains all of `whole`, with any white space, and also in its GSM-7 spelling.
fn says(shown: &str, whole: &str) -> bool {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    squeeze(shown).contains(&squeeze(whole)) || squeeze(shown).contains(&squeeze(&text::to_gsm7(whole)))
}

/// The length of a value as JSON.
pub(super) fn size(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        // A value that cannot be written counts as too large for every limit.
        Err(_) => usize::MAX,
    }
}

/// Whether any text in `value` holds `needle`.
pub(super) fn contains(value: &Value, needle: &str) -> bool {
    match value {
        Value::String(text) => text.contains(needle),
        Value::Array(members) => members.iter().any(|member| contains(member, needle)),
        Value::Object(members) => members.values().any(|member| contains(member, needle)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `/ticket/comment` as an operator writes it: `body.ticket.comment`.
fn dotted(pointer: &str) -> String {
    format!("body{}", pointer.replace("/0", "[0]").replace('/', "."))
}
