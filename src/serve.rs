//! The composition root: builds everything from a configuration, runs it, and takes it down in order.
//!
//! This is the only module below the command line that sees the whole [`Config`]. It hands each part its own options
//! and never decides more.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::config::{Config, Faults, StoreUrl, Warning};
use crate::domain::account::End;
use crate::domain::inbound::Arrivals;
use crate::http::{
    Console, ConsoleOptions, Inbound, Memory, OperatorState, PublicState, operator_router, public_router,
};
use crate::mapping::Mappings;
use crate::store::embedded::sled::{OpenError, SledStore};
use crate::store::{Store, StoreError};
use crate::telemetry::{Metrics, Readiness, Samples};
use crate::vendors::http::HttpTransport;
use crate::vendors::http::media::MediaClient;
use crate::vendors::zendesk;
use crate::worker::{AlarmOptions, Crew, Loop, Notifier, Supervisor};

#[cfg(feature = "oidc")]
pub use provider::client as identity_provider;

mod accounts;
mod console;
mod inbound;
mod listeners;
mod live;
mod mappings;
mod memory;
mod options;
mod provider;
mod sampling;
mod settings;
mod signals;
mod timekeeping;

pub use accounts::Outside;
use accounts::Shared;
pub use listeners::Listeners;
use live::Live;
use options::{alarm_options, senders};
pub(crate) use signals::stop_signal;
pub use signals::{Hangups, Read, Reloads};
use signals::{log_warnings, reloads};

/// How long a stop may take: less than the 30 s after which a container is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(20);

/// How long requests that are being answered may take to finish. The worker gets the rest of [`STOP_DEADLINE`].
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Why the bridge could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address is taken or not ours.
    #[error("cannot listen on {address}: {source}; choose another address for `{key}` or stop what uses it")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The configuration key.
        key: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store failed while the bridge ran; only opening it again shows which records are durable.
    #[error("{0}; tandem ends, so that the next start opens the store anew")]
    Ended(StoreError),
    /// A listener broke down while the bridge ran.
    #[error("a listener broke down: see the log above; tandem ends, so that the next start listens anew")]
    Deaf,
    /// A mapping is broken; `tandem check` says so beforehand.
    #[error("{0}")]
    Mappings(crate::mapping::Faults),
    /// No HTTP client can be built (no certificates, most likely).
    #[error("cannot build the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The system refused something else.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs the bridge until SIGTERM or Ctrl-C. At each of the `hangups` the configuration is `read` again, also at one
/// that came before this call.
///
/// # Errors
/// When it cannot start; once it runs, it ends well.
pub async fn run(
    config: Config,
    warnings: Vec<Warning>,
    hangups: Hangups,
    read: impl Fn() -> Result<(Config, Vec<Warning>), Faults> + Send + Sync + 'static,
) -> Result<(), ServeError> {
    log_warnings(&warnings);
    let reloads = reloads(hangups, read);
    let bind = async |address, key| {
        TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, key, source })
    };
    let listeners = Listeners {
        public: bind(config.listen, "listen").await?,
        operator: bind(config.operator_listen, "operator_listen").await?,
    };
    let stop = stop_signal()?;
    serve_and_reload(config, listeners, Clock::system(), stop, reloads).await
}

/// Runs the bridge as [`serve_and_reload`] does, on one configuration for ever.
///
/// # Errors
/// When it cannot start.
pub async fn serve(
    config: Config,
    listeners: Listeners,
    clock: Clock,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (_never, read) = mpsc::channel(1);
    serve_and_reload(config, listeners, clock, stop, Reloads { read, check: None }).await
}

/// Runs the bridge as [`serve`] does, with another client for customers' pictures.
///
/// # Errors
/// When it cannot start.
pub async fn serve_with_media(
    config: Config,
    listeners: Listeners,
    clock: Clock,
    media: MediaClient,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (_never, read) = mpsc::channel(1);
    compose(config, listeners, clock, media, stop, Reloads { read, check: None }).await
}

/// Runs the bridge on bound listeners until `stop` ends, then stops in order: no longer ready, no new claims, running
/// claims finish or stay to be looked for, no new requests, everything synced.
///
/// Webhooks are taken, and kept for the next start, until the last call is done, because Zendesk does not repeat a
/// webhook that found no listener. A configuration from `reloads` is taken over as far as it can change ([`live`]).
///
/// # Errors
/// When it cannot start.
pub async fn serve_and_reload(
    config: Config,
    listeners: Listeners,
    clock: Clock,
    stop: impl Future<Output = ()>,
    reloads: Reloads,
) -> Result<(), ServeError> {
    compose(config, listeners, clock, MediaClient::new()?, stop, reloads).await
}

