//! Runs the simulation for as many seeds as are wanted, or one of them with its whole trace.
//!
//! ```text
//! cargo run --release --example simulate -- --seeds 100000
//! cargo run --release --example simulate -- --seed 4711
//! ```

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers prints, and stops where it fails")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

#[path = "../tests/shared/oracle.rs"]
mod oracle;
#[path = "../tests/simulation"]
mod simulation {
    pub(crate) mod sim;
}

use simulation::sim;
use simulation::sim::plan::{Broken, Plan};

/// Simulates the bridge between two vendors, with everything that can go wrong, in virtual time.
#[derive(Parser)]
struct Arguments {
    /// Run this one seed and print its history.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Break this promise, to see how soon and in which words the oracle notices.
    #[arg(long)]
    broken: Option<Broken>,
}

fn main() -> ExitCode {
    let Arguments { seed, seeds, first, broken } = Arguments::parse();
    let plan = |seed| broken.map_or_else(|| Plan::of(seed), |broken| Plan::broken(seed, broken));
    let failed = match seed {
        Some(seed) => one(&plan(seed)),
        None => many(first..first.saturating_add(seeds), plan),
    };
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(plan: &Plan) -> usize {
    println!("{plan:#?}");
    let run = sim::run(plan, true);
    println!("{}{:#?}\n{run}, {} steps\n{:#?}", run.trace, run.counts, run.steps, run.faults);
    run.faults.len()
}

fn many(seeds: Range<u64>, plan: impl Fn(u64) -> Plan + Sync) -> usize {
    let started = Instant::now();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut simulated, mut failed) = (Duration::ZERO, 0);
    sim::run_all(seeds.clone(), plan, |run| {
        simulated += run.lasted;
        for (what, times) in &run.counts {
            *counts.entry(what).or_default() += times;
        }
        if !run.faults.is_empty() {
            failed += 1;
            println!("seed {}: {:#?}", run.seed, run.faults);
        }
        true
    });
    println!("{counts:#?}");
    let (hours, took) = (simulated.as_secs() / 3600, started.elapsed());
    println!("seeds {seeds:?}: {hours} simulated hours in {took:.1?}, {failed} seeds failed");
    failed
}
