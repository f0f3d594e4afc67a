//! Reading tickets, their comments and audits, and uploading files.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::server::{Answer, Request};
use super::super::text;
use super::errors;
use super::model::{Attachment, Ticket, time};
use super::state::{State, Upload};
use crate::clock::Clock;

/// How long an upload token can be used: the documented life, though a longer one has been recorded.
const UPLOAD_LIFE: SignedDuration = SignedDuration::from_mins(60);
/// The most records on a page.
const MAX_PAGE: usize = 100;

impl State {
    /// `GET /tickets/{id}`, with `include=users`, `comment_count` or both.
    pub(super) fn show_ticket(&self, id: u64, request: &Request) -> Answer {
        let Some(ticket) = self.tickets.get(&id).filter(|ticket| !ticket.deleted) else {
            return errors::not_found();
        };
        let mut body = json!({"ticket": ticket.json(&self.base)});
        if includes(request, "users") {
            body["users"] = self.users_json([ticket.requester_id, ticket.submitter_id]);
        }
        if includes(request, "comment_count") {
            body["ticket"]["comment_count"] = ticket.comments.len().into();
        }
        Answer::json(200, &body)
    }

    /// `GET /tickets/show_many?ids=`: at most 100, those that exist, with `include=comment_count`.
    pub(super) fn show_tickets(&self, request: &Request) -> Answer {
        let ids: Vec<&str> = request.param("ids").unwrap_or_default().split(',').collect();
        if ids.len() > MAX_PAGE {
            return errors::error(400, "TooManyValues", "Too many ids");
        }
        let ids = ids.into_iter().filter_map(|id| id.trim().parse::<u64>().ok());
        let tickets = ids.filter_map(|id| self.tickets.get(&id)).filter(|ticket| !ticket.deleted);
        let counted = includes(request, "comment_count");
        let shown = |ticket: &Ticket| {
            let mut json = ticket.json(&self.base);
            if counted {
                json["comment_count"] = ticket.comments.len().into();
            }
            json
        };
        let tickets: Vec<Value> = tickets.map(shown).collect();
        Answer::json(
            200,
            &json!({"count": tickets.len(), "tickets": tickets, "next_page": null, "previous_page": null}),
        )
    }

    /// `GET /tickets`, all or those with `external_id`; new ones may be missing for a while.
    pub(super) fn list_tickets(&self, request: &Request, now: Timestamp) -> Answer {
        let wanted = request.param("external_id");
        let tickets: Vec<Value> = self
            .tickets
            .values()
            .filter(|ticket| !ticket.deleted && now.duration_since(ticket.created_at) >= self.switches.list_lag)
            .filter(|ticket| wanted.is_none_or(|wanted| ticket.external_id.as_deref() == Some(wanted)))
            .map(|ticket| ticket.json(&self.base))
            .collect();
        self.page("tickets", tickets, request).map_or_else(|refusal| refusal, |body| Answer::json(200, &body))
    }

    /// `GET /search` for tickets by tag and time of update, or with `type:user` for users; a recent change may be
    /// missing for a while. Each result names its type.
    pub(super) fn search(&self, request: &Request, now: Timestamp) -> Answer {
        let query = request.param("query").unwrap_or_default();
        let (kind, mut results) = match query.split(' ').any(|word| word == "type:user") {
            true => ("user", self.indexed_users(query, now)),
            false => ("ticket", self.indexed_tickets(query, now)),
        };
        for result in &mut results {
            result["result_type"] = Value::from(kind);
        }
        self.page("results", results, request).map_or_else(|refusal| refusal, |body| Answer::json(200, &body))
    }

    fn indexed_tickets(&self, query: &str, now: Timestamp) -> Vec<Value> {
        let term = |name: &str| query.split(' ').find_map(|word| word.strip_prefix(name));
        let since = term("updated>").and_then(|since| since.parse::<Timestamp>().ok());
        let mut found: Vec<_> = self
            .tickets
            .values()
            .filter(|ticket| !ticket.deleted && now.duration_since(ticket.updated_at) >= self.switches.search_lag)
            .filter(|ticket| term("tags:").is_none_or(|tag| ticket.tags.iter().any(|found| found == tag)))
            .filter(|ticket| since.is_none_or(|since| ticket.updated_at > since))
            .collect();
        found.sort_by_key(|ticket| ticket.updated_at);
        found.into_iter().map(|ticket| ticket.json(&self.base)).collect()
    }