async fn compose(
    config: Config,
    listeners: Listeners,
    clock: Clock,
    media: MediaClient,
    stop: impl Future<Output = ()>,
    reloads: Reloads,
) -> Result<(), ServeError> {
    let StoreUrl::Sled { directory } = &config.store.url;
    let bounds = memory::limits(&clock);
    let store: Arc<dyn Store> =
        Arc::new(SledStore::open(directory, bounds.clone(), clock.draw_u32(), clock.now()).await?);
    let metrics = numbers(&config, &clock, bounds.backlog_max);
    let readiness = Arc::new(Readiness::default());
    timekeeping::tell_of_lost_time(store.as_ref(), &readiness);
    let transport = Arc::new(HttpTransport::new()?);
    let outside = Outside { store: Arc::clone(&store), transport, media, clock: clock.clone() };
    let mappings = mappings::load(&config).map_err(ServeError::Mappings)?;
    let (shown_mappings, mappings_now) = watch::channel(mappings::shown(&config, &mappings));
    let shared = Shared::new(&config, mappings, &outside, &metrics, &readiness);
    let crew = Arc::new(shared.kept_crew(&config, &outside).await.map_err(ServeError::Ended)?);
    Loop::all(&crew.pairs()).for_each(|each| metrics.loop_may_be_restarted(&each.name()));
    let (intake, intake_now) = watch::channel(Arc::new(senders(&config, &shared.lines)));
    let (roster, roster_now) = watch::channel(Arc::new(config.roster()));
    let (alarm, alarm_now) = watch::channel(alarm_options(&config));
    let memory = Arc::new(Memory::default());
    let accounts = options::accounts(&config);
    let (stop_serving, stop_working) = (CancellationToken::new(), CancellationToken::new());
    let arrivals = inbound::take_up(&store, &options::posters(&config), &clock).await;
    let public = public_router(PublicState {
        store: Arc::clone(&store),
        intake: intake_now.clone(),
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        inbound: Arc::clone(&arrivals),
        readiness: Arc::clone(&readiness),
        memory: Arc::clone(&memory),
    });
    let (shown, shown_now) = watch::channel(settings::shown(&config));
    let samples = Arc::new(Samples::default());
    let console = ConsoleOptions {
        settings: Some(shown_now),
        samples: Arc::clone(&samples),
        stopping: stop_serving.clone(),
        ..console::shown(&config, mappings_now, shared.clients.clone(), reloads.check, &clock)
    };
    let operator = operator_router(OperatorState {
        store: Arc::clone(&store),
        intake: intake_now,
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        inbound: Arc::clone(&arrivals),
        readiness: Arc::clone(&readiness),
        roster: roster_now,
        console: Console::new(console),
        accounts,
        lines: Arc::clone(&shared.lines),
        gsm7: options::gsm7(&config),
    });
    let notifier = notifier(&shared, &outside, alarm_now);
    announce(&config, &listeners)?;

    let deaf = CancellationToken::new();
    let servers = listeners::open(&config, listeners, [public, operator], &memory, (&stop_serving, &deaf));
    let beside = Beside { notifier, store: Arc::clone(&store), samples, arrivals: Arc::clone(&arrivals) };
    tokio::spawn(beside.run(crew.supervisor(), stop_working.clone()));
    let working = tokio::spawn(crew.run(stop_working.clone()));
    let live = Live { started_with: config, intake, roster, alarm, shared, metrics, shown, shown_mappings };
    let failed = tokio::select! {
        () = stop => Ok(()),
        () = live.follow(reloads.read) => Ok(()),
        error = timekeeping::failure(store.as_ref(), &outside.clock) => Err(ServeError::Ended(error)),
        () = deaf.cancelled() => Err(ServeError::Deaf),
    };
    readiness.set_reason("bridge", "shutting down");
    take_down(servers, working, &stop_serving, &stop_working, (store.as_ref(), &arrivals)).await;
    failed
}

/// The metrics of a bridge that starts now.
fn numbers(config: &Config, clock: &Clock, backlog_max: u64) -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::default());
    for (account, end) in options::accounts(config).iter() {
        metrics.account_may_be_called(*account);
        if *end == End::Carrier {
            metrics.account_may_report(*account);
        }
    }
    config.lines().iter().for_each(|line| metrics.line_may_carry(&line.name));
    metrics.set_started(clock.now());
    metrics.set_backlog_max(backlog_max);
    zendesk::GIVEN_UP.into_iter().for_each(|status| metrics.webhooks_may_be_given_up(status));
    metrics
}

