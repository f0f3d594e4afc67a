//! Copies a customer's pictures to Zendesk, each once: copies for a postponed text are used when its turn comes. In
//! memory only, and bounded: without it, the pictures are copied again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::event::EventId;

use super::Worker;

/// How long fetching a message's pictures may take in all; a late picture stays a link. The text must not wait for
/// long.
const UPLOADS_DEADLINE: Duration = Duration::from_secs(30);

/// How many of a message's pictures are copied to the ticket; the rest are links. One at a time is held in memory.
const UPLOADS_MAX: usize = 5;

/// How long a copy is used: Zendesk's tokens hold for 60 minutes, and the attempt that uses one may take five.
/// Source: <https://developer.zendesk.com/api-reference/ticketing/tickets/ticket-attachments/#upload-files>.
const LIFE: SignedDuration = SignedDuration::from_mins(50);

/// The most texts with remembered copies: far more than wait with pictures at a time.
const TEXTS_MAX: usize = 4096;

/// The copies that no comment has used yet, by the delivery that they were made for.
#[derive(Debug, Default)]
pub struct KeptUploads(Mutex<HashMap<EventId, Vec<Copied>>>);

/// A picture that Zendesk has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Copied {
    link: String,
    token: String,
    at: Timestamp,
}

impl Copied {
    fn holds(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        !age.is_negative() && age <= LIFE
    }
}

impl KeptUploads {
    fn of(&self, id: EventId, now: Timestamp) -> Vec<Copied> {
        let mut copied = self.lock().get(&id).cloned().unwrap_or_default();
        copied.retain(|copied| copied.holds(now));
        copied
    }

    fn keep(&self, id: EventId, copied: Vec<Copied>, now: Timestamp) {
        let mut kept = self.lock();
        if kept.len() >= TEXTS_MAX {
            kept.retain(|_, copied| copied.iter().any(|copied| copied.holds(now)));
        }
        if kept.len() < TEXTS_MAX && !copied.is_empty() {
            kept.insert(id, copied);
        }
    }

    /// Forgets a delivery's copies, because a comment has used them or Zendesk refuses them.
    pub(super) fn forget(&self, id: EventId) {
        self.lock().remove(&id);
    }

    /// Every change is one insertion or removal, so a poisoned lock still holds a whole map.
    fn lock(&self) -> MutexGuard<'_, HashMap<EventId, Vec<Copied>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Copies pictures to Zendesk where they can be fetched safely, and returns their tokens; other pictures stay
    /// links. The flag tells whether an earlier attempt of this delivery copied one of them.
    pub(super) async fn copy_media(&self, id: EventId, links: &[String]) -> (Vec<String>, bool) {
        let deadline = tokio::time::Instant::now() + UPLOADS_DEADLINE;
        let now = self.clock.now();
        let before = self.uploads.of(id, now);
        let mut copied: Vec<Copied> = Vec::new();
        for link in links.iter().take(UPLOADS_MAX) {
            // A token is good for one comment, in which a picture stands once.
            if copied.iter().any(|copied| copied.link == *link) {
                continue;
            }
            if let Some(before) = before.iter().find(|before| before.link == *link) {
                copied.push(before.clone());
                continue;
            }
            let Ok(fetched) = tokio::time::timeout_at(deadline, self.media.fetch(link)).await else { break };
            let Ok(media) = fetched else { continue };
            if let Ok(token) = self.zendesk.upload(&media.file_name, &media.content_type, media.bytes).await {
                copied.push(Copied { link: link.clone(), token, at: now });
            }
        }
        let tokens = copied.iter().map(|copied| copied.token.clone()).collect();
        let is_reused = copied.iter().any(|copied| before.contains(copied));
        self.uploads.keep(id, copied, now);
        (tokens, is_reused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn id(sequence: u64) -> EventId {
        EventId { epoch: 1, sequence, sub: 0 }
    }

    fn copied(link: &str, at: Timestamp) -> Copied {
        Copied { link: link.to_owned(), token: format!("token of {link}"), at }
    }

    #[test]
    fn a_copy_holds_for_its_delivery_until_zendesk_may_have_dropped_it() {
        let kept = KeptUploads::default();
        let (one, two) = (copied("one", at(0)), copied("two", at(600)));
        kept.keep(id(1), vec![one.clone(), two.clone()], at(600));
        assert_eq!(kept.of(id(1), at(3000)), [one, two.clone()]);
        assert_eq!(kept.of(id(1), at(3001)), [two]);
        assert_eq!(kept.of(id(1), at(-1)), [], "the clock was set back");
        assert_eq!(kept.of(id(2), at(600)), []);
        kept.forget(id(1));
        assert_eq!(kept.of(id(1), at(600)), []);
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let kept = KeptUploads::default();
        for number in 0..=TEXTS_MAX {
            kept.keep(id(u64::try_from(number).unwrap()), vec![copied("one", at(0))], at(0));
        }
        assert_eq!(kept.lock().len(), TEXTS_MAX);
        kept.keep(id(u64::MAX), vec![copied("one", at(3001))], at(3001));
        assert_eq!(kept.lock().len(), 1, "what is old gives way");
    }
}
