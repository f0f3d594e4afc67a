//! Builds the clients of every configured account, and a worker for each pair of a desk and a carrier.
//!
//! A client is built once an account, because its rate budget, its token and its breaker are the account's. It never
//! calls a vendor itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::options::worker_options;
use crate::clock::Clock;
use crate::config::{Config, VendorAccount};
use crate::domain::account::{AccountId, End, Ends};
use crate::domain::line::Lines;
use crate::domain::remedy::Remedies;
use crate::http::Allowance;
use crate::mapping::Mappings;
use crate::ports::{Carrier, Desk};
use crate::store::{Store, StoreError};
use crate::telemetry::{Metrics, Readiness};
use crate::vendors::http::media::MediaClient;
use crate::vendors::http::{Held, Reach, Transport};
use crate::vendors::registry::Client;
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
pub(super) struct Clients(BTreeMap<AccountId, (Client, Remedies)>);

impl Clients {
    /// A client for every configured account.
    pub(super) fn of(config: &Config, outside: &Outside, metrics: &Arc<Metrics>) -> Self {
        let Outside { store, transport, clock, .. } = outside;
        let client = |VendorAccount { account, keys }: &VendorAccount| {
            let account = *account;
            let transport: Arc<dyn Transport> =
                Arc::new(ObservedTransport { inner: Arc::clone(transport), account, metrics: Arc::clone(metrics) });
            let reach = Reach { transport, clock: clock.clone(), held: Some(held(store, clock, account)) };
            (account, (keys.open(reach), keys.vendor().sender().remedies))
        };
        Self(config.accounts.iter().map(client).collect())
    }

    /// Hands every account its credentials of this configuration.
    pub(super) fn renew(&self, config: &Config) {
        for VendorAccount { account, keys } in &config.accounts {
            self.0.get(account).into_iter().for_each(|(client, _)| client.renew(keys));
        }
    }

    /// The calls that an account has left.
    pub(super) fn allowance(&self, account: AccountId) -> Allowance {
        let known = self.0.get(&account);
        known.map_or_else(Allowance::default, |(client, remedies)| Allowance {
            levels: client.levels(),
            reached: client.reached(),
            remedies: *remedies,
        })
    }

    fn desk(&self, account: AccountId) -> Option<Arc<dyn Desk>> {
        self.0.get(&account)?.0.desk()
    }

    fn carrier(&self, account: AccountId) -> Option<Arc<dyn Carrier>> {
        self.0.get(&account)?.0.carrier()
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
        let carriers = config.accounts_at(End::Carrier);
        let carriers = carriers.filter_map(|of| Some((of.account, self.clients.carrier(of.account)?)));
        let carriers: Arc<BTreeMap<AccountId, Arc<dyn Carrier>>> = Arc::new(carriers.collect());
        let mut workers = Vec::new();
        for VendorAccount { account: desk, keys: desk_keys } in config.accounts_at(End::Desk) {
            let desk = *desk;
            let users =
                KnownUsers { home: self.lines.home_carrier(desk, homes.get(&desk).copied()), ..KnownUsers::default() };
            for VendorAccount { account: carrier, keys: carrier_keys } in config.accounts_at(End::Carrier) {
                let carrier = *carrier;
                let clients = self.clients.desk(desk).zip(self.clients.carrier(carrier));
                let terms = desk_keys.desk_terms().zip(carrier_keys.carrier_terms());
                let (Some((desk_client, carrier_client)), Some((of_desk, of_carrier))) = (clients, terms) else {
                    continue;
                };
                workers.push(Worker {
                    store: Arc::clone(store),
                    ends: Ends { desk, carrier },
                    desk: desk_client,
                    carrier: carrier_client,
                    carriers: Arc::clone(&carriers),
                    pictures: Pictures::new(media.clone()),
                    lines: Arc::clone(&self.lines),
                    mappings: Arc::clone(&self.mappings),
                    options: worker_options(config, of_desk, of_carrier),
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

/// Whether the operator has paused an account: the store knows.
fn held(store: &Arc<dyn Store>, clock: &Clock, account: AccountId) -> Held {
    let (store, clock) = (Arc::clone(store), clock.clone());
    Box::new(move || store.paused(account).is_some_and(|pause| !pause.has_ended(clock.now())))
}
