//! Zendesk's triggers as data: the wired ones, the updates on which any trigger fires, and its webhook's body. Pure.
//!
//! Conditions are those that the API takes, as JSON. Only the ones that the bridge and the recipe use are known here;
//! another never holds.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::options::SandboxOptions;
use super::text::expand;
use super::zendesk::{Role, Ticket, TicketStatus, User};

/// Via type "Web service (API)".
const VIA_API: &str = "5";

/// The installed triggers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TriggerBodies {
    /// Wired: the triggers of `tandem setup zendesk`, to `/webhooks/zendesk`, but not on updates through the API.
    #[default]
    Ids,
    /// Wired: the recipe's, on all tickets, to `/campaigns/trigger/send`. It is unconfirmed whether Zendesk escapes
    /// the values that it fills into JSON, so both ways exist.
    Recipe {
        /// Whether quotation marks and line breaks are escaped.
        escaped: bool,
    },
    /// The triggers that were created through the API, and no others.
    Installed,
}

/// An active trigger with its webhook.
pub(super) struct Trigger {
    /// `{"all": [{"field", "operator", "value"}, …], "any": […]}`.
    pub(super) conditions: Value,
    /// The path at the bridge, or a whole address.
    pub(super) endpoint: String,
    /// The webhook's signing secret.
    pub(super) secret: String,
    /// The body with its placeholders.
    pub(super) body: String,
    /// Whether values are escaped for JSON. That Zendesk does so is likely but unconfirmed.
    pub(super) escaped: bool,
}

/// One update of a ticket, with everything that conditions and placeholders ask for.
pub(super) struct Update<'a> {
    pub(super) ticket: &'a Ticket,
    pub(super) requester: &'a User,
    /// The user who made the update; the comment may show another author.
    pub(super) updater: &'a User,
    /// Whether the update brought a comment, and whether a public one.
    pub(super) comment_is_public: Option<bool>,
    /// The status before, where it changed.
    pub(super) status_before: Option<TicketStatus>,
    pub(super) created: bool,
    pub(super) via_api: bool,
    /// The author's name on the latest public comment.
    pub(super) public_author: &'a str,
}

/// The wired triggers of this kind. With `on_api_writes` they also fire on updates through the API.
pub(super) fn wired(bodies: TriggerBodies, options: &SandboxOptions, on_api_writes: bool) -> Vec<Trigger> {
    let trigger = |endpoint: &str, escaped, mut all: Vec<Value>, body: String| {
        if !on_api_writes {
            all.push(condition("current_via_id", "is_not", VIA_API));
        }
        let (endpoint, secret) = (endpoint.to_owned(), options.zendesk_webhook_secret.clone());
        Trigger { conditions: json!({"all": all, "any": []}), endpoint, secret, body, escaped }
    };
    let reply = || {
        vec![condition("comment_is_public", "is", "requester_can_see_comment"), condition("role", "is_not", "end_user")]
    };
    let solved = || vec![condition("status", "value", "solved")];
    match bodies {
        TriggerBodies::Ids => {
            let reopened =
                vec![condition("status", "value_previous", "solved"), condition("status", "not_value", "closed")];
            let ours = |mut all: Vec<Value>, body: &str| {
                all.push(condition("current_tags", "includes", "sms"));
                trigger(&format!("/webhooks/{}", options.zendesk_account), true, all, body.to_owned())
            };
            vec![ours(reply(), REPLY_BODY), ours(solved(), SOLVED_BODY), ours(reopened, REOPENED_BODY)]
        }
        TriggerBodies::Recipe { escaped } => {
            let (reply_body, solved_body) = recipe_bodies(options);
            let recipe = |all, body| trigger("/campaigns/trigger/send", escaped, all, body);
            vec![recipe(reply(), reply_body), recipe(solved(), solved_body)]
        }
        TriggerBodies::Installed => Vec::new(),
    }
}

/// Indented by three spaces and with a line break at the end, as in recorded traffic: a parser that serialises it
/// again breaks the signature.
const REPLY_BODY: &str = "{\n   \"comment_id\": \"{{ticket.latest_public_comment.id}}\",\n   \"event\": \"agent_reply\",\n   \
                          \"requester_id\": \"{{ticket.requester.id}}\",\n   \"ticket_id\": \"{{ticket.id}}\"\n}\n";

/// The other two bodies, on one line.
const SOLVED_BODY: &str =
    "{\"event\": \"ticket_solved\", \"requester_id\": \"{{ticket.requester.id}}\", \"ticket_id\": \"{{ticket.id}}\"}\n";
