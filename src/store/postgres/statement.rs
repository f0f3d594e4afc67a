//! For statements: all are unnamed and typed, so that any pooler between takes them, and name the schema themselves.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::address::Schema;
use super::halt::Halt;

/// The tables of a store, by the schema in which they stand.
#[derive(Clone, Debug)]
pub(super) struct Tables(String);

impl Tables {
    /// The tables in this schema, whose name needs no quotes.
    pub(super) fn of(schema: &Schema) -> Self {
        Self(format!("{schema}."))
    }

    /// The name of the schema.
    pub(super) fn name(&self) -> &str {
        self.0.trim_end_matches('.')
    }

    /// A statement for this schema. It is written for the schema `tandem`.
    pub(super) fn sql(&self, statement: &str) -> String {
        statement.replace("tandem.", &self.0)
    }

    /// The rows that a statement gives.
    pub(super) async fn rows(
        &self,
        client: &Client,
        statement: &str,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Halt> {
        let statement = self.sql(statement);
        // On the heap, because a transaction has many of them in hand at once.
        Ok(Box::pin(client.query_typed(&statement, values)).await?)
    }
}
