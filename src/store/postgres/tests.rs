//! The contract on a real PostgreSQL, a database of its own for each test.

use async_trait::async_trait;
use jiff::Timestamp;

use super::testing::{options, server};
use super::*;
use crate::store::StoreLimits;
use crate::store::contract::{Home, contract_tests};

/// A database of the server that the tests share.
struct OnPostgres {
    url: String,
    name: String,
}

#[async_trait]
impl Home for OnPostgres {
    type Store = PostgresStore;

    async fn new() -> Self {
        Self::named(server().database().unwrap())
    }

    async fn open(&self, limits: StoreLimits, now: Timestamp) -> PostgresStore {
        PostgresStore::open(&options(&self.url), limits, (7, now)).await.unwrap()
    }

    async fn crash(&self, store: PostgresStore, now: Timestamp) -> (Self, PostgresStore) {
        store.tasks.iter().for_each(JoinHandle::abort);
        store.common.connections.close();
        let elsewhere = self.copy();
        // The bridge that had the store is gone with its machine.
        server().sql(&elsewhere.name, "delete from tandem.bridge").unwrap();
        let again = elsewhere.open(StoreLimits::default(), now).await;
        (elsewhere, again)
    }
}

impl OnPostgres {
    fn named(url: String) -> Self {
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        Self { url, name }
    }

    /// The database as it is now, under another name.
    fn copy(&self) -> Self {
        let to = format!("{}_again", self.name);
        let end = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", self.name);
        server().sql("postgres", &end).unwrap();
        server().sql("postgres", &format!("create database {to} template {}", self.name)).unwrap();
        Self { url: server().url(&to), name: to }
    }
}

contract_tests!(OnPostgres);
