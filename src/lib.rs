//! **tandem**: a two-way text bridge between a customer's phone (through Braze) and a support agent (in Zendesk).
//!
//! This page is the map of the house. A webhook goes one way through it, as a value that changes its type:
//!
//! | # | step | where | takes → gives |
//! |---|---|---|---|
//! | 1 | receive, bounded | [`http`] | request → [`intake::RawWebhook`] |
//! | 2 | verify the raw bytes | [`intake`] | → proof of the sender, made nowhere else |
//! | 3 | normalise | [`intake`] | → [`domain::event::Event`], or ignored, or to be quarantined |
//! | 4 | append, synced | [`store`] | → [`store::Accepted`]: new, a duplicate, or our own echo |
//! | 5 | acknowledge | [`http`] | 202; store trouble → 503 with `Retry-After` |
//! | 6 | claim the head of a lane whose needs are open | [`worker`], [`store`] | → [`store::Claim`] |
//! | 7 | decide what is owed | [`domain::plan`] | facts → the next [`domain::plan::Step`] |
//! | 8 | render | [`mapping`] | [`mapping::Context`] → request body |
//! | 9 | call | [`clients`] | → answer, or a [`clients::Failure`] named by what to do next |
//! | 10 | decide | [`domain::retry`], [`domain::refusals`], [`domain::delivery`] | state + outcome + now → next state |
//! | 11 | record, synced | [`store`] | [`store::Verdict`]: states, what was learnt, follow-up events, in one commit |
//!
//! No step calls an earlier one. Nothing after 5 is needed to answer the sender, and nothing before 4 is promised to
//! it. Steps 2, 3, 7, 8 and 10 are plain functions: no I/O, no clock, not async.
//!
//! # The modules, in reading order
//!
//! * [`domain`] — what a message, a conversation and a delivery are, and every rule about them. It never does I/O and
//!   never reads the clock; everything may point at it, and it points at nothing.
//! * [`intake`] — from raw webhooks to events. Nothing is parsed before it is verified.
//! * [`mapping`] — from events to request bodies, and from the codes of notes to words in a language. Liquid fills leaves; it
//!   never builds JSON. [`mapping::suppose`] is the one way from an event alone to a context, for people who try a mapping.
//! * [`store`] — the durable heart: what is true once a call returns. Lists and searches are answered from an index in memory,
//!   which is filled from the records when a store is opened. It never calls a vendor.
//! * [`clients`] — every word to Zendesk, Braze and the identity provider at which operators sign in, and what the answers
//!   mean. They never decide policy, and what a vendor answered is evidence ([`domain::answer`]) that no rule reads.
//! * [`worker`] — claims, acts, records; asks for replies of which no webhook told; drops what is old. Its loops are started
//!   again when one ends. It never sees an incoming request.
//! * [`http`] — the public and the operator's routers, the operator's with the API and the console (its pages are in
//!   `templates`, what they load in `assets`), each route of theirs with the role that it needs ([`domain::access`]). They
//!   never call a vendor.
//! * [`serve`] — the composition root: builds all of the above from a [`config`] and takes it down in order.
//! * [`config`] — the only reader of the environment, of configuration files and of the secrets file beside them.
//! * [`setup`] — what the two vendors must be set up with, and how that differs from what is there. It never calls them.
//! * [`cli`] — the sub-commands; [`demo`] is a page to try a conversation on and [`drill`] plays a disaster, both against
//!   the [`sandbox`], an embedded Zendesk and Braze over real HTTP, which the tests use as well.
//! * [`clock`] — the only reader of the wall clock, which it follows as far as the monotonic one or a vendor's date bears it
//!   out, and of chance; [`telemetry`] — logs, metrics and traces; [`failpoint`] — where a test build can be made to die.
//!   A release build has none.
//!
//! Intake and worker meet only in the store, which wakes the worker. `store` and `clients` do not know each other. A
//! test (`tests/it/layering.rs`) reads the sources and fails when a layer reaches up.
//!
//! # The promises, and where they are kept
//!
//! 1. **What was acknowledged is not lost.** [`store::Store::accept`] returns after a real `fdatasync`; everything else
//!    a delivery needs is recorded before its lane opens again.
//! 2. **Nothing is shown twice.** Repeated webhooks stop at their dedupe keys. A call whose answer was lost is looked
//!    for (a mark in the ticket's audit, a receipt on the profile) before it is made again; a ticket is created under
//!    an idempotency key. The cases that this cannot cover stand in docs/reliability.md, "Not protected".
//! 3. **A conversation keeps its order in each direction**, and never waits for another: a lane has one head, and a
//!    head holds its own lane only ([`domain::lanes`]).
//! 4. **Nothing fails silently.** A message that is given up becomes an internal comment on the ticket and a dead
//!    letter for the operator; so does, still unconfirmed, one of which tandem cannot tell whether it arrived. What the
//!    agent is told is a code with fields ([`domain::note`]), and why, a cause that can be taken apart ([`domain::cause`]).
//! 5. **Nobody gets in** without a signature or token, and nothing that a customer types is ever code.

pub mod cli;
pub mod clients;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod drill;
pub mod failpoint;
pub mod http;
pub mod intake;
pub mod mapping;
pub mod sandbox;
pub mod serve;
pub mod setup;
pub mod store;
pub mod telemetry;
pub mod worker;

/// An event is allocated where it is received and let go by the store's threads, many to one. glibc's allocator spends
/// more on that than all of intake does (`cargo bench --bench accept` measures it). Only where pages are 4 KiB on every
/// machine: a jemalloc built for smaller pages than the kernel's does not start.
#[cfg(all(feature = "jemalloc", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
