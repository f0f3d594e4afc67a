//! Calls the operator: posts what [`crate::domain::alarm`] has gathered to the configured receiver.
//!
//! It stands beside the deliveries and never in their way: whoever has something to tell writes it into the book and
//! goes on. What the receiver does not take is told again, with what has come since, at the pace of every other retry
//! and for as long as the bridge runs. What was not told before a stop is not lost: it stands in the store as dead or
//! unconfirmed, and the next start tells of all that stands, once. That may repeat what was told already; the other
//! way would need a record of every alarm, and could still not know whether one that got no answer was read.

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

use crate::clients::Transport;
use crate::clock::Clock;
use crate::domain::alarm::{Alarms, Bulletin, Console, Notice};
use crate::domain::retry::{RetryPolicy, later};
use crate::store::{DeliveryFilter, Store, StoreError};
use crate::telemetry::Metrics;

/// Unconfirmed deliveries that are looked through at the start. Where there are more, the number told is at least this.
const RECALLED_MAX: usize = 1000;

/// Where alarms go.
#[derive(Clone, Debug)]
pub struct AlarmOptions {
    /// The whole address. It is a secret: receivers put their credentials into it.
    pub url: SecretString,
    /// Presented as `Authorization: Bearer`, where it is set.
    pub token: Option<SecretString>,
    /// Where the operator reaches the console; `None` where that is not known.
    pub console: Option<Console>,
}

/// What is to be told, shared by all who have something to tell.
#[derive(Debug, Default)]
pub struct AlarmBook {
    alarms: Mutex<Alarms>,
    written: Notify,
}

impl AlarmBook {
    /// Takes a notice. Never waits.
    pub fn note(&self, notice: Notice, now: Timestamp) {
        self.lock().note(notice, now);
        self.written.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Alarms> {
        // A notice that was half taken is a number too low, which is no reason to tell nothing.
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells what is in the book.
pub struct Alarmist {
    /// What is to be told.
    pub book: Arc<AlarmBook>,
    /// What stands.
    pub store: Arc<dyn Store>,
    /// Carries the posts.
    pub transport: Arc<dyn Transport>,
    /// Where to; `None` for nowhere. It may change at any time.
    pub options: watch::Receiver<Option<AlarmOptions>>,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Alarmist {
    /// Tells until `stop`.
    pub async fn run(&self, stop: &CancellationToken) {
        let mut options = self.options.clone();
        match self.standing().await {
            Ok(standing) => self.book.note(standing, self.clock.now()),
            Err(error) => warn!(%error, "alarm.not_recalled: what stood before this start is not told of"),
        }
        let mut attempt = 0;
        // What is cut off by the stop is told of at the next start.
        while let Some(receiver) = stop.run_until_cancelled(self.due(&mut options)).await {
            let bulletin = self.book.lock().take();
            let Some(told) = stop.run_until_cancelled(self.post(&receiver, &bulletin)).await else { return };
            self.metrics.alarm(told.is_ok());
            let now = self.clock.now();
            match told {
                Ok(()) => {
                    attempt = 0;
                    self.book.lock().told(now);
                    info!("alarm.sent: the receiver has it");
                }
                Err(cause) => {
                    attempt += 1;
                    // Measured from now, it is never too old to be told.
                    let wait = RetryPolicy::default().wait(attempt, None, Duration::ZERO, self.clock.draw());
                    self.book.lock().failed(bulletin, later(now, wait.unwrap_or_default()));
                    warn!(attempt, cause, "alarm.failed: {cause}; it is tried again");
                }
            }
        }
    }

    /// Waits until something is to be told and there is somebody to tell it to.
    async fn due(&self, changing: &mut watch::Receiver<Option<AlarmOptions>>) -> AlarmOptions {
        loop {
            let options = changing.borrow_and_update().clone();
            let due_at = self.book.lock().due_at();
            let ripe = async {
                match due_at {
                    Some(due_at) if options.is_some() => self.clock.sleep_until(due_at).await,
                    Some(_) | None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ripe => if let Some(options) = options { return options },
                () = self.book.written.notified() => {}
                // Once nobody can change the options any more, they are what they are.
                Ok(()) = changing.changed() => {}
            }
        }
    }

    async fn post(&self, options: &AlarmOptions, bulletin: &Bulletin) -> Result<(), String> {
        let counts = self.store.counts().by_state;
        let count = |state: &str| counts.get(state).copied().unwrap_or(0);
        let body = bulletin.json(self.clock.now(), count("dead"), count("unconfirmed"), options.console.as_ref());
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

    /// What was given up, or set aside, before this start.
    async fn standing(&self) -> Result<Notice, StoreError> {
        let dead = self.store.counts().by_state.get("dead").copied().unwrap_or(0);
        let filter =
            DeliveryFilter { state: Some("unconfirmed".into()), limit: RECALLED_MAX, ..DeliveryFilter::default() };
        let unconfirmed = self.store.deliveries(filter).await?.items;
        let set_aside = unconfirmed.iter().filter(|delivery| delivery.state.is_set_aside()).count();
        Ok(Notice::Standing { dead, set_aside: u64::try_from(set_aside).unwrap_or(u64::MAX) })
    }
}
