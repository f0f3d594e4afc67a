//! The states of the two routers: the parts of the bridge that their handlers ask. It never answers a request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use super::console::Console;
use super::inbound::Inbound;
use super::memory::Memory;
use crate::clock::Clock;
use crate::domain::access::Roster;
use crate::domain::account::{AccountId, End};
use crate::domain::conversation::Conversation;
use crate::domain::delivery::Delivery;
use crate::domain::line::Lines;
use crate::domain::parts::Cut;
use crate::intake::Senders;
use crate::store::Store;
use crate::telemetry::{Metrics, Readiness};

/// The state of the public router.
#[derive(Clone)]
pub struct PublicState {
    /// The store that accepts events.
    pub store: Arc<dyn Store>,
    /// The secrets and rules that verify webhooks; a reload of the configuration changes them.
    pub intake: watch::Receiver<Arc<Senders>>,
    /// The time.
    pub clock: Clock,
    /// The metrics that webhooks are counted in.
    pub metrics: Arc<Metrics>,
    /// The account of webhooks.
    pub inbound: Arc<Inbound>,
    /// The reasons against readiness.
    pub readiness: Arc<Readiness>,
    /// The memory that long bodies share.
    pub memory: Arc<Memory>,
}

/// The state of the operator's router.
#[derive(Clone)]
pub struct OperatorState {
    /// The store whose records are shown and moved.
    pub store: Arc<dyn Store>,
    /// The rules by which quarantined bodies are read again; a reload of the configuration changes them.
    pub intake: watch::Receiver<Arc<Senders>>,
    /// The time.
    pub clock: Clock,
    /// The metrics that `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// The account of webhooks.
    pub inbound: Arc<Inbound>,
    /// The reasons against readiness.
    pub readiness: Arc<Readiness>,
    /// The operators and their tokens; empty only where the listener is on a loopback address. A reload of the
    /// configuration changes it.
    pub roster: watch::Receiver<Arc<Roster>>,
    /// The console's own state.
    pub console: Console,
    /// The accounts, each with the end at which it stands.
    pub accounts: Arc<BTreeMap<AccountId, End>>,
    /// The lines, whose channels say how a reply is cut in parts.
    pub lines: Arc<Lines>,
    /// The carriers for which typographic characters are replaced before a reply is cut in parts, as for the worker.
    pub gsm7: Arc<BTreeSet<AccountId>>,
}

impl OperatorState {
    /// How the worker cuts this text of a conversation in parts.
    pub(in crate::http) fn cut(&self, known: Option<&Conversation>, delivery: &Delivery) -> Cut {
        let gsm7 = self.gsm7.contains(&delivery.ends.carrier);
        delivery.cut.unwrap_or_else(|| Cut::for_conversation(known, &self.lines, gsm7))
    }
}
