//! Arbitrary histories: after any series of arrivals, moves, redrives, erasures, expiries and crashes, lists and
//! searches agree with a look at every record.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::domain::account::Ends;
use crate::domain::address::{Identity, Scheme};
use crate::domain::conversation::{Change, Conversation, ConversationKey, TicketStatus};
use crate::domain::delivery::{Delivery, StateName, Transition, receipt_of};
use crate::domain::event::{Customer, DedupeKey, EventId, TicketId, TicketRef};
use crate::domain::find::Search;
use crate::domain::lanes::Position;
use crate::domain::operator::{Access, Operator, Order};
use crate::store::contract::{at, dispatch, doorbell, phone_text, text_from};
use crate::store::engine::bytes::Bytes;
use crate::store::engine::layout;
use crate::store::engine::lists::whole;
use crate::store::{Accepted, Archive, Claim, Control, DeliveryFilter, Inbox, PEOPLE_MAX, Page, Queue, Terms, Verdict};

const CUSTOMERS: [&str; 5] = ["ada", "Ada", "adam", "b-ada", "cleo"];
const NAMES: [(&str, &str); 4] = [("Ada", "Lovelace"), ("Adam", "Ng"), ("Zoë", "O’Brien Adams"), ("Łukasz", "")];
const PHONES: [&str; 4] = ["+15555550133", "+15555550233", "+4915555550134", "33"];
const TICKETS: u64 = 4;

