//! The embedded carriers that the demo runs over, each with a handset of its customer. It never reads what a handset shows.

mod bird;
mod braze;
mod sunshine;

use std::io;
use std::time::Duration;

use super::handset::{Handset, Settings};
use crate::clock::Clock;
use crate::sandbox::Sandbox;

/// The carrier of the demo's texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Carrier {
    /// Braze.
    #[default]
    Braze,
    /// Bird.
    Bird,
    /// Sunshine Conversations.
    Sunshine,
}

impl Carrier {
    /// The handset of a customer on this carrier, which is embedded beside the sandbox's desk and tries a webhook again
    /// after this pause; Braze has the sandbox's own pause.
    pub(super) async fn start(
        self,
        sandbox: &Sandbox,
        retry_spacing: Duration,
        clock: Clock,
    ) -> io::Result<Box<dyn Handset>> {
        Ok(match self {
            Self::Braze => Box::new(braze::OnBraze::new(sandbox)),
            Self::Bird => Box::new(bird::OnBird::start(retry_spacing, clock).await?),
            Self::Sunshine => Box::new(sunshine::OnSunshine::start(retry_spacing, clock).await?),
        })
    }
}

/// The part of the sandbox's Braze in the bridge's configuration, with more lines for its table.
pub(crate) fn of_braze(sandbox: &Sandbox, more: &str) -> Settings {
    braze::settings(sandbox.braze.url(), more)
}
