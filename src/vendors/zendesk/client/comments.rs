//! A ticket's comments and audits, page by page. Never writes, and never decides which comment goes to the phone: the
//! worker does.
//!
//! A page that is longer than [`crate::vendors::http::ANSWER_BYTES_MAX`] is asked for again with fewer records. Source of the
//! paging: <https://developer.zendesk.com/api-reference/introduction/pagination/>.

use async_trait::async_trait;
use serde_json::Value;

use super::{PAGE, Zendesk};
use crate::domain::comment::CommentView;
use crate::domain::event::{CommentId, EventId, TicketId};
use crate::domain::refusals::Object;
use crate::ports::Failure;
use crate::ports::desk::{Comments, CommentsRead, Tickets, Written};
use crate::vendors::http::exchange::{Answer, Request};
use crate::vendors::zendesk::limits;
use crate::vendors::zendesk::views::{self, CommentJson};

/// The page sizes after an answer was too long. A comment is 64 kB at most and comes in three forms, so a single one
/// always fits.
const SMALLER_PAGES: [usize; 3] = [25, 5, 1];

/// Comments or audits of one ticket that are read. A ticket takes 5,000 comments at most.
const RECORDS_MAX: usize = 5000;

/// The newest comments that are read without a comment to start after. A shorter result holds all comments.
const COMMENTS_AT_ONCE: usize = PAGE;

/// The newest audits in which the bridge's own write is searched. It is minutes old, and agents and triggers do not
/// make 200 changes in that time.
const AUDITS_SEARCHED: usize = 2 * PAGE;

/// A list that is read page by page, newest first.
struct Pages {
    request: Request,
    size: usize,
    cursor: Option<String>,
    records: usize,
}

impl Pages {
    fn of(request: Request) -> Self {
        Self { request, size: PAGE, cursor: None, records: 0 }
    }

    fn next_request(&self) -> Request {
        let request = self.request.clone().query("sort", "-created_at").query("page[size]", self.size.to_string());
        match &self.cursor {
            Some(cursor) => request.query("page[after]", cursor.as_str()),
            None => request,
        }
    }
}

#[async_trait]
impl Comments for Zendesk {
    async fn comments_after(&self, id: TicketId, after: Option<CommentId>) -> Result<CommentsRead, Failure> {
        let mut comments: Vec<CommentView> = Vec::new();
        // Inline images are listed as attachments too, because a phone shows no HTML.
        let mut pages = Pages::of(
            Request::get(limits::READ, format!("/api/v2/tickets/{id}/comments"))
                .about(Object::Ticket(id))
                .query("include", "users")
                .query("include_inline_images", "true"),
        );
        while pages.records < RECORDS_MAX {
            let (answer, page) = self.page::<CommentJson>(&mut pages, "comments").await?;
            let users = self.users(&answer);
            let is_last = match after {
                Some(after) => page.iter().any(|comment| comment.id <= after.0),
                None => pages.records >= COMMENTS_AT_ONCE,
            };
            comments.extend(page.into_iter().map(|comment| comment.view(&users)));
            if is_last || pages.cursor.is_none() {
                break;
            }
        }
        comments.retain(|comment| after.is_none_or(|after| comment.id > after));
        // Pages may overlap when a comment arrives between them.
        comments.sort_by_key(|comment| comment.id);
        comments.dedup_by_key(|comment| comment.id);
        let from_the_first = after.is_none() && comments.len() < COMMENTS_AT_ONCE;
        Ok(CommentsRead { comments, from_the_first })
    }

    /// Searches the newest changes of a ticket for the one that carries this event's id in its
    /// `metadata.custom.tandem`, a text or a list of texts.
    async fn find_own_write(&self, id: TicketId, event: EventId) -> Result<Option<Written>, Failure> {
        let event = event.to_string();
        let mut pages = Pages::of(audits(id));
        while pages.records < RECORDS_MAX {
            let (_, audits) = self.page::<Value>(&mut pages, "audits").await?;
            if let Some(audit) = audits.iter().find(|audit| views::is_marked(audit, &event)) {
                let ticket = self.ticket(id).await?;
                return Ok(Some(views::written(ticket, audit)));
            }
            // Zendesk does not document the order of audits. Where it is not newest first, all of them are read.
            let is_newest_first = audits.first().map(|a| a["id"].as_u64()) >= audits.last().map(|a| a["id"].as_u64());
            if pages.cursor.is_none() || (is_newest_first && pages.records >= AUDITS_SEARCHED) {
                return Ok(None);
            }
        }
        Err(Failure::Retry { cause: "the ticket has more changes than can be looked through".into(), after: None })
    }

