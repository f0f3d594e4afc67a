//! Zendesk's tickets. Never chooses one: the worker does.

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{PAGE, Zendesk};
use crate::domain::event::{EventId, TicketId};
use crate::domain::line::TicketSettings;
use crate::domain::refusals::Object;
use crate::domain::ticket::Tagging;
use crate::ports::Failure;
use crate::ports::desk::{
    Addition, CONVERSATION_TAG, File, NewTicket, TICKETS_AT_ONCE, TicketView, Tickets, TicketsRead, TicketsUpdated,
    Urgency, Written,
};
use crate::vendors::http::exchange::{Effect, Request};
use crate::vendors::http::headers;
use crate::vendors::zendesk::limits;
use crate::vendors::zendesk::views::{self, TicketJson};

/// Pages of a list of tickets that are read. A conversation gets a new ticket every few days at most, each page of that
/// list counts against 100 a minute, and Zendesk's search gives no more than 1000 results.
const TICKET_PAGES_MAX: usize = 10;

#[async_trait]
impl Tickets for Zendesk {
    /// How soon a new ticket appears here is not documented.
    async fn find_tickets(&self, key: &str) -> Result<Vec<TicketView>, Failure> {
        let mut found = Vec::new();
        for page in 1..=TICKET_PAGES_MAX {
            let request = Request::get(limits::LIST_TICKETS, "/api/v2/tickets")
                .about(Object::Other("the list of tickets"))
                .query("external_id", key)
                .query("per_page", PAGE.to_string())
                .query("page", page.to_string());
            let answer = self.call(&request).await?;
            let tickets: Vec<TicketJson> = self.part(&request, &answer, "tickets")?;
            found.extend(tickets.into_iter().filter_map(TicketJson::view));
            if answer.json.as_ref().is_none_or(|json| json["next_page"].is_null()) {
                break;
            }
        }
        found.retain(|ticket| ticket.external_id.as_deref() == Some(key));
        Ok(found)
    }

    /// Zendesk gives 1000 at most. The search index lags by minutes.
    async fn tickets_updated(&self, since: Timestamp) -> Result<TicketsUpdated, Failure> {
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ");
        let (mut found, mut listed, mut newest, mut answered_at) = (Vec::new(), 0_usize, None, None);
        for page in 1..=TICKET_PAGES_MAX {
            let request = Request::get(limits::SEARCH, "/api/v2/search")
                .about(Object::Other("the search"))
                .query("query", format!("type:ticket tags:{CONVERSATION_TAG} updated>{since}"))
                .query("sort_by", "updated_at")
                .query("sort_order", "asc")
                .query("per_page", PAGE.to_string())
                .query("page", page.to_string());
            let answer = self.call(&request).await?;
            answered_at = answered_at.or_else(|| headers::date(&answer.headers));
            let tickets: Vec<TicketJson> = self.part(&request, &answer, "results")?;
            listed += tickets.len();
            newest = newest.max(tickets.iter().map(TicketJson::updated_at).max());
            found.extend(tickets.into_iter().filter_map(TicketJson::view));
            if answer.json.as_ref().is_none_or(|json| json["next_page"].is_null()) {
                break;
            }
        }
        // A tag may have been removed since the index was written.
        found.retain(TicketView::is_conversation);
        let cut_off_at = newest.filter(|_| listed >= TICKET_PAGES_MAX * PAGE);
        Ok(TicketsUpdated { tickets: found, cut_off_at, answered_at })
    }

    async fn tickets(&self, ids: &[TicketId]) -> Result<TicketsRead, Failure> {
        let ids: Vec<String> = ids.iter().take(TICKETS_AT_ONCE).map(ToString::to_string).collect();
        let request = Request::get(limits::READ, "/api/v2/tickets/show_many")
            .query("ids", ids.join(","))
            .query("include", "comment_count");
        let answer = self.call(&request).await?;
        let tickets: Vec<TicketJson> = self.part(&request, &answer, "tickets")?;
        let tickets = tickets.into_iter().filter_map(TicketJson::view).collect();
        Ok(TicketsRead { tickets, answered_at: headers::date(&answer.headers) })
    }

    async fn ticket(&self, id: TicketId) -> Result<TicketView, Failure> {
        let request = Request::get(limits::READ, format!("/api/v2/tickets/{id}"))
            .about(Object::Ticket(id))
            .query("include", "users,comment_count");
        let answer = self.call(&request).await?;
        let ticket: TicketJson = self.part(&request, &answer, "ticket")?;
        let gone = || Failure::NotFound { cause: "the ticket is deleted".into() };
        let mut ticket = ticket.view().ok_or_else(gone)?;
        ticket.requester = self.users(&answer).remove(&ticket.requester_id);
        Ok(ticket)
    }

