//! Calls the operator: posts the notices that [`crate::domain::alarm`] has gathered to the configured receiver.
//!
//! It stands beside the deliveries and never in their way: a notice is written into the queue, and its writer goes on.
//! A digest that the receiver does not take is posted again, with the notices since, at the pace of every other
//! retry and for as long as the bridge runs. A stop loses no notice: the delivery stands in the store as dead or
//! unconfirmed, and the next start tells once of all such deliveries. That may repeat an alarm. The other way would
//! need a record of every alarm, and would still not know whether one without an answer was read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::domain::alarm::{Alarms, Console, Digest, Notice};
use crate::domain::delivery::StateName;
use crate::domain::retry::{RetryPolicy, later};
use crate::store::{DeliveryFilter, Store, StoreError};
use crate::telemetry::Metrics;
use crate::vendors::http::Transport;

/// Unconfirmed deliveries that are counted at the start. Where there are more, the number told is a lower bound.
const RECALLED_MAX: usize = 1000;

/// The receiver of alarms.
#[derive(Clone, Debug)]
pub struct AlarmOptions {
    /// The whole address. It is a secret: receivers put their credentials into it.
    pub url: SecretString,
    /// Presented as `Authorization: Bearer`, where it is set.
    pub token: Option<SecretString>,
    /// Where the operator reaches the console; `None` where that is not known.
    pub console: Option<Console>,
}

/// The notices to be told, shared by all that write them.
#[derive(Debug, Default)]
pub struct AlarmQueue {
    alarms: Mutex<Alarms>,
    written: Notify,
}

impl AlarmQueue {
    /// Takes a notice. Never waits.
    pub fn note(&self, notice: Notice, now: Timestamp) {
        self.lock().note(notice, now);
        self.written.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Alarms> {
        // A panic can leave a number too low, which is no reason to tell nothing.
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Posts the notices of the queue.
pub struct Notifier {
    /// The notices to be told.
    pub queue: Arc<AlarmQueue>,
    /// The deliveries that stand dead or unconfirmed.
    pub store: Arc<dyn Store>,
    /// Carries the posts.
    pub transport: Arc<dyn Transport>,
    /// The receiver; `None` for none. It may change at any time.
    pub options: watch::Receiver<Option<AlarmOptions>>,
    /// The time.
    pub clock: Clock,
    /// The counters of alarms.
    pub metrics: Arc<Metrics>,
}

impl Notifier {
    /// Tells until `stop`.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut options = self.options.clone();
        match self.standing().await {
            Ok(standing) => self.queue.note(standing, self.clock.now()),
            Err(error) => warn!(%error, "alarm.not_recalled: what stood before this start is not told of"),
        }
        let mut attempt = 0;
        // The next start tells of the notices that the stop cuts off.
        while let Some(receiver) = stop.run_until_cancelled(self.due(&mut options)).await {
            let digest = self.queue.lock().take();
            let Some(told) = stop.run_until_cancelled(self.post(&receiver, &digest)).await else { return };
            self.metrics.alarm(told.is_ok());
            let now = self.clock.now();
            match told {
                Ok(()) => {
                    attempt = 0;
                    self.queue.lock().told(now);
                    info!("alarm.sent: the receiver has it");
                }
                Err(cause) => {
                    attempt += 1;
                    // The age is counted from now, so a digest is never given up as too old.
                    let wait = RetryPolicy::default().wait(attempt, None, Duration::ZERO, self.clock.draw());
                    self.queue.lock().failed(digest, later(now, wait.unwrap_or_default()));
                    warn!(attempt, cause, "alarm.failed: {cause}; it is tried again");
                }
            }
        }
    }

    /// Waits until a digest is due and a receiver is configured.
    async fn due(&self, changing: &mut watch::Receiver<Option<AlarmOptions>>) -> AlarmOptions {
        loop {
            let options = changing.borrow_and_update().clone();
            let due_at = self.queue.lock().due_at();
            let ripe = async {
                match due_at {
                    Some(due_at) if options.is_some() => self.clock.sleep_until(due_at).await,
                    Some(_) | None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ripe => if let Some(options) = options { return options },
                () = self.queue.written.notified() => {}
                // Without a sender the options stay as they are.
                Ok(()) = changing.changed() => {}
            }
        }
    }

    async fn post(&self, options: &AlarmOptions, digest: &Digest) -> Result<(), String> {
        let counts = self.store.counts();
        let (dead, unconfirmed) = (counts.of(StateName::Dead), counts.of(StateName::Unconfirmed));
        let body = digest.json(self.clock.now(), dead, unconfirmed, options.console.as_ref());
        let unusable = || "the address or the token of the alarm receiver cannot be used".to_owned();
        let mut request = http::Request::new(Bytes::from(body.to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = options.url.expose_secret().parse().map_err(|_| unusable())?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &options.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
            let mut value = value.map_err(|_| unusable())?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        match self.transport.send(request).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("the alarm receiver answered {}", answer.status().as_u16())),
            Err(error) => Err(format!("the alarm receiver gave no answer: {error}")),
        }
    }

    /// The numbers of deliveries that were given up, or set aside, before this start.
    async fn standing(&self) -> Result<Notice, StoreError> {
        let dead = self.store.counts().of(StateName::Dead);
        let state = Some(StateName::Unconfirmed);
        let filter = DeliveryFilter { state, limit: RECALLED_MAX, ..DeliveryFilter::default() };
        let unconfirmed = self.store.deliveries(filter).await?.items;
        let set_aside = unconfirmed.iter().filter(|delivery| delivery.state.is_set_aside()).count();
        Ok(Notice::Standing { dead, set_aside: u64::try_from(set_aside).unwrap_or(u64::MAX) })
    }
}
