//! The console's own state, and the sources of its pages. It never makes a page.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::provider::{Provider, UnderWay};
use super::session::Sessions;
use crate::domain::account::AccountId;
use crate::domain::budget::{Level, Reached};
use crate::domain::note::{Note, Says};
use crate::domain::remedy::Remedies;
use crate::http::connections::Source;
use crate::http::tries::{TooMany, Tries};
use crate::mapping::{DEFAULT_LANGUAGE, Mappings};
use crate::telemetry::Samples;

/// Pages that are kept up to date at most; further ones stand still.
const STREAMS_MAX: usize = 32;

/// The sources of the console's pages.
#[derive(Clone, Default)]
pub struct ConsoleOptions {
    /// The mappings in force, for previews of an event's requests; `None` shows no previews.
    pub mappings: Option<watch::Receiver<ShownMappings>>,
    /// The campaigns that are configured.
    pub campaigns: PreviewCampaigns,
    /// The settings in force; `None` shows none.
    pub settings: Option<watch::Receiver<Vec<SettingsGroup>>>,
    /// Checks the configuration; `None` where it is not from a file.
    pub check: Option<Check>,
    /// The calls that the vendors still allow; `None` shows none.
    pub allowances: Option<Allowances>,
    /// The address of each desk, for links to its tickets.
    pub desk_urls: BTreeMap<AccountId, Url>,
    /// The metrics of the last hour.
    pub samples: Arc<Samples>,
    /// The identity provider; `None` where operators sign in with tokens only.
    pub provider: Option<Provider>,
    /// Cancelled when the bridge stops, which ends the streams of open pages.
    pub stopping: CancellationToken,
}

/// The mappings in force.
#[derive(Clone, Debug)]
pub struct ShownMappings {
    /// Compiled.
    pub mappings: Mappings,
    /// The operator's own files, by name.
    pub files: BTreeMap<String, String>,
}

/// The campaigns that the requests of the previews go through.
#[derive(Clone, Debug, Default)]
pub struct PreviewCampaigns {
    /// For agents' replies.
    pub agent_reply: Option<String>,
    /// For the closing text.
    pub ticket_solved: Option<String>,
}

/// The calls that a vendor still allows, and the remedies where it allows none.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    /// The calls left under each limit, the widest limit first.
    pub levels: Vec<Level>,
    /// The limits that hold calls back now.
    pub reached: Vec<Reached>,
    /// The remedies where the vendor refuses the bridge or does not answer.
    pub remedies: Remedies,
}

/// Reads an account's [`Allowance`].
pub type Allowances = Arc<dyn Fn(AccountId) -> Allowance + Send + Sync>;

/// One configured value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key, with dots between its levels.
    pub key: String,
    /// The value in words, never a secret; empty when it is not set.
    pub value: String,
}

/// Values that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsGroup {
    /// Their common subject.
    pub title: String,
    /// In the order of the reference.
    pub settings: Vec<Setting>,
}

/// The findings of a check of the configuration, in sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The faults that keep it from being used.
    pub faults: Vec<String>,
    /// The warnings that do not.
    pub warnings: Vec<String>,
}

/// Checks the configuration as it is on the disk now. The check reads files, so it runs off the async threads.
pub type Check = Arc<dyn Fn() -> Checked + Send + Sync>;

/// The console's own state.
#[derive(Clone)]
pub struct Console {
    pub(super) options: ConsoleOptions,
    pub(super) sessions: Arc<Sessions>,
    /// The recent wrong tokens.
    pub(super) tries: Arc<Tries>,
    /// The sign-ins that have begun at the identity provider.
    pub(super) under_way: Arc<UnderWay>,
    /// The permits for pages that are kept up to date.
    pub(super) streams: Arc<Semaphore>,
}

impl Default for Console {
    fn default() -> Self {
        Self::new(ConsoleOptions::default())
    }
}

impl Console {
    /// A console without sessions.
    #[must_use]
    pub fn new(options: ConsoleOptions) -> Self {
        Self {
            options,
            sessions: Arc::default(),
            tries: Arc::default(),
            under_way: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }
}

impl Console {
    /// The mappings in force.
    pub(super) fn mappings(&self) -> Option<Mappings> {
        self.options.mappings.as_ref().map(|shown| shown.borrow().mappings.clone())
    }

    /// The operator's own files of mappings, as they are in force.
    pub(super) fn mapping_files(&self) -> BTreeMap<String, String> {
        self.options.mappings.as_ref().map(|shown| shown.borrow().files.clone()).unwrap_or_default()
    }

    /// The identity provider, where the configuration has one.
    pub(super) fn provider(&self) -> Option<&Provider> {
        self.options.provider.as_ref()
    }

    /// The language that notes are written in.
    pub(super) fn language(&self) -> String {
        self.mappings().map_or_else(|| DEFAULT_LANGUAGE.to_owned(), |mappings| mappings.language().to_owned())
    }

    /// The text of a note for agents about this carrier; its code where there are no mappings to word it.
    pub(super) fn says(&self, note: &Note, carrier: &str) -> String {
        match (self.mappings(), &note.says) {
            (Some(mappings), _) => mappings.say([note], carrier),
            (None, Says::Words { text }) => text.clone(),
            (None, Says::Coded(saying)) => saying.code().to_owned(),
        }
    }

    /// Counts a wrong token at the API, together with those at the sign-in.
    pub(in crate::http) fn wrong_token(&self, from: Option<Source>, now: Timestamp) -> Result<(), TooMany> {
        self.tries.wrong_token(from, now)
    }
}
