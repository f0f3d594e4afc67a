//! Copies a customer's pictures to the desk, each once: copies for a postponed text are used when its turn comes. They
//! are remembered in memory only, and bounded: without them, the pictures are copied again. A picture comes from the
//! store where it is kept there, and else by its link.

use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use tracing::warn;

use crate::domain::event::{EventId, EventKind, PICTURES_MAX};
use crate::ports::desk::File;
use crate::ports::{Carrier, Desk, Failure};
use crate::store::{Album, Claim, Picture, PictureId};
use crate::vendors::http::media::{MediaClient, Place};

use super::kept_uploads::{Copied, KeptUploads};

/// How long fetching a message's pictures may take in all; a late picture stays a link. The text must not wait for
/// long.
const UPLOADS_DEADLINE: Duration = Duration::from_secs(30);

/// How many attempts of a text may end because the desk does not take one of its kept pictures for now. After them the text
/// goes without it.
const UPLOAD_TRIES: u32 = 3;

/// The links of a text whose pictures are copied, each once, with their numbers.
pub(in crate::worker) fn copied_links(links: &[String]) -> impl Iterator<Item = (usize, &str)> {
    let is_first = |(number, link): &(usize, &String)| !links.iter().take(*number).any(|before| before == *link);
    links.iter().enumerate().take(PICTURES_MAX).filter(is_first).map(|(number, link)| (number, link.as_str()))
}

/// The pictures of a text that the desk has.
#[derive(Debug, Default)]
pub(in crate::worker) struct Copies {
    /// The desk's tokens for them.
    pub(in crate::worker) tokens: Vec<String>,
    /// Whether an earlier attempt of this delivery copied one of them.
    pub(in crate::worker) is_reused: bool,
    /// Whether one is lost: its kept copy cannot be read, and its link brings it no more.
    pub(in crate::worker) lacks_one: bool,
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
    pub(in crate::worker) fn media(&self) -> &MediaClient {
        &self.media
    }

    /// Forgets the copies of a delivery, because a comment has used them or the desk refuses them.
    pub(in crate::worker) fn forget(&self, id: EventId) {
        self.kept.forget(id);
    }

    /// Copies pictures to the desk where they are kept or can be fetched safely; other pictures stay links. Fetches have one
    /// deadline, and a kept picture needs none. A kept picture that cannot be read is fetched again.
    ///
    /// # Errors
    /// The desk does not take a kept picture for now: with the text it would be dropped, and its link may be dead.
    pub(in crate::worker) async fn copy(
        &self,
        (desk, carrier, store): (&dyn Desk, &dyn Carrier, &dyn Album),
        claim: &Claim,
        links: &[String],
        now: Timestamp,
    ) -> Result<Copies, Failure> {
        let Some(head) = claim.work.first() else { return Ok(Copies::default()) };
        let id = head.delivery.id;
        let deadline = tokio::time::Instant::now() + UPLOADS_DEADLINE;
        let before = self.kept.of(id, now);
        let (mut copied, mut lacks_one): (Vec<Copied>, bool) = (Vec::new(), false);
        // A token is good for one comment, in which a picture stands once.
        for (_, link) in copied_links(links) {
            if let Some(before) = before.iter().find(|before| before.link == link) {
                copied.push(before.clone());
                continue;
            }
            let kept = kept_for(store, claim, link);
            let opens = carrier.opens(link);
            let file = match kept {
                Some(_) => self.file(store, kept, link, opens).await,
                None => tokio::time::timeout_at(deadline, self.file(store, None, link, opens)).await.ok().flatten(),
            };
            let Some((file, _place)) = file else {
                lacks_one |= kept.is_some();
                continue;
            };
            match desk.upload(file).await {
                Ok(token) => copied.push(Copied { link: link.to_owned(), token, at: now }),
                Err(failure) => match passing(failure) {
                    Some(failure) if kept.is_some() && head.delivery.attempts < UPLOAD_TRIES => {
                        self.kept.keep(id, copied, now);
                        return Err(failure);
                    }
                    _ => warn!("picture.not_copied: the desk does not take a picture of {id}, which stays a link"),
                },
            }
        }
        let tokens = copied.iter().map(|copied| copied.token.clone()).collect();
        let is_reused = copied.iter().any(|copied| before.contains(copied));
        self.kept.keep(id, copied, now);
        Ok(Copies { tokens, is_reused, lacks_one })
    }

    /// The picture behind a link, kept or fetched, with its place in memory.
    async fn file(
        &self,
        store: &dyn Album,
        kept: Option<PictureId>,
        link: &str,
        opens: Option<HeaderValue>,
    ) -> Option<(File, Place)> {
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
            // A fetch takes a place of its own.
            drop(place);
        }
        let media = self.media.fetch(link, opens).await.ok()?;
        Some((File { name: media.file_name, content_type: media.content_type, bytes: media.bytes }, Place::default()))
    }
}

/// The failure of an upload that a later one may not have, as the failure of the attempt. A file that is there twice does
/// no harm, so a lost answer is none.
fn passing(failure: Failure) -> Option<Failure> {
    match failure {
        Failure::Retry { cause, after } | Failure::Broke { cause, after } => Some(Failure::Retry { cause, after }),
        Failure::Lose { cause } => Some(Failure::Retry { cause, after: None }),
        failure @ (Failure::Postpone { .. } | Failure::Pause { .. }) => Some(failure),
        Failure::TooLong { .. }
        | Failure::GiveUp { .. }
        | Failure::Forbid { .. }
        | Failure::Closed { .. }
        | Failure::Changed { .. }
        | Failure::NotFound { .. }
        | Failure::IdempotencyMismatch { .. } => None,
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
