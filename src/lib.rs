//! tandem: a two-way text bridge between Braze and Zendesk.

pub mod cli;
pub mod clients;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod intake;
pub mod mapping;
pub mod sandbox;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod worker;
