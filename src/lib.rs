//! **tandem**: a two-way text bridge between a customer's phone (through Braze) and a support agent (in Zendesk).
//!
//! This page is the map of the sources. A webhook goes one way through them, as a value that changes its type:
//!
//! | # | step | where | takes → gives |
//! |---|---|---|---|
//! | 1 | receive, bounded | [`http`] | request → [`intake::RawWebhook`] |
//! | 2 | verify the raw bytes | the account's [`intake::Source`] | → proof of the sender, made nowhere else |
//! | 3 | normalise | the same | → [`domain::event::Event`], or reports, or ignored, or to be quarantined |
//! | 4 | append, synced | [`store`] | → [`store::Accepted`]: new, a duplicate, or an echo of the bridge's own text |
//! | 5 | acknowledge | [`http`] | 202; store trouble → 503 with `Retry-After` |
//! | 6 | claim the heads of lanes whose needs are open, for as many free workers as share a commit | [`worker`], [`store`] | → each a [`store::Claim`] |
//! | 7 | plan the next step | [`policy`] | facts → the next [`policy::inbound::Step`] or [`policy::outbound::Step`] |
//! | 8 | render | [`mapping`] | [`mapping::Context`] → request body |
//! | 9 | call | [`ports`], which [`vendors`]' clients implement | → view, or a [`ports::Failure`] named by the next thing to do |
//! | 10 | decide | [`domain::retry`], [`domain::refusals`], [`domain::delivery`] | state + outcome + now → next state |
//! | 11 | record, synced | [`store`] | [`store::Verdict`]: states, changes learnt, follow-up events, in one commit |
//!
//! No step calls an earlier one. The answer to the sender needs no step after 5, and promises nothing before step 4 is
//! done. Steps 2, 3, 7, 8 and 10 are plain functions: no I/O, no clock, not async.
//!
//! # The modules, in reading order
//!
//! * [`domain`] — messages, conversations and deliveries, and every rule about them. It never does I/O, never reads the
//!   clock and names no vendor, only desks and carriers. Every module may use it, and it uses none.
//! * [`policy`] — the next step of a message, from the facts known so far: pure functions with a table each. It knows
//!   [`domain`] only, and never takes the step.
//! * [`intake`] — the port [`intake::Source`], and the values and readers that all webhooks share: the proof of a sender,
//!   forms, hand-typed JSON. A body is never parsed before it is verified.
//! * [`keys`] — the machine of typed configuration keys: reading, showing and reloading follow from one declaration. It
//!   never names a key.
//! * [`mapping`] — from events to request bodies, and from the codes of notes to words in a language. Liquid fills
//!   leaves and never builds JSON. [`mapping::suppose`] makes a context of an event alone, for people who try a
//!   mapping.
//! * [`store`] — the durable state: a change is on the disk once its call returns. It has five sides: [`store::Inbox`] for
//!   webhooks, [`store::Queue`] for the worker, [`store::Archive`] to read, [`store::Control`] for operators and
//!   [`store::Album`] for customers' pictures. An index in memory answers lists and searches, and is filled from the
//!   records when a store is opened. `store/engine` serves the requests, on all of a store in this process
//!   ([`store::embedded`]) or on the loaded part of one that several bridges share ([`store::postgres`], which no configuration
//!   opens yet). It never calls a vendor.
//! * [`ports`] — the bridge's side of every account, in words that name no vendor: [`ports::Source`], [`ports::Desk`] with its
//!   four sides and [`ports::Carrier`]. The folders of the vendors implement them. It never does I/O itself.
//! * [`vendors`] — one folder a vendor: its configuration keys, the source of its webhooks, the client for its API, its
//!   limits, the words of its errors and their remedies, the objects that it needs and the differences from those that exist. No vendor names
//!   another, and none decides policy. [`vendors::http`] makes
//!   all calls, also to the identity provider at which operators sign in. A vendor's answer is kept as evidence
//!   ([`domain::answer`]) that no rule reads.
//! * [`worker`] — claims, acts and records. `worker/steps` has a folder for each way of a claim: `inbound` to the ticket, with the
//!   fetching of pictures, `outbound` to the phone, and `lookup` for both; each step has the collaborators that it uses and no
//!   others. Beside the steps, loops catch up on missed webhooks, find the delivery of each of a carrier's reports and drop old
//!   records. A loop that ends is started again. It never sees an incoming request.
//! * [`http`] — the public router, and the operator's router with the API and the console (pages in `templates`, their
//!   assets in `assets`). Each operator's route names the role that it needs ([`domain::access`]). It never calls a
//!   vendor.
//! * [`serve`] — the composition root: builds all of the above from a [`config`] and takes it down in order.
//! * [`config`] — the only reader of the environment, of configuration files and of the secrets file beside them.
//! * [`cli`] — the sub-commands. [`demo`] is a page to try a conversation on and [`drill`] plays a disaster, both
//!   against the [`sandbox`], an embedded Zendesk and Braze over real HTTP, which the tests use as well.
//! * [`clock`] — the only reader of the wall clock and of chance. It follows the wall clock only as far as the
//!   monotonic clock or a vendor's date confirms it. [`telemetry`] — logs, metrics and traces. [`failpoint`] — the
//!   points at which a test build can be made to die; a release build has none.
//!
//! Intake and worker meet only in the store, which wakes the worker. `store` and `vendors` do not know each other. A
//! test (`tests/it/layering.rs`) reads the sources and fails when a layer reaches up.
//!
//! # Add a carrier
//!
//! A further carrier costs one folder, and one line that lists it. The configuration, the bridge, the checks, the console and
//! `tandem setup` ask the folder ([`vendors::folder`]), so none of them names the new vendor.
//!
//! | file | holds |
//! |---|---|
//! | `src/vendors/NAME.rs` | the list of the folder's modules, itself declared by `pub mod NAME;` in `src/vendors.rs` |
//! | `…/NAME/keys.rs` | the table of an account's keys ([`keys`]), and the shape of its lines' addresses |
//! | `…/NAME/source.rs` | the reader of its webhooks ([`intake::Source`]) |
//! | `…/NAME/client.rs`, `carrier.rs`, `limits.rs`, `error_phrases.rs` | its client ([`ports::Carrier`]) with its budgets, and the repeatable part of its errors |
//! | `…/NAME/checkup.rs`, `remedies.rs` | its words for a look at an installation, and for trouble |
//! | `…/NAME/folder.rs` | `impl Folder` and `impl CarrierFolder`: all of the above, and how an account is set up |
//! | `src/vendors/registry.rs` | the line `Name = "name", Carrier, super::name::Name;` at its end |
//! | `src/sandbox/NAME.rs`, `tests/it/NAME.rs`, `docs/NAME.md` | the embedded vendor for tests, the tests, and the page for operators |
//!
//! A carrier's causes begin with its title, as in "Braze answered 400", and are known by that form. Its folder gives a code of
//! its own the words of [`domain::cause`] and of [`domain::note`], from which agents' notes follow. A
//! test (`tests/it/layering/one_folder.rs`) fails where a further vendor is named elsewhere.
//!
//! # Glossary
//!
//! * *account* — one access to one vendor, under a name of the configuration ([`domain::account::AccountId`]).
//! * *carrier* — an account that reaches phones and brings the customers' texts.
//! * *catch-up* — the look for agents' replies, and for customers' texts, whose webhooks never came ([`worker`]).
//! * *claim* — the head of a lane, handed to one worker ([`store::Claim`]).
//! * *dead letter* — a delivery that was given up, kept with its cause.
//! * *desk* — an account on whose tickets agents answer.
//! * *doorbell* — an event that says where an agent wrote and carries no words; the reply is read from the ticket.
//! * *echo* — the bridge's own comment, brought back by a trigger.
//! * *fence* — the number of a claim; a result with an older number is void.
//! * *lane* — the queue of one conversation in one direction; only its head is tried ([`domain::lanes`]).
//! * *lease* — the time for which a claim is its worker's own ([`domain::delivery::LEASE`]).
//! * *port* — the words in which the worker calls an account of any vendor ([`ports`]).
//! * *plan* — a pure function from the known facts to the next step ([`policy::inbound`], [`policy::outbound`]).
//! * *quarantine* — the place of an authentic body that could not be read, until an operator has it read again.
//! * *receipt* — the proof of an effect: the ticket and comment, the dispatch id, or the bridge's mark on a profile.
//! * *redrive* — an operator puts a delivery back at its place in the lane.
//! * *route* — the direction of a delivery and the account that it calls ([`domain::account::Route`]).
//! * *stand-in* — the name in the place of a talk's, as long as the talk with a number is not known ([`ports::Carrier::leaves_nothing`]).
//! * *template* — the request to write again, in the form that a channel takes outside of its window.
//! * *window* — the time after a customer's message in which their channel takes free text ([`policy::window`]).
//!
//! # The promises, and where they are kept
//!
//! 1. **An acknowledged webhook is not lost.** [`store::Inbox::accept`] returns after a real `fdatasync`. Each later
//!    step of a delivery is recorded before its lane opens again.
//! 2. **No message is shown twice.** Repeated webhooks stop at their dedupe keys. After a lost answer, the bridge looks
//!    for the effect of the call (a mark in the ticket's audit, a receipt on the profile) before it calls again. A
//!    ticket is created under an idempotency key. docs/reliability.md, "Not protected", lists the cases that this cannot
//!    cover.
//! 3. **A conversation keeps its order in each direction**, and never waits for another: a lane has one head, and a
//!    head holds its own lane only ([`domain::lanes`]).
//! 4. **No failure is silent.** A message that is given up becomes an internal comment on the ticket and a dead letter
//!    for the operator. A message of unknown fate becomes a comment as well and waits for the operator as unconfirmed.
//!    The note to the agent is a code with fields ([`domain::note`]), its reason a cause that can be taken apart
//!    ([`domain::cause`]).
//! 5. **No sender gets in** without a signature or token, and a customer's text is never code.

pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod drill;
pub mod failpoint;
pub mod http;
pub mod intake;
pub mod keys;
pub mod mapping;
pub mod policy;
pub mod ports;
pub mod sandbox;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod vendors;
pub mod worker;

/// An event is allocated where it is received and freed by the store's threads, many to one. glibc's allocator spends
/// more on that than all of intake does (`cargo bench --bench accept` measures it). jemalloc is used only where pages
/// are 4 KiB on every machine, because one built for smaller pages than the kernel's does not start.
#[cfg(all(feature = "jemalloc", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
