//! Fetches the pictures of customers' texts that wait, before their links die, and keeps them in the store
//! ([`crate::store::Album`]). The worker then copies the kept picture to the desk, or fetches the link where none is
//! kept.
//!
//! A text is looked for when it is accepted, and once more after each start of the loop. It is due at once where its
//! desk is paused by an operator, and else after [`SOON`], by when most texts are written and need no fetch. A link
//! that its host does not serve for now is tried again, less and less often, for about a day. A link that is refused
//! (dead, too large, of no allowed kind) is not: it stays a link on the ticket.
//!
//! The loop never holds a claim, so no lane and no webhook waits for it. It fetches for [`AT_ONCE`] texts at once, one
//! picture of each, and stops fetching where the store has no room. A restart loses the agenda alone, which is found
//! again.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::HeaderValue;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::domain::account::AccountId;
use crate::domain::event::{EventId, EventKind};
use crate::ports::Carrier;
use crate::store::{Keeping, Picture, PictureId, Store, StoreError};
use crate::telemetry::Metrics;
use crate::vendors::http::media::{MEDIA_BYTES_MAX, Media, MediaClient};

use super::uploads::copied_links;
use crate::worker::Crew;

/// How long a text has to be written before its pictures are fetched.
const SOON: Duration = Duration::from_secs(30);

/// How many texts' pictures are fetched at once. Each fetch holds one picture in memory.
const AT_ONCE: usize = 4;

/// The wait before the second try. Each further wait is twice as long, up to [`WAIT_MAX`].
const WAIT: Duration = Duration::from_secs(60);
const WAIT_MAX: Duration = Duration::from_secs(6 * 3600);

/// The tries for one text: over about a day.
const TRIES_MAX: u32 = 12;

/// The most texts on the agenda; further ones are read when there is room. Texts that wait for another try take at most
/// half of it, so that hosts which do not answer keep no new text waiting.
const AGENDA_MAX: usize = 4096;

/// How soon it is tried again when the store did not answer.
const FAILED_WAIT: Duration = Duration::from_secs(5);

/// The texts whose pictures are to be fetched.
#[derive(Debug, Default)]
struct Agenda {
    /// By the time since the clock was made at which they are due.
    texts: BTreeMap<(Duration, EventId), Todo>,
    /// Where the next look begins.
    after: Option<u64>,
    /// When to look for further texts.
    look_at: Option<Duration>,
}

/// The rest of the work for a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Todo {
    tries: u32,
    /// The numbers of the links that are left; empty before the first try.
    left: Vec<u16>,
}

impl Agenda {
    /// Puts a text back for another try, or leaves it to be fetched when it is written.
    fn again(&mut self, now: Duration, text: EventId, todo: Todo) {
        let retries = self.texts.values().filter(|waiting| waiting.tries > 0).count();
        if todo.tries < TRIES_MAX && retries < AGENDA_MAX / 2 {
            let wait = WAIT.saturating_mul(1 << todo.tries.saturating_sub(1).min(16)).min(WAIT_MAX);
            self.texts.insert((now.saturating_add(wait), text), todo);
        } else {
            warn!("picture.given_up: a picture of {text} is fetched only when the text is written");
        }
    }

    fn next_due(&self) -> Option<Duration> {
        self.texts.first_key_value().map(|((due, _), _)| *due)
    }

    /// When to look, where there is room for the finds.
    fn next_look(&self) -> Option<Duration> {
        self.look_at.filter(|_| self.texts.len() < AGENDA_MAX)
    }

    fn take(&mut self) -> Option<(EventId, Todo)> {
        self.texts.pop_first().map(|((_, text), todo)| (text, todo))
    }
}

/// The fetching of pictures with its collaborators.
struct FetchAhead<'a> {
    store: &'a dyn Store,
    carriers: BTreeMap<AccountId, &'a dyn Carrier>,
    media: &'a MediaClient,
    clock: &'a Clock,
    metrics: &'a Metrics,
}

impl Crew {
    /// Fetches pictures until `stop`.
    pub(in crate::worker) async fn fetch_pictures(&self, stop: &CancellationToken) {
        let Some(worker) = self.any_worker() else { return stop.cancelled().await };
        let (store, media) = (self.store.as_ref(), worker.pictures.media());
        let carriers =
            self.carriers().into_iter().map(|(account, worker)| (account, worker.carrier.as_ref())).collect();
        FetchAhead { store, carriers, media, clock: &self.clock, metrics: &self.supervisor.metrics }.run(stop).await;
    }
}

