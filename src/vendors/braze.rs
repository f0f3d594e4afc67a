//! Braze: the source of its webhooks, the published recipe, its client, its setup and its checkup. Never names another vendor.

mod campaigns;
mod carrier;
pub mod checkup;
mod client;
pub mod currents;
mod error_phrases;
mod folder;
mod installation;
pub mod keys;
mod limits;
mod lines;
mod recipe;
pub mod remedies;
pub mod setup;
pub mod source;

pub use client::{Braze, BrazeOptions, details};
pub use installation::Installation;