struct World {
    medium: Medium,
    store: MemoryStore,
    rng: StdRng,
    now: i64,
    ids: Vec<EventId>,
    epoch: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let medium = Medium::default();
        let store = MemoryStore::open(&medium, StoreLimits::default(), 1, at(0)).unwrap();
        Self { medium, store, rng: StdRng::seed_from_u64(seed), now: 0, ids: Vec::new(), epoch: 1 }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        *of.choose(&mut self.rng).unwrap()
    }

    fn ticket(&mut self) -> u64 {
        self.rng.random_range(1..=TICKETS)
    }

    fn customer(&mut self) -> Customer {
        let id = self.pick(&CUSTOMERS);
        let (first, last) = self.pick(&NAMES);
        let some = |word: &str| Some(word.to_owned()).filter(|word| !word.is_empty());
        Customer {
            external_id: some(id),
            carrier_id: self.rng.random_bool(0.5).then(|| format!("b-{}", id.to_lowercase())),
            phone: self.rng.random_bool(0.8).then(|| self.pick(&PHONES).to_owned()),
            first_name: some(first),
            last_name: some(last),
            ..Customer::default()
        }
    }

    async fn step(&mut self) {
        self.now += self.rng.random_range(-3..20);
        let now = at(self.now);
        match self.rng.random_range(0..100) {
            0..30 => {
                let line = self.rng.random_bool(0.2).then_some("line-2");
                let event = text_from(self.customer(), line, "Hello");
                let id = self.rng.random_range(0..200);
                self.accept(event, vec![dispatch(&format!("d-{id}"))]).await;
            }
            30..50 => {
                let ticket = self.ticket();
                let event = if self.rng.random() { doorbell(ticket) } else { phone_text(ticket, "out") };
                self.accept(event, Vec::new()).await;
            }
            50..55 => {
                let quarantined =
                    self.store.quarantine(doorbell(1), Ends::FIRST.into(), "x".into(), Vec::new(), now).await;
                self.ids.extend(quarantined.into_iter().filter_map(new));
            }
            55..82 => self.work().await,
            82..90 if !self.ids.is_empty() => {
                let (ids, redrive) = (self.ids.clone(), self.rng.random());
                let transition = if redrive { Transition::Redrive } else { Transition::Discard { reason: "x".into() } };
                let id = self.pick(&ids);
                // Some moves are illegal in the delivery's state.
                self.store.operate(id, transition, &order(now)).await.ok();
            }
            90..93 => {
                let key = ConversationKey(self.pick(&CUSTOMERS).into());
                self.store.forget(&key, &order(now)).await.ok();
            }
            93..96 => {
                let kept = Duration::from_secs(self.rng.random_range(5..300));
                self.store.expire(now, kept, kept).await.unwrap();
            }
            _ => {
                self.epoch += 1;
                self.medium = self.medium.copy();
                self.store = MemoryStore::open(&self.medium, StoreLimits::default(), self.epoch, now).unwrap();
            }
        }
    }

    async fn accept(&mut self, event: crate::domain::event::Event, dedupe: Vec<DedupeKey>) {
        let accepted = self.store.accept(event, Ends::FIRST.into(), dedupe, at(self.now)).await;
        self.ids.extend(accepted.into_iter().filter_map(new));
    }

    /// Workers claim some heads at once, and each perhaps records a verdict.
    async fn work(&mut self) {
        let route = self.pick(&Ends::FIRST.routes());
        let most = self.rng.random_range(1..4);
        let claims = self.store.claim(route, at(self.now), Terms::merging(3), most).await.unwrap();
        assert!(claims.len() <= most);
        for claim in claims {
            if self.rng.random_bool(0.9) {
                self.record(claim).await;
            }
        }
    }

    async fn record(&mut self, claim: Claim) {
        let (now, ticket) = (at(self.now), self.ticket());
        let cause = || "x".to_owned();
        let sent = [Some(format!("s-{}", self.rng.random_range(0..50))), None];
        let transition = match self.rng.random_range(0..9) {
            0..4 => Transition::Deliver { receipt: receipt_of(&sent) },
            4 => Transition::Skip { reason: cause() },
            5 => Transition::GiveUp { cause: cause() },
            6 => Transition::Retry { due_at: now, cause: cause() },
            7 => Transition::Lose { since: now, look_at: now, cause: cause() },
            _ => Transition::SetAside { cause: cause() },
        };
        let settles = matches!(transition, Transition::Deliver { .. } | Transition::Skip { .. });
        let verdict = Verdict {
            moves: claim.work.iter().map(|work| (work.delivery.id, transition.clone())).collect(),
            changes: match self.rng.random_range(0..4) {
                0 => vec![Change::Ticket(TicketId(ticket), TicketStatus::Open, now)],
                1 => vec![Change::Customer(Customer { external_id: None, carrier_id: None, ..self.customer() })],
                _ => Vec::new(),
            },
            instead: if settles && self.rng.random_bool(0.3) { vec![phone_text(ticket, "part")] } else { Vec::new() },
            belongs_to: claim.key.is_provisional().then(|| ConversationKey(self.pick(&CUSTOMERS).into())),
            ..Verdict::default()
        };
        self.store.record(&claim, verdict, now).await.ok();
    }
}

fn new(accepted: Accepted) -> Option<EventId> {
    if let Accepted::New(id) = accepted { Some(id) } else { None }
}

fn order(given_at: Timestamp) -> Order {
    Order { operator: Operator { access: Access::Loopback, by: None, is_proven: false }, given_at, accepted_by: None }
}

/// All records, read whole.
struct All {
    look: Box<dyn Look>,
    deliveries: Vec<Delivery>,
    conversations: Vec<Conversation>,
}

impl All {
    fn of(store: &MemoryStore) -> Self {
        let look = lock(&store.core).journal.tree.view();
        let records = |prefix: u8| {
            let entries: Vec<_> = look.with_prefix(&[prefix]).map(Result::unwrap).collect();
            entries.into_iter().map(|(key, value)| whole(&*look, &key, value).unwrap().unwrap()).collect::<Vec<_>>()
        };
        let waiting_and_over = [records(layout::PENDING), records(layout::HISTORY)].concat();
        let read = |record: &Bytes| layout::decode("delivery", record).unwrap();
        let mut deliveries: Vec<Delivery> = waiting_and_over.iter().map(read).collect();
        deliveries.sort_by_key(|delivery| Position::of(delivery.id));
        let known = records(layout::CONVERSATION);
        let conversations = known.iter().map(|record| layout::decode("conversation", record).unwrap()).collect();
        Self { deliveries, conversations, look }
    }

