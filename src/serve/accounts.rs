//! Builds the clients of every configured account, and a worker for each pair of a desk and a carrier.
//!
//! A client is built once an account, because its rate budget, its token and its breaker are the account's. It never
//! calls a vendor itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use url::Url;

use super::options::{worker_options, zendesk_auth};
use crate::clock::Clock;
use crate::config::{self, Config, Credentials};
use crate::domain::account::{AccountId, Ends};
use crate::domain::line::Lines;
use crate::http::Allowance;
use crate::mapping::Mappings;
use crate::store::{Store, StoreError};
use crate::telemetry::{Metrics, Readiness};
use crate::vendors::braze::{self, Braze, BrazeOptions};
use crate::vendors::http::media::MediaClient;
use crate::vendors::http::{Held, Transport};
use crate::vendors::zendesk::{self, Zendesk, ZendeskOptions};
use crate::worker::{
    AlarmQueue, Crew, KeptFacts, KnownUsers, MappingsInForce, ObservedTransport, Pauses, Pictures, Retention,
    Supervisor, Worker,
};

/// Everything of a bridge that reaches out of the process.
pub struct Outside {
    /// The accepted events and their deliveries.
    pub store: Arc<dyn Store>,
    /// Carries calls to the vendors.
    pub transport: Arc<dyn Transport>,
    /// Fetches customers' pictures.
    pub media: MediaClient,
    /// The time, and random numbers.
    pub clock: Clock,
}

/// The clients of all accounts.
#[derive(Clone)]
pub(super) struct Clients {
    desks: BTreeMap<AccountId, Arc<Zendesk>>,
    carriers: BTreeMap<AccountId, Arc<Braze>>,
}

impl Clients {
    /// A client for every configured account.
    pub(super) fn of(config: &Config, outside: &Outside, metrics: &Arc<Metrics>) -> Self {
        let Outside { store, transport, clock, .. } = outside;
        let observed = |account| -> Arc<dyn Transport> {
            Arc::new(ObservedTransport { inner: Arc::clone(transport), account, metrics: Arc::clone(metrics) })
        };
        let desk = |(account, keys): (AccountId, &config::Zendesk)| {
            let client = zendesk(&keys.url, &keys.credentials, observed(account), clock);
            let client = client.with_customer_field(&keys.user_field);
            (account, Arc::new(client.held_while(held(store, clock, account))))
        };
        let carrier = |(account, keys): (AccountId, &config::Braze)| {
            let client = braze(keys, observed(account), clock);
            (account, Arc::new(client.held_while(held(store, clock, account))))
        };
        Self {
            desks: config.zendesk_accounts().map(desk).collect(),
            carriers: config.braze_accounts().map(carrier).collect(),
        }
    }

    /// Hands every account its credentials of this configuration.
    pub(super) fn renew(&self, config: &Config) {
        for (account, keys) in config.zendesk_accounts() {
            self.desks.get(&account).into_iter().for_each(|desk| desk.set_auth(zendesk_auth(&keys.credentials)));
        }
        for (account, keys) in config.braze_accounts() {
            let carrier = self.carriers.get(&account);
            carrier.into_iter().for_each(|carrier| carrier.set_api_key(keys.api_key.clone()));
        }
    }

    /// The calls that an account has left.
    pub(super) fn allowance(&self, account: AccountId) -> Allowance {
        let desk = self.desks.get(&account).map(|desk| Allowance {
            levels: desk.levels(),
            reached: desk.reached(),
            remedies: zendesk::remedies::REMEDIES,
        });
        let carrier = || {
            self.carriers.get(&account).map(|carrier| Allowance {
                levels: carrier.levels(),
                reached: carrier.reached(),
                remedies: braze::remedies::REMEDIES,
            })
        };
        desk.or_else(carrier).unwrap_or_default()
    }
}

/// The parts that all workers share.
pub(super) struct Shared {
    pub(super) clients: Clients,
    pub(super) lines: Arc<Lines>,
    pub(super) mappings: Arc<MappingsInForce>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) alarms: Arc<AlarmQueue>,
}

