//! The one integration-test binary: tests that need the whole crate, its sources or its dependencies.
//!
//! One binary, so that it links once. Tests of a single module stand in that module.

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod accounts;
mod agents_words;
mod alarm;
mod apart;
mod api;
mod bad_input;
mod bird;
mod bulk;
mod calls;
mod came_in;
mod catch_up;
mod check_live;
mod command;
mod console;
mod currents;
mod demo;
mod dependencies;
mod docs;
mod drill;
mod find;
mod full_ticket;
mod further_accounts;
mod fuzz;
mod generated;
mod heal;
mod inbound;
mod inbound_once;
mod inert;
mod init;
mod kill;
mod kubernetes;
mod layering;
mod liquid;
mod loops;
mod mappings;
mod merges;
mod moved_store;
mod notes;
#[cfg(feature = "oidc")]
mod oidc;
mod old_store;
mod openapi;
mod operator;
#[path = "../shared/oracle.rs"]
mod oracle;
mod outbound;
mod outbound_once;
mod packaging;
mod packs;
mod pages;
mod people;
mod pictures;
mod power;
mod pressure;
mod previews;
mod process;
#[cfg(feature = "oidc")]
#[path = "../shared/provider.rs"]
mod provider;
mod proxies;
mod put_back;
mod recipe;
mod refusal;
mod release;
mod reload;
mod requester;
mod seen;
mod settled;
mod setup;
mod shipped;
mod shown;
mod stop;
mod store_limits;
mod storm;
mod sunshine;
mod sunshine_client;
mod support;
mod told;
#[cfg(feature = "otel")]
mod traces;
mod vendor_answers;
mod voice;
mod waiting;
mod webhooks;
mod whatsapp;
mod whose;
mod wrong_clock;