impl FetchAhead<'_> {
    async fn run(&self, stop: &CancellationToken) {
        let steady = self.clock.steady();
        let mut agenda = Agenda { look_at: Some(steady.now()), ..Agenda::default() };
        let mut fetching = FuturesUnordered::new();
        loop {
            let (look, due) = (agenda.next_look(), agenda.next_due().filter(|_| fetching.len() < AT_ONCE));
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some((text, left)) = fetching.next(), if !fetching.is_empty() => {
                    if let Some(todo) = left {
                        agenda.again(steady.now(), text, todo);
                    }
                }
                () = self.store.pictures_came(), if agenda.look_at.is_none() => agenda.look_at = Some(steady.now()),
                () = self.wait_for(due), if due.is_some() => {
                    let next = agenda.take();
                    fetching.extend(next.map(|(text, todo)| async move { (text, self.fetch(text, todo).await) }));
                }
                () = self.wait_for(look), if look.is_some() => self.look(&mut agenda, steady.now()).await,
            }
        }
    }

    async fn wait_for(&self, at: Option<Duration>) {
        let wait = at.unwrap_or_default().saturating_sub(self.clock.steady().now());
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
    }

    /// Puts texts on the agenda that have not been read yet.
    async fn look(&self, agenda: &mut Agenda, now: Duration) {
        match self.store.pictured(agenda.after).await {
            Ok(found) => {
                for (text, account) in found.texts {
                    let wait = if self.store.paused(account).is_some() { Duration::ZERO } else { SOON };
                    agenda.texts.insert((now.saturating_add(wait), text), Todo::default());
                }
                agenda.after = found.next;
                agenda.look_at = found.more.then_some(now);
            }
            Err(error) => {
                warn!(%error, "picture.not_looked_for: it is looked for again in a moment");
                agenda.look_at = Some(now.saturating_add(FAILED_WAIT));
            }
        }
    }

    /// Fetches the pictures of a text, and tells the rest of the work.
    async fn fetch(&self, text: EventId, todo: Todo) -> Option<Todo> {
        let tries = todo.tries + 1;
        match self.fetch_all(text, &todo.left).await {
            Ok(left) if left.is_empty() => None,
            Ok(left) => Some(Todo { tries, left }),
            Err(error) => {
                warn!(%error, "picture.not_kept: it is tried again later");
                Some(Todo { tries, ..todo })
            }
        }
    }

    /// Fetches these pictures of a text, or all, and returns the numbers of those that a later try may bring.
    async fn fetch_all(&self, text: EventId, only: &[u16]) -> Result<Vec<u16>, StoreError> {
        let mut left = Vec::new();
        let Some((delivery, event)) = self.store.delivery(text).await? else { return Ok(left) };
        let EventKind::CustomerText(sent) = &event.kind else { return Ok(left) };
        if delivery.state.is_over() {
            return Ok(left);
        }
        for (number, link) in copied_links(&sent.media) {
            let Ok(number) = u16::try_from(number) else { continue };
            let id = PictureId { text, number };
            let is_due = only.is_empty() || only.contains(&number);
            if !is_due || self.store.picture_bytes(id).is_some() {
                continue;
            }
            let carrier = self.carriers.get(&delivery.ends.carrier);
            if self.fetch_one(id, link, carrier.and_then(|carrier| carrier.opens(link))).await? {
                left.push(number);
            }
        }
        Ok(left)
    }

    /// Fetches a picture; true where a later try may bring it.
    async fn fetch_one(&self, id: PictureId, link: &str, opens: Option<HeaderValue>) -> Result<bool, StoreError> {
        let text = id.text;
        let largest = u64::try_from(MEDIA_BYTES_MAX).unwrap_or(u64::MAX);
        if !self.store.has_room_for_picture(largest) {
            self.no_room(text);
            return Ok(true);
        }
        let media = match self.media.fetch(link, opens).await {
            Ok(media) => media,
            Err(refused) => {
                let result = if refused.may_pass { "failed" } else { "refused" };
                self.metrics.picture(result);
                warn!("picture.{result}: a picture of {text} was not fetched: {refused}");
                return Ok(refused.may_pass);
            }
        };
        let Media { file_name, content_type, bytes } = media;
        match self.store.keep_picture(id, Picture { file_name, content_type, bytes }).await? {
            Keeping::Safe => {
                self.metrics.picture("kept");
                info!("picture.kept: a picture of {text} is kept until the text is written");
                Ok(false)
            }
            Keeping::NoRoom => {
                self.no_room(text);
                Ok(true)
            }
            Keeping::TooLate => Ok(false),
        }
    }

    fn no_room(&self, text: EventId) {
        self.metrics.picture("no_room");
        warn!(
            "picture.no_room: a picture of {text} is not kept, because pictures have all the room that they may take"
        );
    }
}

#[cfg(test)]
mod tests;