/// The loops beside the deliveries.
struct Beside {
    notifier: Notifier,
    store: Arc<dyn Store>,
    samples: Arc<Samples>,
    arrivals: Arc<Inbound>,
}

impl Beside {
    /// Runs them until `stop`.
    async fn run(self, supervisor: Supervisor, stop: CancellationToken) {
        let store = self.store.as_ref();
        tokio::join!(
            supervisor.keep(Loop::Alarms, &stop, || self.notifier.run(&stop)),
            supervisor.keep(Loop::Timekeeping, &stop, || timekeeping::run(store, &supervisor, &stop)),
            supervisor.keep(Loop::Samples, &stop, || sampling::run(store, &supervisor, &self.samples, &stop)),
            supervisor.keep(Loop::Arrivals, &stop, || inbound::run(store, &self.arrivals, &supervisor.clock, &stop)),
        );
    }
}

/// Stops everything in order; see [`serve_and_reload`].
async fn take_down(
    servers: [JoinHandle<()>; 2],
    mut working: JoinHandle<()>,
    stop_serving: &CancellationToken,
    stop_working: &CancellationToken,
    (store, arrivals): (&dyn Store, &Inbound),
) {
    info!("tandem.stopping: no new deliveries; webhooks are still taken and kept");
    stop_working.cancel();
    finish("a delivery", &mut working, STOP_DEADLINE.saturating_sub(ANSWER_DEADLINE)).await;
    stop_serving.cancel();
    let [mut public, mut operator] = servers;
    let (public, operator) = (&mut public, &mut operator);
    tokio::join!(finish("a connection", public, ANSWER_DEADLINE), finish("a connection", operator, ANSWER_DEADLINE));
    inbound::keep(store, arrivals.to_keep(true)).await;
    store.close().await;
    info!("tandem.stopped: everything accepted is on disk");
}

/// The two ends of a bridge without its listeners, for a caller who carries the webhooks: the crew, which delivers once
/// it is [`Crew::run`], and the router, which takes webhooks.
pub fn assemble(config: &Config, mappings: Arc<Mappings>, outside: Outside) -> (Arc<Crew>, axum::Router) {
    let metrics = Arc::new(Metrics::default());
    let readiness = Arc::new(Readiness::default());
    let shared = Shared::new(config, (*mappings).clone(), &outside, &metrics, &readiness);
    let crew = Arc::new(shared.crew(config, &outside, &shared.homes()));
    let (_, intake) = watch::channel(Arc::new(senders(config, &shared.lines)));
    let Outside { store, clock, .. } = outside;
    let inbound = Arc::new(Inbound::new(Arrivals::of(&options::posters(config), clock.now())));
    (crew, public_router(PublicState { store, intake, clock, metrics, inbound, readiness, memory: Arc::default() }))
}

fn notifier(shared: &Shared, outside: &Outside, options: watch::Receiver<Option<AlarmOptions>>) -> Notifier {
    Notifier {
        queue: Arc::clone(&shared.alarms),
        store: Arc::clone(&outside.store),
        transport: Arc::clone(&outside.transport),
        options,
        clock: outside.clock.clone(),
        metrics: Arc::clone(&shared.metrics),
    }
}

/// Logs all addresses in one line.
fn announce(config: &Config, listeners: &Listeners) -> io::Result<()> {
    let (public, operator) = (listeners.public.local_addr()?, listeners.operator.local_addr()?);
    let StoreUrl::Sled { directory } = &config.store.url;
    let desks: Vec<&str> = config.accounts_at(End::Desk).map(|known| known.keys.url().as_str()).collect();
    let carriers: Vec<&str> = config.accounts_at(End::Carrier).map(|known| known.keys.url().as_str()).collect();
    info!(
        version = env!("CARGO_PKG_VERSION"),
        %public,
        %operator,
        store = %directory.display(),
        zendesk = desks.join(" "),
        braze = carriers.join(" "),
        "tandem.started: webhooks on {public}, operator on {operator}"
    );
    Ok(())
}

/// Waits for a task; past the deadline, leaves it. A delivery that is cut off is looked for after the next start.
async fn finish(what: &str, task: &mut JoinHandle<()>, deadline: Duration) {
    match tokio::time::timeout(deadline, &mut *task).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(%error, "tandem.stop_failed: {what} ended badly"),
        Err(_) => {
            task.abort();
            warn!("tandem.stop_late: {what} did not finish within {deadline:?}");
        }
    }
}
