//! The parts of a store that its transactions, its looks and its lists share. Nothing here runs a request.

use std::sync::Mutex;

use crate::store::engine::shared::Shared;
use crate::store::lock::lock;

use super::connect::{Client, Connections};
use super::gauges::{Numbers, Standing};
use super::halt::Halt;
use super::pictures::Pictures;
use super::presence::Presence;
use super::scene::Base;
use super::statement::Tables;

/// The parts of a store that its transactions share.
pub(super) struct Common {
    pub(super) connections: Connections,
    pub(super) tables: Tables,
    pub(super) shared: Shared,
    pub(super) base: Mutex<Base>,
    pub(super) numbers: Mutex<Numbers>,
    pub(super) presence: Presence,
    /// Held by a transaction until its changes are counted, and by the count of all rows.
    pub(super) counting: tokio::sync::RwLock<()>,
    pub(super) pictures: Pictures,
    /// The most room for pictures.
    pub(super) pictures_bytes: u64,
}

impl Common {
    /// The base of the next run, with the numbers of now.
    pub(super) fn base(&self) -> Base {
        let mut base = lock(&self.base).clone();
        base.whole = lock(&self.numbers).whole();
        base
    }

    /// A connection, by which the database may be reached.
    pub(super) async fn client(&self) -> Result<Client, Halt> {
        Ok(self.connections.get().await?)
    }

    /// The number of commits so far.
    pub(super) fn commits(&self) -> u64 {
        lock(&self.base).commits
    }

    /// Shows the numbers as they were read after so many commits, unless there were more since.
    pub(super) fn show_of(&self, standing: &Standing, commits: u64) {
        let mut base = lock(&self.base);
        if base.commits > commits {
            return;
        }
        base.operator.pauses.clone_from(&standing.pauses);
        base.time_since = standing.time_since.unwrap_or(base.time_since);
        base.ages_since = standing.ages_since.unwrap_or(base.ages_since);
        let backlog_max = base.limits.backlog_max;
        self.shared.show(standing.gauges(&lock(&self.numbers), backlog_max));
    }

    /// Shows the numbers after one more commit.
    pub(super) fn show(&self, standing: &Standing) {
        let commits = {
            let mut base = lock(&self.base);
            base.commits += 1;
            base.commits
        };
        self.show_of(standing, commits);
    }
}