    fn leads_to(&self, key: &Bytes) -> Option<ConversationKey> {
        let value = self.look.get(key).unwrap()?;
        Some(ConversationKey(String::from_utf8(value.to_vec()).unwrap()))
    }

    fn deliveries(&self, filter: &DeliveryFilter) -> Vec<EventId> {
        let whose: Vec<BTreeSet<ConversationKey>> = [
            filter.conversation.clone().map(|key| BTreeSet::from([key])),
            filter.ticket.map(|ticket| {
                let ticket = TicketRef { account: Ends::FIRST.desk, id: ticket };
                let known = self.leads_to(&layout::ticket(ticket));
                known.into_iter().chain([ConversationKey::provisional(ticket)]).collect()
            }),
            filter
                .phone_end
                .clone()
                .map(|end| self.find(Some(&Search::PhoneEnd(end))).into_iter().take(PEOPLE_MAX).collect()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut found: Vec<EventId> = self
            .deliveries
            .iter()
            .filter(|delivery| filter.wants(delivery))
            .filter(|delivery| whose.iter().all(|keys| keys.contains(&delivery.conversation)))
            .map(|delivery| delivery.id)
            .collect();
        if filter.newest_first {
            found.reverse();
        }
        found
    }

    fn newest(&self, key: &ConversationKey) -> Option<Position> {
        self.deliveries.iter().filter(|one| one.conversation == *key).map(|one| Position::of(one.id)).max()
    }

    fn find(&self, search: Option<&Search>) -> Vec<ConversationKey> {
        let led_to = match search {
            Some(Search::Key(id)) => {
                let name = |scheme| Identity { scheme, account: Ends::FIRST.carrier, value: id.clone() };
                let names = [name(Scheme::External), name(Scheme::Carrier)];
                names.iter().filter_map(|name| self.leads_to(&layout::identity(name))).collect()
            }
            Some(Search::Ticket(ticket)) => {
                let ticket = TicketRef { account: Ends::FIRST.desk, id: *ticket };
                self.leads_to(&layout::ticket(ticket)).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let mut found: Vec<ConversationKey> = self
            .conversations
            .iter()
            .filter(|known| match search {
                None => true,
                Some(Search::Ticket(_)) => led_to.contains(&known.key),
                Some(search) => search.finds(known) || led_to.contains(&known.key),
            })
            .map(|known| known.key.clone())
            .collect();
        found.sort_by_cached_key(|key| (Reverse(self.newest(key)), key.clone()));
        found
    }
}

/// All pages of a list, a few items each, and the total.
async fn pages<T, K: Clone>(mut page: impl AsyncFnMut(Option<K>) -> Page<T>, key: impl Fn(&T) -> K) -> (Vec<K>, u64) {
    let mut keys: Vec<K> = Vec::new();
    loop {
        let next = page(keys.last().cloned()).await;
        keys.extend(next.items.iter().map(&key));
        if !next.more {
            return (keys, next.total);
        }
        assert!(!next.items.is_empty(), "there are more, and no way to them");
    }
}

fn filters(now: i64) -> Vec<DeliveryFilter> {
    let list = || DeliveryFilter { limit: 3, ..DeliveryFilter::default() };
    let mut filters = vec![list(), DeliveryFilter { hide_doorbells: true, hide_notes: true, ..list() }];
    let (since, until) = (Some(at(now / 3)), Some(at(now / 2)));
    for state in StateName::ALL.map(Some) {
        filters.push(DeliveryFilter { state, ..list() });
        filters.push(DeliveryFilter { state, since, hide_doorbells: true, ..list() });
        filters.push(DeliveryFilter { state, account: Some(Ends::FIRST.carrier), ..list() });
    }
    for set_aside in [Some(true), Some(false)] {
        filters.push(DeliveryFilter { set_aside, ..list() });
        filters.push(DeliveryFilter { set_aside, state: Some(StateName::Unconfirmed), ..list() });
    }
    for key in CUSTOMERS.into_iter().chain(["ada@line-2", "ticket:1", "ticket:0"]) {
        let conversation = Some(ConversationKey(key.into()));
        filters.push(DeliveryFilter { conversation: conversation.clone(), ..list() });
        filters.push(DeliveryFilter { conversation, state: Some(StateName::Dead), until, ..list() });
    }
    for ticket in (0..=TICKETS + 1).map(|ticket| Some(TicketId(ticket))) {
        filters.push(DeliveryFilter { ticket, ..list() });
        filters.push(DeliveryFilter { ticket, phone_end: Some("33".into()), ..list() });
    }
    for end in ["33", "133", "4915555550134", "9"] {
        filters.push(DeliveryFilter { phone_end: Some(end.into()), ..list() });
    }
    for id in (0..50).flat_map(|id| [format!("d-{id}"), format!("s-{id}")]) {
        filters.push(DeliveryFilter { dispatch: Some(id.clone()), ..list() });
        filters.push(DeliveryFilter { dispatch: Some(id), ticket: Some(TicketId(1)), ..list() });
    }
    filters.extend([(since, None), (None, until), (since, until)].map(|(since, until)| DeliveryFilter {
        since,
        until,
        ..list()
    }));
    filters
        .iter()
        .flat_map(|one| [false, true].map(|newest_first| DeliveryFilter { newest_first, ..one.clone() }))
        .collect()
}

fn searches() -> Vec<Option<Search>> {
    let name = |words: &[&str]| Search::Name(words.iter().map(|word| (*word).into()).collect());
    let mut searches = vec![name(&["a"]), name(&["ad", "lo"]), name(&["adams", "zoe"]), name(&["luk"]), name(&["x"])];
    searches.extend(["33", "0133", "15555550133", "4", "99"].map(|end| Search::PhoneEnd(end.into())));
    searches.extend(["ad", "ADA", "b-ada", "b-adam", "cleo", "ticket:", "z"].map(|id| Search::Key(id.into())));
    searches.extend((0..=TICKETS + 1).map(|ticket| Search::Ticket(TicketId(ticket))));
    [None].into_iter().chain(searches.into_iter().map(Some)).collect()
}

async fn compare(world: &World, seed: u64) {
    let (all, store) = (All::of(&world.store), &world.store);
    for filter in filters(world.now) {
        let page = async |after| store.deliveries(DeliveryFilter { after, ..filter.clone() }).await.unwrap();
        let (found, total) = pages(page, |delivery: &Delivery| delivery.id).await;
        let expected = all.deliveries(&filter);
        assert_eq!((total, found), (expected.len() as u64, expected), "seed {seed}: {filter:?}");
    }
    for search in searches() {
        let page = async |after: Option<ConversationKey>| {
            store.find_conversations(search.clone(), after.as_ref(), 2).await.unwrap()
        };
        let (found, total) = pages(page, |known: &Conversation| known.key.clone()).await;
        let expected = all.find(search.as_ref());
        assert_eq!((total, found), (expected.len() as u64, expected), "seed {seed}: {search:?}");
    }
    let page = async |after: Option<ConversationKey>| store.conversations(after.as_ref(), 2).await.unwrap();
    let (found, total) = pages(page, |known: &Conversation| known.key.clone()).await;
    let expected: Vec<_> = all.conversations.iter().map(|known| known.key.clone()).collect();
    assert_eq!((total, found), (expected.len() as u64, expected), "seed {seed}");
    let counted = store.counts();
    for state in StateName::ALL {
        let expected = all.deliveries.iter().filter(|delivery| delivery.state.name() == state).count();
        assert_eq!(counted.of(state), expected as u64, "seed {seed}: {state}");
    }
}

#[tokio::test]
async fn lists_and_searches_say_what_a_look_at_every_record_says() {
    for seed in 0..40 {
        let mut world = World::new(seed);
        for step in 1..=160 {
            world.step().await;
            if step % 20 == 0 {
                compare(&world, seed).await;
            }
        }
    }
}
