//! Carries the account of webhooks from one start to the next: it is read at the start, and kept at intervals and at
//! the end.
//!
//! A crash loses its last minute at most, and the store's own deliveries tell that again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock::Clock;
use crate::domain::account::AccountId;
use crate::domain::inbound::{Arrivals, Door, Endpoint, Poster};
use crate::http::Inbound;
use crate::store::{Archive, Control, DeliveryFilter, Store, StoreError};

/// The time between two times that it is kept, where a webhook was accepted.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// How many of the newest deliveries are looked at.
const LOOKED_AT: usize = 500;

/// The most by which two webhooks may be counted in another order than they were accepted.
const SLACK: SignedDuration = SignedDuration::from_secs(30);

/// The account that the store has kept, for these accounts. A store that cannot read it does not stop the start.
pub(super) async fn take_up(
    store: &Arc<dyn Store>,
    accounts: &BTreeMap<AccountId, Poster>,
    clock: &Clock,
) -> Arc<Inbound> {
    let now = clock.now();
    let kept = store.arrivals().await.unwrap_or_else(|error| {
        warn!("inbound.lost: the account of webhooks before this start cannot be read: {error}");
        None
    });
    let kept_to = kept.as_ref().and_then(Arrivals::last_accepted);
    let mut account = kept.map_or_else(|| Arrivals::of(accounts, now), |kept| Arrivals::resume(kept, accounts, now));
    if let Err(error) = remember(store.as_ref(), kept_to, &mut account).await {
        warn!("inbound.lost: the last webhooks before this start cannot be read: {error}");
    }
    if account.has_new(now) {
        keep(store.as_ref(), Some(account.clone())).await;
    }
    Arc::new(Inbound::new(account))
}

/// Adds the newest deliveries to the account: those since it was kept, or up to [`LOOKED_AT`] where it never was.
async fn remember(store: &dyn Archive, kept_to: Option<Timestamp>, account: &mut Arrivals) -> Result<(), StoreError> {
    let newest = DeliveryFilter { newest_first: true, limit: LOOKED_AT, ..DeliveryFilter::default() };
    let is_kept = |at: Timestamp| kept_to.is_some_and(|kept_to| kept_to.duration_since(at) > SLACK);
    for delivery in store.deliveries(newest).await?.items {
        if is_kept(delivery.accepted_at) {
            break;
        }
        // An event that the bridge itself made came by no webhook.
        let is_born_inside = delivery.parent.is_some() || delivery.id.sub > 0;
        let Some((_, event)) = (if is_born_inside { None } else { store.delivery(delivery.id).await? }) else {
            continue;
        };
        if let Some(door) = Door::of(&event.kind) {
            let endpoint = Endpoint { door, account: delivery.ends.at(door.end()) };
            account.remember(endpoint, &event.kind, delivery.accepted_at);
        }
    }
    Ok(())
}

/// Keeps the account every [`KEEP_EVERY`] until `stop`.
pub(super) async fn run(store: &dyn Store, inbound: &Inbound, clock: &Clock, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(KEEP_EVERY) => {}
        }
        keep(store, inbound.to_keep(false)).await;
    }
}

/// Keeps the account, where it has changed.
pub(super) async fn keep(store: &dyn Control, account: Option<Arrivals>) {
    let Some(account) = account else { return };
    if let Err(error) = store.keep_arrivals(account).await {
        warn!("inbound.not_kept: the account of webhooks was not kept: {error}");
    }
}
