//! Creating and updating tickets, through the API and by people.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::server::{Answer, Request};
use super::super::text;
use super::model::{Attachment, Audit, Comment, Made, Placement, Ticket, TicketStatus};
use super::state::{Happening, Remembered, State};
use super::{comments, errors};

/// How long Zendesk remembers an `Idempotency-Key`.
const IDEMPOTENCY_LIFE: SignedDuration = SignedDuration::from_hours(2);
/// The longest key. Reported by others, not in Zendesk's documents.
const IDEMPOTENCY_KEY_CHARACTERS: usize = 255;
/// The most comments that a ticket takes.
pub(super) const MAX_COMMENTS: usize = 5000;

/// The ticket properties that the API takes; others are dropped, and named in `X-Zendesk-API-Warn`.
const WRITABLE: [&str; 33] = [
    "additional_collaborators",
    "assignee_email",
    "assignee_id",
    "attribute_value_ids",
    "brand_id",
    "collaborator_ids",
    "comment",
    "custom_fields",
    "custom_status_id",
    "due_at",
    "email_ccs",
    "external_id",
    "followers",
    "group_id",
    "macro_ids",
    "metadata",
    "organization_id",
    "priority",
    "problem_id",
    "recipient",
    "requester",
    "requester_id",
    "safe_update",
    "sharing_agreement_ids",
    "status",
    "subject",
    "submitter_id",
    "tags",
    "ticket_form_id",
    "type",
    "updated_stamp",
    "via",
    "via_id",
];
/// Taken on creation only.
const WRITABLE_ONCE: [&str; 6] =
    ["collaborators", "description", "email_cc_ids", "follower_ids", "raw_subject", "via_followup_source_id"];

/// A comment to be added.
pub(super) struct NewComment {
    pub(super) author_id: u64,
    pub(super) public: bool,
    pub(super) html_body: String,
    pub(super) attachments: Vec<Attachment>,
    pub(super) made: Made,
}

impl State {
    /// `POST /tickets`, with or without an `Idempotency-Key`.
    pub(super) fn create_ticket(&mut self, request: &Request, now: Timestamp) -> Answer {
        let body = request.json();
        let Some(key) = request.header("idempotency-key").map(str::to_owned) else {
            return self.create(&body, now).unwrap_or_else(|refusal| refusal);
        };
        let refused = |why| errors::error(400, "IdempotentRequestError", why);
        if key.chars().count() > IDEMPOTENCY_KEY_CHARACTERS {
            return refused("The idempotency key is too long");
        }
        let fresh = |remembered: &&Remembered| now.duration_since(remembered.at) < IDEMPOTENCY_LIFE;
        if let Some(remembered) = self.idempotency.get(&key).filter(fresh) {
            return match remembered.body == body {
                true => remembered.answer.clone().with("x-idempotency-lookup", "hit"),
                false => refused("Request parameters do not match those of the first request with this key"),
            };
        }
        match self.create(&body, now) {
            Ok(answer) => {
                self.idempotency.insert(key, Remembered { body, answer: answer.clone(), at: now });
                answer.with("x-idempotency-lookup", "miss")
            }
            Err(refusal) => refusal,
        }
    }