const REOPENED_BODY: &str = "{\"event\": \"ticket_reopened\", \"requester_id\": \"{{ticket.requester.id}}\", \"ticket_id\": \"{{ticket.id}}\"}\n";

fn condition(field: &str, operator: &str, value: &str) -> Value {
    json!({"field": field, "operator": operator, "value": value})
}

/// The recipe's two bodies, the second with its published stray comma.
fn recipe_bodies(options: &SandboxOptions) -> (String, String) {
    let (reply, solved) = (&options.campaign_agent_reply, &options.campaign_ticket_solved);
    let user = "{{ticket.requester.custom_fields.braze_external_id}}";
    (
        format!(
            "{{\n    \"campaign_id\": \"{reply}\",\n    \"recipients\": [\n        {{\n            \
             \"external_user_id\": \"{user}\",\n\t\t\t\"trigger_properties\": {{\n    \"msg_body\": \
             \"{{{{ticket.latest_public_comment_html}}}}\"\n\t\t}},\n\t\t\"attributes\": {{\n        \
             \"zendesk_ticket\" : \"{{{{ticket.id}}}}\",\n\t\"zendesk_ticket_open\" : \"true\"\n    }}\n        }}\n    ]\n}}\n"
        ),
        format!(
            "{{\n    \"campaign_id\": \"{solved}\",\n    \"recipients\": [\n        {{\n            \
             \"external_user_id\": \"{user}\",\n\"trigger_properties\": {{\n    \"msg_body\": \"Your ticket has been \
             closed\"\n\t\t}},\n,\n\t\t\t\"attributes\": {{\n\t\"zendesk_ticket_open\" : \"false\"\n    }}\n        }}\n    ]\n}}\n"
        ),
    )
}

