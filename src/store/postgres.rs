//! The store on PostgreSQL, on its way to any number of bridges.
//!
//! The requests are those of the embedded store, and run on the same [`super::engine`]. The rows come from a database:
//!
//! - a transaction takes the requests that wait, runs them on an empty [`scene`], [`load`]s the rows that they asked for, and runs them again
//!   until nothing is missing; then it writes the changes ([`mod@write`]) and commits ([`committer`]);
//! - the row of a conversation is the lock of all that belongs to it; bridges take such locks in one order, and before they read;
//! - a record is the one that an embedded store keeps; columns beside it serve lanes, lists and searches (`schema.sql`);
//! - every statement is unnamed and typed, and nothing needs a session, so that any pooler may stand between;
//! - each bridge signs its row ([`presence`]); a silent one loses it, and the others look for the effects of its calls;
//! - a bridge learns of the work that others brought in by a look every 100 ms ([`watch`]).
//!
//! It serves the whole contract, for one bridge. A bridge must not open it yet:
//!
//! - leases end by the clock of each process, so that two bridges disagree about them;
//! - a conversation whose first row another bridge writes meanwhile is read without its lock;
//! - a caller that goes away gives its session back inside an open transaction;
//! - a commit whose answer was lost is not known once the bridge's row is gone;
//! - budgets, duties, and the end of a gone bridge's calls are not shared.
//!
//! SQL decides nothing about a delivery. No transaction waits for a vendor, a file or another bridge's worker.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::store::StoreError;
use crate::store::engine::backend::Backend;
use crate::store::engine::core::Core;
use crate::store::engine::shared::Shared;
use crate::store::engine::tree::Look;
use crate::store::lock::lock;

mod address;
mod album;
mod columns;
mod committer;
mod common;
mod connect;
mod gauges;
mod halt;
mod lists;
mod load;
mod look;
mod open;
mod pictures;
mod presence;
mod reader;
mod requests;
mod rows;
mod save;
mod scene;
mod sorted;
mod statement;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trouble;
mod values;
mod watch;
mod write;

pub use address::{Address, Fault, Host, Password, Schema};
pub use connect::{Client, Connections, Dialer, Options, POOL, Session, Tls};
pub use trouble::Trouble;

use common::Common;
use halt::Halt;
use load::Loader;
use look::PgLook;
use requests::{Ask, Request};
use scene::Scene;

/// The longest that a sender waits for its answer while the database is away.
const SOON: Duration = Duration::from_secs(4);

/// The store of one bridge on a database.
pub struct PostgresStore {
    /// `None` only while it is being dropped.
    requests: Option<mpsc::Sender<Box<dyn Request>>>,
    common: Arc<Common>,
    tasks: Vec<JoinHandle<()>>,
}

impl Backend for PostgresStore {
    fn ask<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send + 'static,
        F: FnOnce(&mut Core) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        let (request, answer) = Ask::new(work);
        let request: Box<dyn Request> = Box::new(request);
        async move {
            self.common.shared.alive()?;
            let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
            requests.send(request).await.map_err(|_| self.why_silent())?;
            answer.await.map_err(|_| self.why_silent())?
        }
    }

    async fn ask_soon<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Core) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        let late = || StoreError::Away("it has not answered in time".into());
        tokio::time::timeout(SOON, self.ask(work)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn tell<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Core) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        self.common.shared.alive()?;
        let reading = async move {
            loop {
                match self.look_up(work.clone()).await {
                    Ok(told) => return told,
                    Err(Halt::Store(error)) => return Err(error),
                    Err(Halt::Away(why)) => self.common.presence.is_away(why),
                    Err(Halt::Raced | Halt::Gone) => {}
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let late = || StoreError::Away("it has not answered in time".into());
        tokio::time::timeout(SOON, reading).await.unwrap_or_else(|_| Err(late()))
    }

    async fn read_named<P, T, A, F>(&self, ask: A, work: F) -> Result<T, StoreError>
    where
        P: Send + 'static,
        T: Send + 'static,
        A: FnOnce(&Core) -> Result<P, StoreError> + Clone + Send + 'static,
        F: FnOnce(&dyn Look, P) -> Result<T, StoreError> + Send + 'static,
    {
        let named = self.tell(ask).await?;
        let client = self.common.client().await.map_err(StoreError::from)?;
        let (tables, runtime) = (self.common.tables.clone(), tokio::runtime::Handle::current());
        let reading = tokio::task::spawn_blocking(move || work(&PgLook::new(client, tables, runtime), named));
        reading.await.map_err(|error| StoreError::Failed(error.to_string()))?
    }

    fn shared(&self) -> &Shared {
        &self.common.shared
    }

    /// Pictures go in the commit that ends their text.
    async fn remove_pictures(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close_medium(&self, _well: bool) {
        for task in &self.tasks {
            task.abort();
        }
        let signed_off = async {
            let client = self.common.client().await?;
            presence::sign_off(&client, &self.common.tables, self.common.presence.bridge()).await
        };
        if let Err(halt) = signed_off.await {
            tracing::warn!(?halt, "store.not_signed_off: the other bridges wait until this one counts as gone");
        }
        self.common.connections.close();
    }
}

impl PostgresStore {
    /// Runs a request that changes nothing on the rows that it asks for, all as of one moment.
    async fn look_up<T>(
        &self,
        work: impl FnOnce(&Core) -> Result<T, StoreError> + Clone,
    ) -> Result<Result<T, StoreError>, Halt> {
        let base = self.common.base();
        let client = self.common.client().await?;
        client.batch_execute("begin isolation level repeatable read read only").await?;
        let mut loader = Loader::new(&client, &self.common.tables, &base, false);
        let mut scene = Scene::default();
        loop {
            let (told, wants) = {
                let core = scene.core(&base);
                let told = work.clone()(&core);
                let wants = std::mem::take(&mut lock(&scene.part).wanted);
                (told, wants)
            };
            if wants.is_empty() {
                client.batch_execute("commit").await?;
                return Ok(told);
            }
            loader.extend(&mut scene, wants).await?;
        }
    }

    fn why_silent(&self) -> StoreError {
        self.common.shared.alive().err().unwrap_or(StoreError::Closed)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.requests.take();
        for task in &self.tasks {
            task.abort();
        }
    }
}
