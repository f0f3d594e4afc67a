//! Simulated worlds: every fault between two vendors and the bridge, and the promises that must hold all the same.
//!
//! `cargo test --test simulation` runs a handful of seeds, `cargo test --release --test simulation` thousands, and
//! `cargo run --release --example simulate -- --seeds 100000` as many as are wanted. A seed that fails is printed, and
//! `cargo run --release --example simulate -- --seed N` repeats it with its whole trace.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::time::Duration;

#[path = "../shared/oracle.rs"]
mod oracle;
mod sim;

use sim::plan::{Broken, Crowd, ObjectKind, ObjectTrouble, Outage, OutageKind, Plan, Rates, Vendor};
use sim::{Run, run, run_all};

/// The number of seeds: the work of a minute for a machine with two cores.
const SEEDS: u64 = if cfg!(debug_assertions) { 60 } else { 3_000 };

/// How many seeds a broken promise may take to be noticed.
const SEEDS_TO_NOTICE: u64 = 400;

fn assert_well(run: &Run) {
    assert!(run.faults.is_empty(), "seed {}: {:#?}\n{}", run.seed, run.faults, run.trace);
}

#[test]
fn whatever_goes_wrong_every_promise_holds() {
    let mut failed = Vec::new();
    run_all(0..SEEDS, Plan::of, |run| {
        failed.extend((!run.faults.is_empty()).then_some((run.seed, run.faults)));
        true
    });
    assert!(failed.is_empty(), "repeat with `cargo run --release --example simulate -- --seed N`: {failed:#?}");
}

#[test]
fn the_same_seed_is_the_same_run_line_for_line() {
    for seed in 0..6 {
        let (first, second) = (run(&Plan::of(seed), true), run(&Plan::of(seed), true));
        let different = first.trace.lines().zip(second.trace.lines()).find(|(first, second)| first != second);
        assert_eq!(different, None, "seed {seed}");
        assert_eq!(first.trace.len(), second.trace.len(), "seed {seed}");
        assert!(first.trace.lines().count() > 50, "something happened");
    }
}

#[test]
fn killed_at_any_one_step_it_loses_nothing_and_doubles_nothing() {
    let plan = Plan { customers: 1, steps: 6, pause_max: 2_000, ..Plan::calm(4) };
    let steps = run(&plan, false).steps;
    assert!(steps > 60, "{steps} steps");
    run_all(
        0..steps,
        |step| Plan { dies_at: Some(step), ..plan.clone() },
        |run| {
            assert_well(&run);
            assert_eq!(run.count("death"), 1);
            true
        },
    );
}

/// Nothing goes wrong but this one outage.
fn outage(seed: u64, vendor: Vendor, kinds: &[OutageKind], hours: u64) -> Plan {
    let one = |kind: &OutageKind| Outage {
        vendor,
        brand: 0,
        from: Duration::from_secs(600),
        lasts: Duration::from_secs(hours * 3600),
        kind: *kind,
    };
    // Everything is said while it lasts.
    let steps = 120;
    let pause_max = 1_600 * (600 + hours * 3600) / steps;
    Plan {
        customers: 4,
        further: vec![vendor],
        steps: usize::try_from(steps).unwrap(),
        pause_max,
        rates: Rates::default(),
        outages: kinds.iter().map(one).collect(),
        ..Plan::calm(seed)
    }
}

#[test]
fn zendesk_is_down_for_a_night_with_its_webhooks_given_up_and_every_reply_reaches_the_phone_in_order_once() {
    let kinds = [OutageKind::WebhooksGivenUp, OutageKind::Down];
    for seed in 0..if cfg!(debug_assertions) { 2 } else { 20 } {
        let run = run(&outage(seed, Vendor::Zendesk, &kinds, 9), true);
        assert_well(&run);
        assert_eq!(run.count("reply that ended visibly"), 0, "{:?}", run.counts);
        assert!(run.count("webhook given up") > 10, "{:?}", run.counts);
        assert!(run.count("connection refused") > 10, "{:?}", run.counts);
        println!("seed {seed}: {run}");
    }
}

#[test]
fn a_destination_is_down_for_an_hour_and_what_waited_is_delivered_when_it_is_back() {
    for vendor in [Vendor::Zendesk, Vendor::Braze, Vendor::Bird, Vendor::Sunshine] {
        for kind in [OutageKind::Down, OutageKind::Silent, OutageKind::Unavailable, OutageKind::Storm(Some(60))] {
            let run = run(&outage(1, vendor, &[kind], 1), true);
            assert_well(&run);
            assert!(run.waited > 10, "{vendor:?} {kind:?}: {} waited", run.waited);
            assert_eq!(run.count("reply that ended visibly"), 0, "{vendor:?} {kind:?}");
            // The longest wait of our own choosing, and then a lane at a time.
            assert!(run.drained_in < Duration::from_secs(900), "{vendor:?} {kind:?}: {run}");
            println!("{vendor:?} {kind:?}: {run}");
        }
    }
}