    fn create(&mut self, body: &Value, now: Timestamp) -> Result<Answer, Answer> {
        let given = &body["ticket"];
        if !given.is_object() {
            return Err(errors::invalid_attribute("ticket"));
        }
        let parent = given["via_followup_source_id"].as_u64();
        let parent = parent.filter(|id| {
            self.tickets.get(id).is_some_and(|ticket| !ticket.deleted && ticket.status == TicketStatus::Closed)
        });
        // Everything is checked before anything is made, but for the requester, which Zendesk makes on the way.
        let requester_id = match (given["requester_id"].as_u64(), given.get("requester")) {
            (Some(id), _) => self.known_user(id, "requester")?,
            (None, Some(requester)) => self.requester(requester, now)?,
            (None, None) => self.api_user,
        };
        if self.users.get(&requester_id).is_some_and(|user| user.suspended) {
            return Err(errors::record_invalid("requester", "Requester: is suspended.", None));
        }
        let submitter_id = match given["submitter_id"].as_u64() {
            Some(id) if parent.is_none() => self.known_user(id, "submitter")?,
            Some(_) => self.api_user,
            None if parent.is_some() => self.api_user,
            None => requester_id,
        };
        let id = self.next_ticket_id();
        let mut ticket = Ticket {
            id,
            status: TicketStatus::New,
            subject: None,
            external_id: None,
            requester_id,
            submitter_id,
            tags: parent.and_then(|id| self.tickets.get(&id)).map(|ticket| ticket.tags.clone()).unwrap_or_default(),
            priority: None,
            kind: None,
            placement: Placement::default(),
            custom_fields: Vec::new(),
            followup_source_id: parent,
            followup_ids: Vec::new(),
            comments: Vec::new(),
            audits: Vec::new(),
            deleted: false,
            via_api: true,
            created_at: now,
            updated_at: now,
        };
        drop(apply_fields(&mut ticket, given)?);
        // A description alone stands for the first comment.
        let described = json!({"body": given["description"]});
        let first = if given["comment"].is_null() { &described } else { &given["comment"] };
        let comment = self
            .read_comment(&ticket, first, submitter_id, now)?
            .ok_or_else(|| errors::record_invalid("base", "Description: cannot be blank", Some("BlankValue")))?;
        if let Some(parent) = parent.and_then(|id| self.tickets.get_mut(&id)) {
            parent.followup_ids.push(id);
        }
        self.tickets.insert(id, ticket);
        let created = json!({"type": "Create", "field_name": "status", "value": "new"});
        let audit = self.record(id, Some(comment), vec![created], &given["metadata"], true, now);
        let answer = self.ticket_answer(201, id, audit);
        let answer = answer.with("Location", format!("{}/api/v2/tickets/{id}.json", self.base));
        Ok(warn(answer, given, true))
    }

    /// `PUT /tickets/{id}`.
    pub(super) fn update_ticket(&mut self, id: u64, request: &Request, now: Timestamp) -> Answer {
        self.update(id, &request.json(), now).unwrap_or_else(|refusal| refusal)
    }

    fn update(&mut self, id: u64, body: &Value, now: Timestamp) -> Result<Answer, Answer> {
        let given = &body["ticket"];
        let mut ticket = self.tickets.get(&id).filter(|ticket| !ticket.deleted).ok_or_else(errors::not_found)?.clone();
        if !given.is_object() {
            return Err(errors::invalid_attribute("ticket"));
        }
        if ticket.status == TicketStatus::Closed {
            let why = "Status: closed prevents ticket update";
            return Err(errors::record_invalid("status", why, Some("ClosedTicket")));
        }
        // `safe_update: false` has the same effect as `true`.
        let stale = given["updated_stamp"].as_str() != Some(&super::model::time(ticket.updated_at));
        if given.get("safe_update").is_some() && stale {
            let why = "Safe Update prevented the update due to outdated ticket data.";
            return Err(errors::error(409, "UpdateConflict", why));
        }
        if let Some(requester) = given["requester_id"].as_u64() {
            ticket.requester_id = self.known_user(requester, "requester")?;
        }
        let changes = apply_fields(&mut ticket, given)?;
        // The API's user is the updater, and the author unless one is named; the ticket's customer is neither by
        // default.
        let comment = self.read_comment(&ticket, &given["comment"], self.api_user, now)?;
        ticket.updated_at = now;
        self.tickets.insert(id, ticket);
        let audit = self.record(id, comment, changes, &given["metadata"], true, now);
        Ok(warn(self.ticket_answer(200, id, audit), given, false))
    }

