//! A real PostgreSQL for the tests of this module, with a database for each.

use tokio_postgres::types::{ToSql, Type};

use super::address::Address;
use super::connect::{Client, Connections, Options, Tls};
use super::statement::Tables;
use crate::sandbox::postgres::Server;

/// The server that the tests of one process share.
pub(super) fn server() -> &'static Server {
    Server::shared().unwrap()
}

/// The way to a database of that server.
pub(super) fn options(url: &str) -> Options {
    Options { tls: Tls::Disable, ..Options::new(Address::parse(url).unwrap()) }
}

/// A database with empty tables.
pub(super) struct Database {
    pub(super) connections: Connections,
    pub(super) tables: Tables,
}

impl Database {
    pub(super) async fn new() -> Self {
        let options = options(&server().database().unwrap());
        let (connections, tables) = (Connections::new(&options).unwrap(), Tables::of(&options.schema));
        let client = connections.get().await.unwrap();
        client.batch_execute("create schema tandem").await.unwrap();
        client.batch_execute(&tables.sql(include_str!("schema.sql"))).await.unwrap();
        Self { connections, tables }
    }

    pub(super) async fn client(&self) -> Client {
        self.connections.get().await.unwrap()
    }

    pub(super) async fn execute(&self, sql: &str, values: &[(&(dyn ToSql + Sync), Type)]) {
        let client = self.client().await;
        self.tables.rows(&client, sql, values).await.unwrap();
    }
}