    /// `GET /users/{id}/tickets/requested`.
    pub(super) fn requested_tickets(&self, user: u64, request: &Request) -> Answer {
        let requested = self.tickets.values().filter(|ticket| !ticket.deleted && ticket.requester_id == user);
        let tickets = requested.map(|ticket| ticket.json(&self.base)).collect();
        self.page("tickets", tickets, request).map_or_else(|refusal| refusal, |body| Answer::json(200, &body))
    }

    /// `GET /tickets/{id}/comments`: oldest first, unless asked otherwise. Pictures within the text are among the
    /// files only with `include_inline_images=true`.
    pub(super) fn list_comments(&self, id: u64, request: &Request) -> Answer {
        let Some(ticket) = self.tickets.get(&id).filter(|ticket| !ticket.deleted) else {
            return errors::not_found();
        };
        let mut comments: Vec<Value> =
            ticket.comments.iter().map(|c| c.json(&self.base, ticket.audit_of(c.id))).collect();
        if request.param("include_inline_images") != Some("true") {
            let files = comments.iter_mut().filter_map(|comment| comment["attachments"].as_array_mut());
            files.for_each(|files| files.retain(|file| file["inline"] != true));
        }
        let mut body = match self.page("comments", comments, request) {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        if includes(request, "users") {
            body["users"] = self.users_json(ticket.comments.iter().map(|comment| comment.author_id));
        }
        Answer::json(200, &body)
    }

    /// `GET /tickets/{id}/audits`: oldest first, unless asked otherwise.
    pub(super) fn list_audits(&self, id: u64, request: &Request) -> Answer {
        let Some(ticket) = self.tickets.get(&id).filter(|ticket| !ticket.deleted) else {
            return errors::not_found();
        };
        let audits = ticket.audits.iter().map(|audit| audit.json(id)).collect();
        self.page("audits", audits, request).map_or_else(|refusal| refusal, |body| Answer::json(200, &body))
    }

    /// `POST /uploads?filename=`, with `token` to add to an earlier one.
    pub(super) fn upload(&mut self, request: &Request, clock: &Clock) -> Answer {
        let Some(file_name) = request.param("filename").filter(|name| !name.is_empty()) else {
            return errors::error(422, "AttachmentUnprocessable", "The attachment could not be processed");
        };
        let content_type = request.header("content-type").unwrap_or("application/octet-stream");
        let attachment = self.store_file(file_name, content_type, request.body.clone(), clock);
        let shown = attachment.json(&self.base);
        let token = request.param("token").filter(|token| self.uploads.contains_key(*token));
        let token = token.map_or_else(|| text::random_hex(clock, 32), str::to_owned);
        let expires_at = clock.now().saturating_add(UPLOAD_LIFE).unwrap_or(Timestamp::MAX);
        let upload = self.uploads.entry(token.clone()).or_insert(Upload { attachments: Vec::new(), expires_at });
        upload.attachments.push(attachment);
        let all: Vec<Value> = upload.attachments.iter().map(|attachment| attachment.json(&self.base)).collect();
        Answer::json(
            201,
            &json!({"upload": {"token": token, "expires_at": time(expires_at), "attachment": shown, "attachments": all}}),
        )
    }

    /// Keeps a file and gives it a link that needs no authentication.
    pub(super) fn store_file(
        &mut self,
        name: &str,
        content_type: &str,
        bytes: bytes::Bytes,
        clock: &Clock,
    ) -> Attachment {
        let (id, token, size) = (self.next_id(), text::random_hex(clock, 24), bytes.len());
        self.files.insert(token.clone(), (content_type.to_owned(), bytes));
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("name", name).finish();
        let content_url = format!("{}/attachments/token/{token}/?{query}", self.base);
        Attachment {
            id,
            file_name: name.to_owned(),
            content_type: content_type.to_owned(),
            content_url,
            size,
            scan: "malware_not_found",
            released: false,
            deleted: false,
            inline: false,
        }
    }

    /// `GET /attachments/token/{token}`.
    pub(super) fn file(&self, token: &str) -> Answer {
        match self.files.get(token) {
            Some((content_type, bytes)) => Answer {
                status: 200,
                headers: vec![("content-type".into(), content_type.clone())],
                body: bytes.clone(),
            },
            None => errors::not_found(),
        }
    }

    /// The page at the agents' address of a ticket. It shows that the ticket exists, and no text.
    pub(super) fn ticket_page(&self, id: u64) -> Answer {
        let Some(ticket) = self.tickets.get(&id) else { return errors::not_found() };
        let (status, many) = (ticket.status.as_str(), ticket.comments.len());
        let comments = if many == 1 { "comment" } else { "comments" };
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Ticket #{id}</title>\
             <h1>Ticket #{id}</h1><p>It is {status} and has {many} {comments}. Zendesk is a sandbox here, without pages of its \
             own: the page of <code>tandem demo</code> shows what stands on the ticket. With an account of yours, the link \
             leads to the ticket in Zendesk.</p></html>"
        );
        Answer {
            status: 200,
            headers: vec![
                ("content-type".into(), "text/html; charset=utf-8".into()),
                ("content-security-policy".into(), "default-src 'none'".into()),
            ],
            body: body.into(),
        }
    }