    /// Reads a `comment` object. None when it is missing or empty: Zendesk makes no comment of that.
    fn read_comment(
        &mut self,
        ticket: &Ticket,
        given: &Value,
        default_author: u64,
        now: Timestamp,
    ) -> Result<Option<NewComment>, Answer> {
        if given.is_null() {
            return Ok(None);
        }
        if !given.is_object() {
            return Err(errors::invalid_attribute("comment"));
        }
        if ticket.comments.len() >= MAX_COMMENTS {
            return Err(errors::record_invalid("base", "Ticket: has too many comments", None));
        }
        let author_id = match given["author_id"].as_u64() {
            Some(id) => self.known_user(id, "author")?,
            None => default_author,
        };
        let values = self.placeholder_values(ticket);
        let html_body = match (given["html_body"].as_str(), given["body"].as_str()) {
            (Some(html), _) => comments::from_html(html, &values),
            (None, Some(body)) => comments::from_body(body, &values),
            (None, None) => String::new(),
        };
        let attachments = self.take_uploads(&given["uploads"], now)?;
        if text::plain(&html_body).trim().is_empty() && attachments.is_empty() {
            return Ok(None);
        }
        // The visibility at the ticket's creation stays the default for later comments.
        let public = given["public"].as_bool().unwrap_or(ticket.comments.first().is_none_or(|first| first.public));
        Ok(Some(NewComment { author_id, public, html_body, attachments, made: Made::Written }))
    }

    fn placeholder_values(&self, ticket: &Ticket) -> Vec<(&'static str, String)> {
        let requester = self.users.get(&ticket.requester_id).cloned().unwrap_or_default();
        let updater = self.users.get(&self.api_user).cloned().unwrap_or_default();
        vec![
            ("ticket.id", ticket.id.to_string()),
            ("ticket.title", ticket.subject.clone().unwrap_or_default()),
            ("ticket.status", ticket.status.as_str().to_owned()),
            ("ticket.external_id", ticket.external_id.clone().unwrap_or_default()),
            ("ticket.requester.name", requester.name),
            ("ticket.requester.email", requester.email.unwrap_or_default()),
            ("ticket.requester.phone", requester.phone.unwrap_or_default()),
            ("current_user.name", updater.name),
            ("current_user.email", updater.email.unwrap_or_default()),
        ]
    }

    /// Adds a comment and the audit that brings it; an update that changes nothing leaves no audit.
    pub(super) fn record(
        &mut self,
        ticket: u64,
        comment: Option<NewComment>,
        changes: Vec<Value>,
        custom: &Value,
        via_api: bool,
        now: Timestamp,
    ) -> Value {
        let custom = if custom.is_object() { custom.clone() } else { json!({}) };
        let metadata = json!({"system": {"client": "sandbox"}, "custom": custom});
        let author_id = match (&comment, via_api) {
            (Some(comment), false) => comment.author_id,
            (None, false) => self.agent,
            (_, true) => self.api_user,
        };
        let audit_id = self.next_id();
        let comment = comment.map(|new| Comment {
            id: self.next_id(),
            author_id: new.author_id,
            public: new.public,
            plain_body: text::plain(&new.html_body),
            html_body: new.html_body,
            attachments: new.attachments,
            made: new.made,
            metadata: metadata.clone(),
            via_api,
            created_at: now,
        });
        let mut events: Vec<Value> = comment.iter().map(|comment| comment.json(&self.base, audit_id)).collect();
        for mut change in changes {
            change["id"] = self.next_id().into();
            events.push(change);
        }
        let audit = Audit { id: audit_id, author_id, created_at: now, metadata, events, via_api };
        let shown = audit.json(ticket);
        let Some(stored) = self.tickets.get_mut(&ticket) else { return shown };
        stored.updated_at = now;
        let status = audit.events.iter().find(|event| event["type"] == "Change" && event["field_name"] == "status");
        self.happenings.push(Happening {
            ticket,
            // Conditions are about who updates: a customer's comment made by the API's user counts as staff's.
            updater: author_id,
            comment_is_public: comment.as_ref().map(|comment| comment.public),
            status_before: status.and_then(|event| TicketStatus::parse(event["previous_value"].as_str()?)),
            created: audit.events.iter().any(|event| event["type"] == "Create"),
            via_api,
        });
        stored.comments.extend(comment);
        if !audit.events.is_empty() {
            stored.audits.push(audit);
        }
        shown
    }

