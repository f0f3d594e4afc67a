//! Accepts connections on the two listeners, as many as the system bears.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::http::{self, Admission, Memory};

/// Public connections at once: far more than the vendors and a proxy have, and some 50 MiB of memory at most while
/// their heads are short. [`Memory`] bounds the rest, for long heads and bodies.
const CONNECTIONS_MAX: usize = 4096;

/// Connections of operators and of metrics collectors.
const OPERATORS_MAX: usize = 256;

/// The two bound listeners.
#[derive(Debug)]
pub struct Listeners {
    /// Webhooks and health.
    pub public: TcpListener,
    /// Operator API and metrics.
    pub operator: TcpListener,
}

/// Accepts connections on the public listener and on the operator's. Where one of them ends before the stop, `deaf`
/// is cancelled.
pub(super) fn open(
    config: &Config,
    listeners: Listeners,
    [public, operator]: [axum::Router; 2],
    memory: &Arc<Memory>,
    (stop, deaf): (&CancellationToken, &CancellationToken),
) -> [JoinHandle<()>; 2] {
    let serve = |listener, router, connections_max| {
        let (trusted_proxies, memory) = (config.trusted_proxies.clone(), Arc::clone(memory));
        let admission = Admission { connections_max, trusted_proxies, memory };
        let (stop, at_the_end) = (stop.clone(), deaf.clone().drop_guard());
        tokio::spawn(async move {
            http::serve(listener, router, admission, stop).await;
            drop(at_the_end);
        })
    };
    [serve(listeners.public, public, connections_max()), serve(listeners.operator, operator, OPERATORS_MAX)]
}

/// The most public connections: [`CONNECTIONS_MAX`], or half the descriptors that the system grants, so that calls
/// and files have the rest. The limit is raised to the maximum first, because the usual 1,024 is for programs that
/// use `select`.
fn connections_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    // Where raising fails, the old limit counts.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let descriptors = if raised.is_ok() { limit.maximum } else { limit.current };
    let half = descriptors.map_or(usize::MAX, |count| usize::try_from(count / 2).unwrap_or(usize::MAX));
    half.min(CONNECTIONS_MAX)
}
