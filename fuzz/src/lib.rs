//! The rules for every input, however hostile: the properties behind the fuzz targets.
//!
//! Each module has one `check`, which takes any bytes and panics when a promise is broken. They use the bridge's public
//! interface only. Two things call them: the fuzz targets (`fuzz_targets/`, with cargo-fuzz), and the smoke
//! run under plain `cargo test` (`tests/it/fuzz.rs`), which takes this file in as a module. `seeds/` holds where both
//! start from, one directory a target.

#![allow(unreachable_pub, reason = "as a module of the smoke run, nothing here is reachable from outside")]
#![allow(clippy::unwrap_used, reason = "a check stops where it cannot go on")]

pub mod braze;
pub mod breakout;
pub mod config;
pub mod event;
pub mod html;
mod intake;
pub mod json;
pub mod mapping;
pub mod phone;
pub mod recipe;
pub mod signature;
pub mod zendesk;

/// One property, under the name of its fuzz target and of its directory in `seeds/`.
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Panics when these bytes break the property.
    pub check: fn(&[u8]),
    /// How many times as long one input takes as elsewhere.
    pub cost: u64,
}

/// Every property.
pub const TARGETS: [Target; 11] = [
    Target { name: "zendesk", check: zendesk::check, cost: 1 },
    Target { name: "braze", check: braze::check, cost: 1 },
    Target { name: "recipe", check: recipe::check, cost: 1 },
    Target { name: "breakout", check: breakout::check, cost: 3 },
    Target { name: "json", check: json::check, cost: 1 },
    Target { name: "signature", check: signature::check, cost: 2 },
    Target { name: "mapping", check: mapping::check, cost: 30 },
    Target { name: "event", check: event::check, cost: 10 },
    Target { name: "html", check: html::check, cost: 1 },
    Target { name: "phone", check: phone::check, cost: 1 },
    Target { name: "config", check: config::check, cost: 1 },
];
