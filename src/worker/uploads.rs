//! Copies a customer's pictures to the desk, each once: copies for a postponed text are used when its turn comes. In
//! memory only, and bounded: without it, the pictures are copied again.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::EventId;
use crate::ports::Desk;
use crate::ports::desk::File;
use crate::vendors::http::media::MediaClient;

use super::kept_uploads::{Copied, KeptUploads};

/// How long fetching a message's pictures may take in all; a late picture stays a link. The text must not wait for
/// long.
const UPLOADS_DEADLINE: Duration = Duration::from_secs(30);

/// How many of a message's pictures are copied to the ticket; the rest are links. One at a time is held in memory.
const UPLOADS_MAX: usize = 5;

/// The pictures of customers' texts.
pub struct Pictures {
    media: MediaClient,
    kept: KeptUploads,
}

impl Pictures {
    /// Pictures that this client fetches.
    #[must_use]
    pub fn new(media: MediaClient) -> Self {
        Self { media, kept: KeptUploads::default() }
    }

    /// Forgets the copies of a delivery, because a comment has used them or the desk refuses them.
    pub(super) fn forget(&self, id: EventId) {
        self.kept.forget(id);
    }

    /// Copies pictures to the desk where they can be fetched safely, and returns their tokens; other pictures stay
    /// links. The flag tells whether an earlier attempt of this delivery copied one of them.
    pub(super) async fn copy(
        &self,
        desk: &dyn Desk,
        id: EventId,
        links: &[String],
        now: Timestamp,
    ) -> (Vec<String>, bool) {
        let deadline = tokio::time::Instant::now() + UPLOADS_DEADLINE;
        let before = self.kept.of(id, now);
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
            let file = File { name: media.file_name, content_type: media.content_type, bytes: media.bytes };
            if let Ok(token) = desk.upload(file).await {
                copied.push(Copied { link: link.clone(), token, at: now });
            }
        }
        let tokens = copied.iter().map(|copied| copied.token.clone()).collect();
        let is_reused = copied.iter().any(|copied| before.contains(copied));
        self.kept.keep(id, copied, now);
        (tokens, is_reused)
    }
}