    /// For two hours the same key and body make no second ticket. Source: Zendesk's API reference, Tickets,
    /// "Idempotency".
    async fn open(&self, ticket: &NewTicket<'_>) -> Result<Written, Failure> {
        let mut body = ticket.body.clone();
        ticket.settings.into_iter().for_each(|settings| write_settings(&mut body, settings));
        let request = Request::post(limits::CREATE_TICKET, Effect::Lasting, "/api/v2/tickets", &body)
            .about(Object::Other("a new ticket"))
            .header(HeaderName::from_static("idempotency-key"), idempotency_key(ticket.event)?);
        let answer = self.call(&request).await?;
        self.written(&request, &answer)
    }

    /// Zendesk has no idempotency here.
    async fn add(&self, ticket: TicketId, addition: &Addition<'_>) -> Result<Written, Failure> {
        let mut body = addition.body.clone();
        addition.tagging.into_iter().for_each(|tagging| write_tags(&mut body, tagging));
        addition.unchanged_since.into_iter().for_each(|stamp| write_condition(&mut body, stamp));
        let limits = match addition.urgency {
            Urgency::Text => limits::update_ticket(ticket),
            Urgency::Note => limits::note(ticket),
        };
        let path = format!("/api/v2/tickets/{ticket}");
        let request = Request::put(limits, Effect::Lasting, path, &body).about(Object::Ticket(ticket));
        let answer = self.call(&request).await?;
        self.written(&request, &answer)
    }

    async fn tag(&self, ticket: TicketId, tagging: &Tagging) -> Result<(), Failure> {
        let body = json!({ "ticket": {} });
        let unchanged_since = Some(tagging.updated_at);
        let addition = Addition { tagging: Some(tagging), unchanged_since, ..Addition::text(&body) };
        self.add(ticket, &addition).await.map(drop)
    }

    /// Zendesk's tokens hold for 60 minutes. Source:
    /// <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket-attachments/#upload-files>.
    async fn upload(&self, file: File) -> Result<String, Failure> {
        let content_type = HeaderValue::from_str(&file.content_type)
            .map_err(|_| Failure::GiveUp { cause: "the content type of the file cannot be sent".into() })?;
        let request = Request::post_bytes(limits::READ, "/api/v2/uploads", content_type, file.bytes)
            .about(Object::Other("an upload"))
            .query("filename", file.name);
        let answer = self.call(&request).await?;
        let upload: Value = self.part(&request, &answer, "upload")?;
        let token = upload["token"].as_str().filter(|token| !token.is_empty());
        token.map(str::to_owned).ok_or_else(|| self.exchange.unreadable(&request, &answer, "no upload token"))
    }
}

impl Zendesk {
    /// The ticket of a successful write, and the comment that it made.
    fn written(&self, request: &Request, answer: &super::Answer) -> Result<Written, Failure> {
        let ticket: TicketJson = self.part(request, answer, "ticket")?;
        let unreadable = || self.exchange.unreadable(request, answer, "a ticket of unknown status");
        let ticket = ticket.view().ok_or_else(unreadable)?;
        Ok(views::written(ticket, answer.json.as_ref().map_or(&Value::Null, |json| &json["audit"])))
    }
}

fn idempotency_key(event: EventId) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&event.to_string())
        .map_err(|_| Failure::GiveUp { cause: "the idempotency key cannot be sent".into() })
}

/// Has Zendesk refuse the update when the ticket has changed since this time. Zendesk compares whole seconds:
/// <https://developer.zendesk.com/documentation/ticketing/managing-tickets/creating-and-updating-tickets/#protecting-against-ticket-update-collisions>.
fn write_condition(body: &mut Value, unchanged_since: Timestamp) {
    let Some(ticket) = body["ticket"].as_object_mut() else { return };
    ticket.insert("safe_update".into(), Value::Bool(true));
    let stamp = unchanged_since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    ticket.insert("updated_stamp".into(), Value::String(stamp));
}

/// Adds the missing tag to the body of an update, which Zendesk must refuse when the ticket has changed since its
/// tags were read. A mapping that sends tags of its own replaces them anyway.
fn write_tags(body: &mut Value, tagging: &Tagging) {
    let Some(ticket) = body["ticket"].as_object_mut() else { return };
    if let Some(tags) = ticket.get_mut("tags").and_then(Value::as_array_mut) {
        if tags.iter().all(|tag| tag != CONVERSATION_TAG) {
            tags.push(CONVERSATION_TAG.into());
        }
        return;
    }
    ticket.insert("tags".to_owned(), tagging.tags.clone().into());
}

/// Adds the settings of a line to the body that opens a ticket on it. A value that the mapping has set stays, and the
/// line's tags stand behind the mapping's own.
fn write_settings(body: &mut Value, settings: &TicketSettings) {
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

#[cfg(test)]
mod tests {
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