/// One brand's Zendesk is down for an hour, and the other brand's customer does not notice.
#[test]
fn an_outage_of_one_brands_account_keeps_no_other_brands_customer_waiting() {
    let at = Duration::from_secs(180);
    let crowd = Some(Crowd { at, within: Duration::from_secs(4) });
    for kind in [OutageKind::Down, OutageKind::Silent, OutageKind::Storm(Some(60))] {
        let struck = Outage { vendor: Vendor::Zendesk, brand: 1, from: at, lasts: Duration::from_secs(3600), kind };
        let run = run(&Plan { customers: 40, brands: 2, outages: vec![struck], crowd, ..Plan::calm(1) }, true);
        assert_well(&run);
        assert!(run.waited > 5, "{kind:?}: {run}");
    }
}

/// Forty customers whose tickets hang or are out of bounds, and forty strangers, all at once.
#[test]
fn neither_tickets_in_trouble_nor_strangers_in_a_crowd_keep_a_known_customer_waiting() {
    let at = Duration::from_secs(180);
    for kind in [ObjectKind::Hangs, ObjectKind::Forbidden] {
        let lasts = Duration::from_secs(240);
        let objects = (1..40).map(|customer| ObjectTrouble { customer, from: at, lasts, kind }).collect();
        let crowd = Some(Crowd { at, within: Duration::from_secs(4) });
        let run = run(&Plan { customers: 80, objects, crowd, ..Plan::calm(1) }, true);
        assert_well(&run);
        let trouble = if kind == ObjectKind::Hangs { "request lost" } else { "forbidden" };
        assert!(run.count(trouble) >= 39, "{kind:?}: {:?}", run.counts);
    }
}

/// How many seeds it takes until the oracle notices that this promise is broken.
#[expect(clippy::print_stdout, reason = "how soon is worth knowing")]
fn seeds_to_notice(broken: Broken) {
    let mut seeds = 0;
    let mut noticed = None;
    run_all(
        0..SEEDS_TO_NOTICE,
        |seed| Plan::broken(seed, broken),
        |run| {
            seeds += 1;
            noticed = run.faults.into_iter().next();
            noticed.is_none()
        },
    );
    println!("{broken:?} is noticed after {seeds} seeds: {noticed:?}");
    assert!(noticed.is_some(), "{broken:?} goes unnoticed in {SEEDS_TO_NOTICE} seeds");
}

#[test]
fn the_oracle_notices_a_bridge_that_acknowledges_before_it_appends() {
    seeds_to_notice(Broken::AcknowledgesBeforeAppending);
}

#[test]
fn the_oracle_notices_a_bridge_that_forgets_an_append() {
    seeds_to_notice(Broken::ForgetsAnAppend);
}

#[test]
fn the_oracle_notices_a_bridge_that_dedupes_on_the_text_alone() {
    seeds_to_notice(Broken::DedupesOnTheText);
}

#[test]
fn the_oracle_notices_a_bridge_that_does_not_look_for_its_receipt() {
    seeds_to_notice(Broken::DoesNotLookForTheReceipt);
}

#[test]
fn the_oracle_notices_a_bridge_that_does_not_look_for_its_comment() {
    seeds_to_notice(Broken::DoesNotLookForTheAudit);
}

#[test]
fn the_oracle_notices_a_bridge_that_does_not_hear_whose_a_ticket_is() {
    seeds_to_notice(Broken::DoesNotHearTheRequester);
}

#[test]
fn the_oracle_notices_a_bridge_that_files_webhooks_under_another_brand() {
    seeds_to_notice(Broken::CrossesAccounts);
}

#[test]
fn the_oracle_notices_a_bridge_that_forgets_the_window() {
    seeds_to_notice(Broken::ForgetsTheWindow);
}

#[test]
fn the_oracle_notices_a_bridge_that_does_not_look_for_its_text_over_bird() {
    seeds_to_notice(Broken::DoesNotLookForTheTag);
}

#[test]
fn the_oracle_notices_a_bridge_that_does_not_look_for_its_text_over_sunshine_conversations() {
    seeds_to_notice(Broken::DoesNotLookForTheMark);
}

#[test]
fn the_oracle_notices_a_bridge_that_sends_again_what_a_packs_vendor_cannot_find() {
    seeds_to_notice(Broken::ResendsWhatCannotBeFound);
}

#[test]
fn the_oracle_notices_a_bridge_that_opens_tickets_without_an_idempotency_key() {
    seeds_to_notice(Broken::SendsNoIdempotencyKey);
}
