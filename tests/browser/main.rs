//! The pages in a real browser: headless Chromium, driven through `chromedriver`.
//!
//! For tests that need a browser: a page works, keeps to its own origin, complains of nothing, is accessible and fits on a
//! phone. All of them are ignored unless asked for, so that the plain test command needs nothing installed:
//!
//! ```console
//! tests/install-browser
//! cargo test --test browser -- --include-ignored
//! ```

#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod axe;
mod browser;
mod console;
mod delivery;
mod demo;
mod driver;
mod harness;
#[cfg(feature = "oidc")]
#[allow(dead_code, reason = "the integration tests let it lie")]
#[path = "../shared/provider.rs"]
mod provider;
mod screenshots;
mod setup;
#[cfg(feature = "oidc")]
mod sign_on;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "the integration tests use all of it")]
mod support;
mod tandem;