    /// Takes the files of upload tokens: one token or a list. A token is good for one comment.
    pub(super) fn take_uploads(&mut self, given: &Value, now: Timestamp) -> Result<Vec<Attachment>, Answer> {
        let list = given.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(given));
        let mut attachments = Vec::new();
        for token in list.iter().filter_map(Value::as_str) {
            // That an unusable token is refused is unconfirmed; the other reading would lose a file in silence.
            match self.uploads.remove(token).filter(|upload| now < upload.expires_at) {
                Some(upload) => attachments.extend(upload.attachments),
                None => {
                    return Err(errors::record_invalid("uploads", "Uploads: token is invalid", Some("InvalidValue")));
                }
            }
        }
        Ok(attachments)
    }

    fn users_json(&self, ids: impl IntoIterator<Item = u64>) -> Value {
        let mut ids: Vec<u64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.iter().filter_map(|id| self.users.get(id)).map(|user| self.user_json(user)).collect()
    }

    /// One page of records that are given oldest first.
    ///
    /// Cursor paging (`page[size]`, `page[after]`) takes `sort`; offset paging (`page`, `per_page`) takes `sort_order`.
    /// Each ignores the other's parameter.
    pub(super) fn page(&self, name: &str, mut all: Vec<Value>, request: &Request) -> Result<Value, Answer> {
        let number = |key: &str| request.param(key).and_then(|value| value.parse::<usize>().ok());
        let with_cursor = request.query.iter().any(|(key, _)| key.starts_with("page["));
        let newest_first = match with_cursor {
            true => request.param("sort") == Some("-created_at"),
            false => request.param("sort_order") == Some("desc"),
        };
        if newest_first {
            all.reverse();
        }
        let total = all.len();
        let here = format!("{}{}", self.base, request.path);
        if !with_cursor {
            let size = number("per_page").unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
            let page = number("page").unwrap_or(1).max(1);
            let start = size.saturating_mul(page.saturating_sub(1));
            let next = (start.saturating_add(size) < total)
                .then(|| format!("{here}?page={}&per_page={size}", page.saturating_add(1)));
            let records: Vec<Value> = all.into_iter().skip(start).take(size).collect();
            return Ok(json!({name: records, "count": total, "next_page": next, "previous_page": null}));
        }
        self.cursor_page(name, all, request)
    }

    /// One page by cursor of records in the order in which they are given.
    pub(super) fn cursor_page(&self, name: &str, all: Vec<Value>, request: &Request) -> Result<Value, Answer> {
        let (total, here) = (all.len(), format!("{}{}", self.base, request.path));
        let number = |key: &str| request.param(key).and_then(|value| value.parse::<usize>().ok());
        let size = number("page[size]").unwrap_or(MAX_PAGE);
        if size == 0 || size > MAX_PAGE {
            let error = json!({"errors": [{"code": "InvalidPaginationParameter", "title": "page[size] is invalid"}]});
            return Err(Answer::json(400, &error));
        }
        let start = match request.param("page[after]") {
            None => 0,
            Some(cursor) => cursor.strip_prefix("after-").and_then(|n| n.parse().ok()).ok_or_else(|| {
                let error =
                    json!({"errors": [{"code": "InvalidPaginationParameter", "title": "page[after] is invalid"}]});
                Answer::json(400, &error)
            })?,
        };
        let end: usize = size.saturating_add(start);
        let has_more = end < total;
        let cursor = (start < total).then(|| format!("after-{}", end.min(total)));
        let sort = request.param("sort").map(|sort| format!("&sort={sort}")).unwrap_or_default();
        let next = has_more.then(|| format!("{here}?page%5Bafter%5D=after-{end}&page%5Bsize%5D={size}{sort}"));
        let records: Vec<Value> = all.into_iter().skip(start).take(size).collect();
        Ok(json!({
            name: records, "links": {"next": next, "prev": null},
            "meta": {"has_more": has_more, "after_cursor": cursor, "before_cursor": null},
        }))
    }
}

fn includes(request: &Request, what: &str) -> bool {
    request.param("include").is_some_and(|list| list.split(',').any(|word| word == what))
}