    /// A comment that the audits do not show counts among them.
    async fn before_hand_over(&self, id: TicketId, comments: &[CommentId]) -> Result<Vec<CommentId>, Failure> {
        let brings = |audit: &Value| -> Vec<CommentId> {
            let events = audit["events"].as_array().into_iter().flatten();
            let ids = events.filter_map(|event| event["id"].as_u64()).map(CommentId);
            ids.filter(|id| comments.contains(id)).collect()
        };
        let (mut handed_over, mut brought) = (None, Vec::new());
        self.each_audit(id, |number, audit| {
            if views::hands_over(audit) {
                handed_over = handed_over.max(Some(number));
            }
            brought.extend(brings(audit).into_iter().map(|comment| (comment, number)));
            brought.len() >= comments.len()
        })
        .await?;
        // A comment in the very update that hands the ticket over goes to the new requester.
        let is_before = |comment: &&CommentId| {
            let by = brought.iter().find(|(known, _)| known == *comment).map(|(_, number)| *number);
            by.is_none() || by < handed_over
        };
        Ok(comments.iter().filter(is_before).copied().collect())
    }

    async fn comment_that_solved(&self, id: TicketId) -> Result<Option<CommentId>, Failure> {
        let mut solved: Option<(u64, Option<CommentId>)> = None;
        self.each_audit(id, |number, audit| {
            if views::solves(audit) && solved.is_none_or(|(last, _)| number > last) {
                solved = Some((number, views::public_comment(audit)));
            }
            solved.is_some()
        })
        .await?;
        Ok(solved.and_then(|(_, comment)| comment))
    }
}

impl Zendesk {
    /// Passes the audits of a ticket to `look` with their numbers, page by page, until `look` has returned true.
    /// Numbers grow with time. Zendesk does not document the order of audits, so where it is not newest first, all are
    /// passed.
    async fn each_audit(&self, id: TicketId, mut look: impl FnMut(u64, &Value) -> bool + Send) -> Result<(), Failure> {
        let mut pages = Pages::of(audits(id));
        let mut is_enough = false;
        while pages.records < RECORDS_MAX {
            let (_, audits) = self.page::<Value>(&mut pages, "audits").await?;
            let numbers: Vec<u64> = audits.iter().filter_map(|audit| audit["id"].as_u64()).collect();
            for (number, audit) in numbers.iter().zip(&audits) {
                is_enough |= look(*number, audit);
            }
            if pages.cursor.is_none() || (is_enough && numbers.first() >= numbers.last()) {
                break;
            }
        }
        Ok(())
    }

    /// The next page, with as many records as can be read.
    async fn page<T: serde::de::DeserializeOwned + Send>(
        &self,
        pages: &mut Pages,
        name: &str,
    ) -> Result<(Answer, Vec<T>), Failure> {
        loop {
            let request = pages.next_request();
            let answer = match self.call(&request).await {
                Err(failure @ Failure::TooLong { .. }) => {
                    let smaller = SMALLER_PAGES.into_iter().find(|size| *size < pages.size);
                    pages.size = smaller.ok_or(failure)?;
                    continue;
                }
                answer => answer?,
            };
            let records: Vec<T> = self.part(&request, &answer, name)?;
            pages.records += records.len();
            pages.cursor = self.next_page(&request, &answer)?;
            return Ok((answer, records));
        }
    }

    /// The cursor of the next page, if there is one. Links are never followed, because they may lead to another host.
    pub(super) fn next_page(&self, request: &Request, answer: &Answer) -> Result<Option<String>, Failure> {
        let meta = answer.json.as_ref().map(|json| &json["meta"]);
        if meta.is_none_or(|meta| meta["has_more"] != true) {
            return Ok(None);
        }
        let cursor = meta.and_then(|meta| meta["after_cursor"].as_str()).map(str::to_owned);
        let missing = || self.exchange.unreadable(request, answer, "more pages but no cursor");
        cursor.map(Some).ok_or_else(missing)
    }
}

/// The list of a ticket's audits.
fn audits(id: TicketId) -> Request {
    Request::get(limits::SEARCH, format!("/api/v2/tickets/{id}/audits")).about(Object::Ticket(id))
}
