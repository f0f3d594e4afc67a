//! The agenda, and the bounds of fetching.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::domain::account::Ends;
use crate::domain::delivery::Transition;
use crate::domain::event::{Customer, CustomerText, Event};
use crate::domain::operator::{Access, Operator, Order, PauseTerms};
use crate::domain::testing::customer_text;
use crate::sandbox::server::{Fault, FaultKind};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::store::embedded::memory::{Medium, MemoryStore};
use crate::store::{Accepted, Album, Control, Inbox, StoreLimits};

fn id(sequence: u64) -> EventId {
    EventId { epoch: 1, sequence, sub: 0 }
}

fn at_zero() -> Timestamp {
    "2026-06-01T09:00:00Z".parse().unwrap()
}

#[test]
fn a_text_is_tried_less_and_less_often_for_a_day() {
    let (mut agenda, mut now, mut todo, mut waits) = (Agenda::default(), Duration::ZERO, Todo::default(), Vec::new());
    loop {
        todo.tries += 1;
        agenda.again(now, id(1), todo);
        let Some(due) = agenda.next_due() else { break };
        waits.push((due - now).as_secs() / 60);
        now = due;
        todo = agenda.take().unwrap().1;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
}

#[test]
fn texts_that_are_tried_again_leave_room_for_new_ones() {
    let mut agenda = Agenda { look_at: Some(Duration::ZERO), ..Agenda::default() };
    for sequence in 0..10_000 {
        agenda.again(Duration::ZERO, id(sequence), Todo { tries: 1, left: vec![0] });
    }
    assert_eq!((agenda.texts.len(), agenda.next_look()), (AGENDA_MAX / 2, Some(Duration::ZERO)));
    for sequence in 10_000..12_048 {
        agenda.texts.insert((Duration::ZERO, id(sequence)), Todo::default());
    }
    assert_eq!(agenda.next_look(), None, "it is full");
}

/// A loop that runs between a store and a sandbox.
struct World {
    store: Arc<MemoryStore>,
    sandbox: Sandbox,
    clock: Clock,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl World {
    async fn start(limits: StoreLimits) -> Self {
        let clock = Clock::manual(at_zero(), 1);
        let store = Arc::new(MemoryStore::open(&Medium::default(), limits, 7, at_zero()).unwrap());
        let sandbox = Sandbox::start(SandboxOptions::default(), clock.clone()).await.unwrap();
        let (metrics, stop) = (Arc::<Metrics>::default(), CancellationToken::new());
        tokio::spawn({
            let (store, clock) = (Arc::clone(&store), clock.clone());
            let (metrics, stop) = (Arc::clone(&metrics), stop.clone());
            async move {
                let media = MediaClient::of_this_machine().unwrap();
                FetchAhead {
                    store: &*store,
                    carriers: BTreeMap::new(),
                    media: &media,
                    clock: &clock,
                    metrics: &metrics,
                }
                .run(&stop)
                .await;
            }
        });
        Self { store, sandbox, clock, metrics, stop }
    }

    async fn accept(&self, customer: &str, links: &[String]) -> EventId {
        let customer = Customer { external_id: Some(customer.to_owned()), ..Customer::default() };
        let text = CustomerText { customer, media: links.to_vec(), ..customer_text() };
        let event = Event { received_at: at_zero(), kind: EventKind::CustomerText(text) };
        match self.store.accept(event, Ends::FIRST.into(), Vec::new(), at_zero()).await.unwrap() {
            Accepted::New(id) => id,
            other @ (Accepted::Duplicate(_) | Accepted::Echo) => panic!("{other:?}"),
        }
    }

    /// Moves time on until it holds.
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let started = tokio::time::Instant::now();
        while !self.sandbox.wait_until(Duration::from_millis(15), || holds(self)).await {
            assert!(started.elapsed() < Duration::from_secs(60), "it never happens: {}", self.metrics.render());
            self.clock.advance(SignedDuration::from_secs(1));
        }
    }

    fn counts(&self, result: &str, count: u32) -> bool {
        self.metrics.render().contains(&format!("tandem_pictures_total{{result=\"{result}\"}} {count}\n"))
    }

    fn asked(&self) -> usize {
        self.sandbox.braze.calls().len()
    }
}

#[tokio::test]
async fn where_there_is_no_room_nothing_is_fetched_until_there_is() {
    let world = World::start(StoreLimits { pictures_bytes: 1_000, ..StoreLimits::default() }).await;
    let link = world.sandbox.braze.add_media("door.png", "image/png", b"picture");
    world.accept("ada", &[link]).await;
    world.until(|world| world.counts("no_room", 2)).await;
    assert_eq!((world.asked(), world.store.pictures_bytes(), world.store.health()), (0, 0, Ok(())));
    world.stop.cancel();
}

#[tokio::test]
async fn so_many_hosts_that_hang_are_asked_at_once_and_each_text_has_its_time_to_be_written() {
    let world = World::start(StoreLimits::default()).await;
    world.sandbox.braze.fail(Fault::on("GET", "/media/", FaultKind::Delay(Duration::from_secs(3600))).times(u32::MAX));
    let link = world.sandbox.braze.add_media("door.png", "image/png", b"picture");
    for number in 0..10 {
        world.accept(&format!("customer {number}"), std::slice::from_ref(&link)).await;
    }
    world.clock.advance(SignedDuration::from_secs(29));
    world.sandbox.wait_until(Duration::from_millis(50), || false).await;
    assert_eq!(world.asked(), 0);
    world.until(|world| world.asked() == AT_ONCE).await;
    world.sandbox.wait_until(Duration::from_millis(100), || false).await;
    assert_eq!(world.asked(), AT_ONCE);
    world.stop.cancel();
}

#[tokio::test]
async fn the_pictures_of_a_paused_desk_are_fetched_at_once_and_only_the_missing_one_is_tried_again() {
    let world = World::start(StoreLimits::default()).await;
    let operator = Operator::claiming(Access::Loopback, None);
    let order = Order { operator, given_at: at_zero(), accepted_by: None };
    world.store.pause(Ends::FIRST.desk, Some(PauseTerms::default()), &order).await.unwrap();
    let links = ["door.png", "bell.png"].map(|name| world.sandbox.braze.add_media(name, "image/png", b"picture"));
    world.sandbox.braze.fail(Fault::on("GET", "/media/bell", FaultKind::status(503)));
    let text = world.accept("ada", &links).await;
    let kept = |number| world.store.picture_bytes(PictureId { text, number }).is_some();
    assert!(world.sandbox.wait_until(Duration::from_secs(60), || world.asked() == 2 && kept(0)).await, "at once");
    assert!(!kept(1));
    world.clock.advance(SignedDuration::from_secs(59));
    world.sandbox.wait_until(Duration::from_millis(50), || false).await;
    assert_eq!(world.asked(), 2);
    world.until(|_| kept(1)).await;
    assert_eq!(world.asked(), 3, "the kept one is not fetched again");
    world.stop.cancel();
}

#[tokio::test]
async fn a_text_that_is_over_by_the_time_that_it_is_due_costs_no_fetch() {
    let world = World::start(StoreLimits::default()).await;
    let link = world.sandbox.braze.add_media("door.png", "image/png", b"picture");
    let over = world.accept("ada", std::slice::from_ref(&link)).await;
    // It is on the agenda by then.
    world.sandbox.wait_until(Duration::from_millis(50), || false).await;
    let operator = Operator::claiming(Access::Loopback, None);
    let order = Order { operator, given_at: at_zero(), accepted_by: None };
    world.store.operate(over, Transition::Discard { reason: "no".into() }, &order).await.unwrap();
    let other = world.accept("bob", &[link]).await;
    world.until(|world| world.store.picture_bytes(PictureId { text: other, number: 0 }).is_some()).await;
    assert_eq!(world.asked(), 1);
    world.stop.cancel();
}
