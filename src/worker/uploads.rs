//! Copies a customer's pictures to the desk, each once: copies for a postponed text are used when its turn comes. They
//! are remembered in memory only, and bounded: without them, the pictures are copied again. A picture comes from the
//! store where it is kept there, and else by its link.

use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use crate::domain::event::{EventId, EventKind};
use crate::ports::Desk;
use crate::ports::desk::File;
use crate::store::{Album, Claim, Picture, PictureId};
use crate::vendors::http::media::{MediaClient, Place};

use super::kept_uploads::{Copied, KeptUploads};

/// How long fetching a message's pictures may take in all; a late picture stays a link. The text must not wait for
/// long.
const UPLOADS_DEADLINE: Duration = Duration::from_secs(30);

/// How many of a message's pictures are copied to the ticket; the rest are links. One at a time is held in memory.
const UPLOADS_MAX: usize = 5;

/// The links of a text whose pictures are copied, each once, with their numbers.
pub(super) fn copied_links(links: &[String]) -> impl Iterator<Item = (usize, &str)> {
    let is_first = |(number, link): &(usize, &String)| !links.iter().take(*number).any(|before| before == *link);
    links.iter().enumerate().take(UPLOADS_MAX).filter(is_first).map(|(number, link)| (number, link.as_str()))
}

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

    /// The client that fetches pictures.
    pub(super) fn media(&self) -> &MediaClient {
        &self.media
    }

    /// Forgets the copies of a delivery, because a comment has used them or the desk refuses them.
    pub(super) fn forget(&self, id: EventId) {
        self.kept.forget(id);
    }

    /// Copies pictures to the desk where they are kept or can be fetched safely, and returns their tokens; other
    /// pictures stay links. The flag tells whether an earlier attempt of this delivery copied one of them.
    pub(super) async fn copy(
        &self,
        (desk, store): (&dyn Desk, &dyn Album),
        claim: &Claim,
        links: &[String],
        now: Timestamp,
    ) -> (Vec<String>, bool) {
        let Some(id) = claim.work.first().map(|head| head.delivery.id) else { return (Vec::new(), false) };
        let deadline = tokio::time::Instant::now() + UPLOADS_DEADLINE;
        let before = self.kept.of(id, now);
        let mut copied: Vec<Copied> = Vec::new();
        // A token is good for one comment, in which a picture stands once.
        for (_, link) in copied_links(links) {
            if let Some(before) = before.iter().find(|before| before.link == link) {
                copied.push(before.clone());
                continue;
            }
            let kept = kept_for(store, claim, link);
            let Ok(file) = tokio::time::timeout_at(deadline, self.file(store, kept, link)).await else { break };
            let Some((file, _place)) = file else { continue };
            if let Ok(token) = desk.upload(file).await {
                copied.push(Copied { link: link.to_owned(), token, at: now });
            }
        }
        let tokens = copied.iter().map(|copied| copied.token.clone()).collect();
        let is_reused = copied.iter().any(|copied| before.contains(copied));
        self.kept.keep(id, copied, now);
        (tokens, is_reused)
    }

    /// The picture behind a link, kept or fetched, with its place in memory.
    async fn file(&self, store: &dyn Album, kept: Option<PictureId>, link: &str) -> Option<(File, Place)> {
        if let Some(id) = kept {
            let place = self.media.place(store.picture_bytes(id).unwrap_or_default()).await;
            match store.picture(id).await {
                Ok(Some(kept)) => {
                    let Picture { file_name: name, content_type, bytes } = kept;
                    return Some((File { name, content_type, bytes }, place));
                }
                Ok(None) => {}
                Err(error) => warn!(%error, "picture.not_read: a kept picture of {} is fetched again", id.text),
            }
        }
        let media = self.media.fetch(link).await.ok()?;
        Some((File { name: media.file_name, content_type: media.content_type, bytes: media.bytes }, Place::default()))
    }
}

/// The kept picture behind a link of the claim's texts.
fn kept_for(store: &dyn Album, claim: &Claim, link: &str) -> Option<PictureId> {
    claim.work.iter().find_map(|work| {
        let EventKind::CustomerText(text) = &work.event.kind else { return None };
        let number = text.media.iter().position(|sent| sent == link)?;
        let id = PictureId { text: work.delivery.id, number: u16::try_from(number).ok()? };
        store.picture_bytes(id).map(|_| id)
    })
}
