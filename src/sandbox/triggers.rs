//! What Zendesk's triggers post: the bodies that the bridge installs, or those of the published recipe. Pure.

use http::Method;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize as _;
use serde_json::{Value, json};

use super::SandboxOptions;
use super::sender::{Seal, Webhook};
use super::zendesk::{Comment, Ticket, User};

/// Which triggers are installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TriggerBodies {
    /// What `tandem setup zendesk` installs: ids only, on tickets with the tag `sms`, to `/webhooks/zendesk`.
    #[default]
    Ids,
    /// The recipe's, on all tickets, to `/campaigns/trigger/send`. Whether Zendesk escapes what it fills into JSON is
    /// unconfirmed, so both ways can be had.
    Recipe {
        /// Whether quotation marks and line breaks are escaped.
        escaped: bool,
    },
}

/// Something that a trigger fires on.
pub(super) struct Occasion<'a> {
    pub(super) ticket: &'a Ticket,
    pub(super) requester: &'a User,
    pub(super) what: What<'a>,
}

/// What happened to the ticket.
pub(super) enum What<'a> {
    /// A public comment by staff.
    Reply { comment: &'a Comment, author: &'a User },
    /// The status changed to solved.
    Solved,
    /// The status changed from solved to an open one.
    Reopened,
}

/// The webhook that the installed trigger sends, if there is a trigger for that.
pub(super) fn webhook(
    bodies: TriggerBodies,
    occasion: &Occasion<'_>,
    options: &SandboxOptions,
    invocation: String,
    now: Timestamp,
) -> Option<Webhook> {
    let (path, body) = match bodies {
        TriggerBodies::Ids => {
            let is_ours = occasion.ticket.tags.iter().any(|tag| tag == "sms");
            ("/webhooks/zendesk", is_ours.then(|| pretty(&ids_body(occasion)))?)
        }
        TriggerBodies::Recipe { escaped } => ("/campaigns/trigger/send", recipe_body(occasion, options, escaped, now)?),
    };
    Some(Webhook {
        id: invocation.clone(),
        method: Method::POST,
        path: path.to_owned(),
        content_type: "application/json; charset=utf-8".to_owned(),
        body,
        lane: occasion.ticket.id.to_string(),
        seal: Seal::Zendesk { secret: options.zendesk_webhook_secret.clone(), invocation },
    })
}

/// Placeholders come as text, so numbers are strings.
fn ids_body(occasion: &Occasion<'_>) -> Value {
    let ticket_id = occasion.ticket.id.to_string();
    match &occasion.what {
        What::Reply { comment, .. } => {
            json!({"event": "agent_reply", "ticket_id": ticket_id, "comment_id": comment.id.to_string()})
        }
        What::Solved => json!({"event": "ticket_solved", "ticket_id": ticket_id}),
        What::Reopened => json!({"event": "ticket_reopened", "ticket_id": ticket_id}),
    }
}

/// As recorded: indented by three spaces, keys sorted, a line break at the end. To serialise it again breaks the
/// signature.
fn pretty(body: &Value) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"   ");
    let written = body.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter));
    let text = written.ok().and_then(|()| String::from_utf8(out).ok()).unwrap_or_else(|| body.to_string());
    text + "\n"
}

/// The recipe's two bodies, the second with its published stray comma.
fn recipe_body(occasion: &Occasion<'_>, options: &SandboxOptions, escaped: bool, now: Timestamp) -> Option<String> {
    let fill = |value: &str| if escaped { escape(value) } else { value.to_owned() };
    let external_id = occasion.requester.user_fields.get("braze_external_id").and_then(Value::as_str).unwrap_or("");
    let external_id = fill(external_id);
    match &occasion.what {
        What::Reply { comment, author } => {
            let text = fill(&dashed(&author.name, &comment.plain_body, comment.created_at, now));
            let campaign = &options.campaign_agent_reply;
            let ticket_id = occasion.ticket.id;
            Some(format!(
                "{{\n    \"campaign_id\": \"{campaign}\",\n    \"recipients\": [\n        {{\n            \
                 \"external_user_id\": \"{external_id}\",\n\t\t\t\"trigger_properties\": {{\n    \"msg_body\": \"{text}\"\n\t\t}},\n\t\t\
                 \"attributes\": {{\n        \"zendesk_ticket\" : \"{ticket_id}\",\n\t\"zendesk_ticket_open\" : \"true\"\n    }}\n        }}\n    ]\n}}\n"
            ))
        }
        What::Solved => {
            let campaign = &options.campaign_ticket_solved;
            Some(format!(
                "{{\n    \"campaign_id\": \"{campaign}\",\n    \"recipients\": [\n        {{\n            \
                 \"external_user_id\": \"{external_id}\",\n\"trigger_properties\": {{\n    \"msg_body\": \"Your ticket has been closed\"\n\t\t}},\n,\n\t\t\t\
                 \"attributes\": {{\n\t\"zendesk_ticket_open\" : \"false\"\n    }}\n        }}\n    ]\n}}\n"
            ))
        }
        What::Reopened => None,
    }
}

/// How a comment placeholder reads in a webhook: dashes, the author and the date (no year in the current one), the text.
fn dashed(author: &str, text: &str, at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (at.to_zoned(TimeZone::UTC), now.to_zoned(TimeZone::UTC));
    let format = if at.year() == now.year() { "%b %-d, %H:%M" } else { "%b %-d, %Y, %H:%M" };
    format!("{}\n\n{author}, {}\n\n{text}", "-".repeat(46), at.strftime(format))
}

fn escape(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_indented_sorted_and_ends_with_a_line_break() {
        let body = pretty(&json!({"ticket_id": "1", "event": "ticket_solved"}));
        assert_eq!(body, "{\n   \"event\": \"ticket_solved\",\n   \"ticket_id\": \"1\"\n}\n");
    }

    #[test]
    fn the_date_has_a_year_only_in_another_year() {
        let at = "2026-03-04T05:06:07Z".parse().unwrap();
        let dashes = "-".repeat(46);
        assert_eq!(dashed("Ann", "a\nb", at, at), format!("{dashes}\n\nAnn, Mar 4, 05:06\n\na\nb"));
        let later = "2027-03-04T05:06:07Z".parse().unwrap();
        assert_eq!(dashed("Ann", "a", at, later), format!("{dashes}\n\nAnn, Mar 4, 2026, 05:06\n\na"));
    }
}