impl Shared {
    pub(super) fn new(
        config: &Config,
        mappings: Mappings,
        outside: &Outside,
        metrics: &Arc<Metrics>,
        readiness: &Arc<Readiness>,
    ) -> Self {
        Self {
            clients: Clients::of(config, outside, metrics),
            lines: Arc::new(config.lines()),
            mappings: Arc::new(MappingsInForce::new(mappings)),
            metrics: Arc::clone(metrics),
            readiness: Arc::clone(readiness),
            alarms: Arc::default(),
        }
    }

    /// The first carrier of each desk, by the order of the configuration.
    pub(super) fn homes(&self) -> BTreeMap<AccountId, AccountId> {
        let desks = self.lines.iter().map(|line| line.ends.desk);
        desks.filter_map(|desk| Some((desk, self.lines.home_of(desk)?.carrier))).collect()
    }

    /// The crew, with the first carrier of each desk as the store keeps it.
    pub(super) async fn kept_crew(&self, config: &Config, outside: &Outside) -> Result<Crew, StoreError> {
        let homes = outside.store.keep_homes(self.homes()).await?;
        Ok(self.crew(config, outside, &homes))
    }

    /// The crew: a worker between each desk and each carrier, also where no line runs between them any more, because
    /// conversations of before may.
    pub(super) fn crew(&self, config: &Config, outside: &Outside, homes: &BTreeMap<AccountId, AccountId>) -> Crew {
        let Outside { store, media, clock, .. } = outside;
        let pauses = Arc::<Pauses>::default();
        let mut workers = Vec::new();
        for (desk, zendesk_keys) in config.zendesk_accounts() {
            let users =
                KnownUsers { home: self.lines.home_carrier(desk, homes.get(&desk).copied()), ..KnownUsers::default() };
            for (carrier, braze_keys) in config.braze_accounts() {
                let (Some(zendesk), Some(client)) =
                    (self.clients.desks.get(&desk), self.clients.carriers.get(&carrier))
                else {
                    continue;
                };
                workers.push(Worker {
                    store: Arc::clone(store),
                    ends: Ends { desk, carrier },
                    desk: Arc::<Zendesk>::clone(zendesk),
                    carrier: client.clone(),
                    pictures: Pictures::new(media.clone()),
                    lines: Arc::clone(&self.lines),
                    mappings: Arc::clone(&self.mappings),
                    options: worker_options(config, zendesk_keys, braze_keys),
                    clock: clock.clone(),
                    metrics: Arc::clone(&self.metrics),
                    readiness: Arc::clone(&self.readiness),
                    pauses: Arc::clone(&pauses),
                    facts: KeptFacts::default(),
                    alarms: Arc::clone(&self.alarms),
                    users: users.clone(),
                });
            }
        }
        let supervisor = Supervisor {
            clock: clock.clone(),
            metrics: Arc::clone(&self.metrics),
            readiness: Arc::clone(&self.readiness),
        };
        Crew::new(Arc::clone(store), supervisor, Retention::default(), workers)
    }
}

/// A client for the account at this address.
pub(crate) fn zendesk(url: &Url, credentials: &Credentials, transport: Arc<dyn Transport>, clock: &Clock) -> Zendesk {
    let options = ZendeskOptions { url: url.clone(), auth: zendesk_auth(credentials) };
    Zendesk::new(options, transport, clock.clone())
}

/// A client for a workspace.
pub(crate) fn braze(config: &config::Braze, transport: Arc<dyn Transport>, clock: &Clock) -> Braze {
    let options = BrazeOptions { url: config.url.clone(), api_key: config.api_key.clone() };
    Braze::new(options, transport, clock.clone())
}

/// Whether the operator has paused an account: the store knows.
fn held(store: &Arc<dyn Store>, clock: &Clock, account: AccountId) -> Held {
    let (store, clock) = (Arc::clone(store), clock.clone());
    Box::new(move || store.paused(account).is_some_and(|pause| !pause.has_ended(clock.now())))
}