/// Whether the conditions hold for this update: every one in `all`, and one in `any` where there are some.
pub(super) fn fires(conditions: &Value, update: &Update<'_>) -> bool {
    let list = |name: &str| conditions[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let any = list("any");
    list("all").iter().all(|condition| holds(condition, update))
        && (any.is_empty() || any.iter().any(|condition| holds(condition, update)))
}

fn holds(condition: &Value, update: &Update<'_>) -> bool {
    let text = |name: &str| condition[name].as_str().unwrap_or_default();
    let (operator, value) = (text("operator"), text("value"));
    // Fields that take no operator are also written with `is`.
    let is = |holds: bool| match operator {
        "is" | "" => holds,
        "is_not" => !holds,
        _ => false,
    };
    match text("field") {
        "comment_is_public" => is(match value {
            "true" | "requester_can_see_comment" => update.comment_is_public == Some(true),
            "false" => update.comment_is_public == Some(false),
            _ => value == "not_relevant" && update.comment_is_public.is_some(),
        }),
        "role" => is((value == "end_user") == (update.updater.role == Role::EndUser)),
        "current_tags" => {
            let has = value.split(' ').any(|wanted| update.ticket.tags.iter().any(|tag| tag == wanted));
            (operator == "includes" && has) || (operator == "not_includes" && !has)
        }
        "current_via_id" => is((value == VIA_API) == update.via_api),
        "update_type" => is((value == "Create") == update.created),
        "status" => status_holds(operator, value, update),
        _ => false,
    }
}

/// "Changed" includes a value that was not there before, as on a ticket that is just being made.
fn status_holds(operator: &str, value: &str, update: &Update<'_>) -> bool {
    let is_now = update.ticket.status.as_str() == value;
    let changed = update.created || update.status_before.is_some();
    match operator {
        "is" => is_now,
        "is_not" => !is_now,
        "changed" => changed,
        "not_changed" => !changed,
        "value" => changed && is_now,
        "not_value" => !(changed && is_now),
        "value_previous" => update.status_before.is_some_and(|before| before.as_str() == value),
        _ => false,
    }
}

/// The body that is posted.
pub(super) fn body(trigger: &Trigger, update: &Update<'_>, now: Timestamp) -> String {
    expand(&trigger.body, &placeholders(update, now), if trigger.escaped { escape } else { str::to_owned })
}

/// The values of placeholders; each is text, numbers too. An unknown one becomes nothing.
fn placeholders(update: &Update<'_>, now: Timestamp) -> Vec<(&'static str, String)> {
    let Update { ticket, requester, updater, .. } = update;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let field = requester.user_fields.get("braze_external_id").and_then(Value::as_str).unwrap_or_default();
    let mut values = vec![
        ("ticket.id", ticket.id.to_string()),
        ("ticket.external_id", text(&ticket.external_id)),
        ("ticket.title", text(&ticket.subject)),
        ("ticket.status", ticket.status.as_str().to_owned()),
        ("ticket.requester.id", requester.id.to_string()),
        ("ticket.requester.name", requester.name.clone()),
        ("ticket.requester.external_id", text(&requester.external_id)),
        ("ticket.requester.custom_fields.braze_external_id", field.to_owned()),
        ("current_user.name", updater.name.clone()),
    ];
    if let Some(comment) = ticket.comments.iter().rev().find(|comment| comment.public) {
        values.push(("ticket.latest_public_comment.id", comment.id.to_string()));
        let dashed = dashed(update.public_author, &comment.plain_body, comment.created_at, now);
        // Even the placeholder that is named for HTML comes as text, under a heading of its own.
        values.push(("ticket.latest_public_comment_html", dashed));
    }
    values
}

/// A comment placeholder's text in a webhook: dashes, the author and the date (without the present year), the text.
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

    fn ticket(status: TicketStatus) -> Ticket {
        Ticket { id: 7, status, tags: vec!["sms".into(), "vip".into()], ..Ticket::default() }
    }

    #[test]
    fn conditions_hold_as_the_reference_says_and_unknown_ones_never() {
        use TicketStatus::{Open, Solved};
        let (agent, customer) = (User { role: Role::Agent, ..User::default() }, User::default());
        // Field, operator, value; the status before, the status, whether the comment is public, the updater; the
        // expectation.
        for ((field, operator, value), (before, now, public, updater), holds_then) in [
            (("comment_is_public", "is", "requester_can_see_comment"), (None, Open, Some(true), &agent), true),
            (("comment_is_public", "is", "requester_can_see_comment"), (None, Open, Some(false), &agent), false),
            (("comment_is_public", "is", "true"), (None, Open, None, &agent), false),
            (("comment_is_public", "", "not_relevant"), (None, Open, Some(false), &agent), true),
            (("role", "is_not", "end_user"), (None, Open, None, &agent), true),
            (("role", "is_not", "end_user"), (None, Open, None, &customer), false),
            (("role", "is", "end_user"), (None, Open, None, &customer), true),
            (("current_tags", "includes", "other vip"), (None, Open, None, &agent), true),
            (("current_tags", "includes", "s"), (None, Open, None, &agent), false),
            (("current_tags", "not_includes", "sms"), (None, Open, None, &agent), false),
            (("status", "value", "solved"), (Some(Open), Solved, None, &agent), true),
            (("status", "value", "solved"), (None, Solved, None, &agent), false),
            (("status", "value_previous", "solved"), (Some(Solved), Open, None, &agent), true),
            (("status", "value_previous", "solved"), (None, Open, None, &agent), false),
            (("status", "not_value", "solved"), (Some(Open), Solved, None, &agent), false),
            (("status", "not_value", "solved"), (None, Solved, None, &agent), true),
            (("status", "is", "open"), (None, Open, None, &agent), true),
            (("status", "odd", "open"), (None, Open, None, &agent), false),
            (("current_via_id", "is_not", "5"), (None, Open, None, &agent), true),
            (("update_type", "is", "Create"), (None, Open, None, &agent), false),
            (("odd", "is", "open"), (None, Open, None, &agent), false),
        ] {
            let update = Update {
                ticket: &ticket(now),
                requester: &customer,
                updater,
                comment_is_public: public,
                status_before: before,
                created: false,
                via_api: false,
                public_author: "",
            };
            let one = condition(field, operator, value);
            assert_eq!(fires(&json!({"all": [one], "any": []}), &update), holds_then, "{field} {operator} {value}");
            let (never, known) = (condition("odd", "is", "x"), condition("role", "is", "agent"));
            assert!(!fires(&json!({"all": [never], "any": [known]}), &update));
            assert_eq!(fires(&json!({"all": [], "any": [never, one]}), &update), holds_then);
        }
    }

    #[test]
    fn an_unknown_placeholder_becomes_nothing() {
        let nobody = User::default();
        let update = Update {
            ticket: &ticket(TicketStatus::Open),
            requester: &nobody,
            updater: &nobody,
            comment_is_public: None,
            status_before: None,
            created: false,
            via_api: false,
            public_author: "",
        };
        let template = r#"{"a":"{{ticket.id}}","b":"{{ticket.odd}}","c":"{{ ticket.latest_public_comment.id }}"}"#;
        let (conditions, endpoint, secret) = (Value::Null, String::new(), String::new());
        let trigger = Trigger { conditions, endpoint, secret, body: template.to_owned(), escaped: true };
        assert_eq!(body(&trigger, &update, Timestamp::UNIX_EPOCH), r#"{"a":"7","b":"","c":""}"#);
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