    /// Sets a ticket's status as an agent does.
    pub(super) fn set_status(&mut self, id: u64, after: TicketStatus, now: Timestamp) {
        let Some(ticket) = self.tickets.get_mut(&id) else { return };
        let before = std::mem::replace(&mut ticket.status, after);
        if before != after {
            let change = change("status", before.as_str(), after.as_str());
            self.record(id, None, vec![change], &Value::Null, false, now);
        }
    }

    fn known_user(&self, id: u64, role: &str) -> Result<u64, Answer> {
        match self.users.contains_key(&id) {
            true => Ok(id),
            false => Err(errors::record_invalid(role, &format!("{role}: is invalid"), Some("InvalidValue"))),
        }
    }

    fn ticket_answer(&self, status: u16, id: u64, audit: Value) -> Answer {
        let ticket = self.tickets.get(&id).map(|ticket| ticket.json(&self.base));
        Answer::json(status, &json!({"ticket": ticket, "audit": audit}))
    }
}

/// Sets the plain fields, and returns a `Change` event for each that changed.
fn apply_fields(ticket: &mut Ticket, given: &Value) -> Result<Vec<Value>, Answer> {
    let mut changes = Vec::new();
    if let Some(word) = given["status"].as_str() {
        let status = TicketStatus::parse(word).ok_or_else(|| {
            errors::record_invalid("status", &format!("Status: {word} is not valid"), Some("InvalidValue"))
        })?;
        if status != ticket.status {
            changes.push(change("status", ticket.status.as_str(), word));
        }
        ticket.status = status;
    }
    let text = |key: &str| given.get(key).map(|value| value.as_str().map(str::to_owned));
    let Ticket { subject, external_id, priority, kind, .. } = ticket;
    for (name, field) in [("subject", subject), ("external_id", external_id), ("priority", priority), ("type", kind)] {
        if let Some(value) = text(name).filter(|value| value != field) {
            changes.push(json!({"type": "Change", "field_name": name, "previous_value": field, "value": value}));
            *field = value;
        }
    }
    let Placement { brand_id, group_id, ticket_form_id } = &mut ticket.placement;
    for (name, field) in [("brand_id", brand_id), ("group_id", group_id), ("ticket_form_id", ticket_form_id)] {
        if let Some(value) = given.get(name) {
            *field = value.as_u64();
        }
    }
    if let Some(tags) = given["tags"].as_array() {
        let tags = normalise_tags(tags.iter().filter_map(Value::as_str));
        if tags != ticket.tags {
            changes.push(json!({"type": "Change", "field_name": "tags", "previous_value": ticket.tags, "value": tags}));
        }
        ticket.tags = tags;
    }
    for field in given["custom_fields"].as_array().into_iter().flatten() {
        if let Some(id) = field["id"].as_u64() {
            ticket.custom_fields.retain(|(known, _)| *known != id);
            ticket.custom_fields.push((id, field["value"].clone()));
        }
    }
    Ok(changes)
}

pub(super) fn change(field: &str, before: &str, after: &str) -> Value {
    json!({"type": "Change", "field_name": field, "previous_value": before, "value": after})
}

/// Tags are lower-case, without spaces, each once, sorted.
pub(super) fn normalise_tags<'a>(tags: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut tags: Vec<String> = tags.map(|tag| tag.trim().to_lowercase().replace(' ', "_")).collect();
    tags.retain(|tag| !tag.is_empty());
    tags.sort();
    tags.dedup();
    tags
}

/// Names the dropped fields, as Zendesk does: in a header only.
fn warn(answer: Answer, given: &Value, creating: bool) -> Answer {
    let keys = given.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    let known = |key: &&str| WRITABLE.contains(key) || (creating && WRITABLE_ONCE.contains(key));
    let dropped: Vec<&str> = keys.filter(|key| !known(key)).collect();
    match dropped.is_empty() {
        true => answer,
        false => answer.with("X-Zendesk-API-Warn", format!("Removed restricted keys {dropped:?} from parameters")),
    }
}
