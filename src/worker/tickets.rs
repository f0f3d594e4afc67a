//! Tickets as Zendesk shows them: their tags, their order, and the changes that they teach a conversation. Pure.

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::conversation::{Change, TakenUp, TicketStatus};
use crate::domain::event::UserId;
use crate::domain::line::TicketSettings;
use crate::domain::reading::Counted;
use crate::policy::inbound::{MERGED_TAG, Tagging};
use crate::vendors::zendesk::{TicketView, Written};

/// The tag by which an agent (or the bridge) says that a ticket is a text conversation.
pub(super) const SMS_TAG: &str = "sms";

pub(super) fn is_tagged(ticket: &TicketView) -> bool {
    ticket.tags.iter().any(|tag| tag == SMS_TAG)
}

pub(super) fn is_merged(ticket: &TicketView) -> bool {
    ticket.status == TicketStatus::Closed && ticket.tags.iter().any(|tag| tag == MERGED_TAG)
}

/// The tags to write with the next comment; `None` where the ticket has the tag.
pub(super) fn tagging_of(ticket: &TicketView) -> Option<Tagging> {
    (!is_tagged(ticket)).then(|| Tagging {
        tags: ticket.tags.iter().cloned().chain([SMS_TAG.to_owned()]).collect(),
        updated_at: ticket.updated_at,
    })
}

/// Adds the missing tag to the body of an update, which Zendesk must refuse when the ticket has changed since its
/// tags were read. A mapping that sends tags of its own replaces them anyway.
pub(super) fn write_tags(body: &mut Value, tagging: &Tagging) {
    let Some(ticket) = body["ticket"].as_object_mut() else { return };
    if let Some(tags) = ticket.get_mut("tags").and_then(Value::as_array_mut) {
        if tags.iter().all(|tag| tag != SMS_TAG) {
            tags.push(SMS_TAG.into());
        }
        return;
    }
    ticket.insert("tags".to_owned(), tagging.tags.clone().into());
}

/// Adds the settings of a line to the body that opens a ticket on it. A value that the mapping has set stays, and the
/// line's tags stand behind the mapping's own.
pub(super) fn write_settings(body: &mut Value, settings: &TicketSettings) {
    let Some(ticket) = body["ticket"].as_object_mut() else { return };
    let numbers =
        [("brand_id", settings.brand_id), ("group_id", settings.group_id), ("ticket_form_id", settings.ticket_form_id)];
    for (field, number) in numbers {
        let Some(number) = number else { continue };
        let value = ticket.entry(field).or_insert(Value::Null);
        if value.is_null() {
            *value = number.into();
        }
    }
    if let Some(tags) = ticket.get_mut("tags").and_then(Value::as_array_mut) {
        let missing: Vec<Value> = settings.tags.iter().map(|tag| tag.as_str().into()).collect();
        let missing: Vec<Value> = missing.into_iter().filter(|tag| !tags.contains(tag)).collect();
        tags.extend(missing);
    }
}

/// The tickets by number, which grows; Zendesk's own order in a list is not documented.
pub(super) fn newest_first(mut tickets: Vec<TicketView>) -> Vec<TicketView> {
    tickets.sort_by_key(|ticket| std::cmp::Reverse(ticket.id));
    tickets
}

/// A ticket that was read at `asked_at`, for its conversation to take up.
pub(super) fn taken(ticket: &TicketView, requester: Option<UserId>, asked_at: Timestamp) -> TakenUp {
    TakenUp { ticket: ticket.id, status: ticket.status, since: ticket.updated_at, requester, asked_at }
}

/// The changes that a comment of the bridge's own teaches about the known part of its ticket.
pub(super) fn own_comment(written: &Written) -> Vec<Change> {
    let ticket = written.ticket.id;
    let comment = written.comment_id.map(|id| Counted { id, public: written.is_public });
    let stamp = Change::Stamp(ticket, written.ticket.updated_at);
    comment.map(|comment| Change::Commented(ticket, comment)).into_iter().chain([stamp]).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_sets_what_the_mapping_leaves_open_and_nothing_where_it_has_no_settings() {
        let rendered = || json!({ "ticket": { "tags": ["sms", "uk"], "group_id": 9, "brand_id": null } });
        let mut body = rendered();
        write_settings(&mut body, &TicketSettings::default());
        assert_eq!(body, rendered());
        let settings = TicketSettings {
            brand_id: Some(1),
            group_id: Some(2),
            ticket_form_id: Some(3),
            tags: vec!["uk".into(), "whatsapp".into()],
        };
        write_settings(&mut body, &settings);
        let tags = json!(["sms", "uk", "whatsapp"]);
        assert_eq!(body, json!({ "ticket": { "tags": tags, "group_id": 9, "brand_id": 1, "ticket_form_id": 3 } }));
    }
}
