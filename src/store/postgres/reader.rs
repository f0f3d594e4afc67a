//! For reading rows by keys. A statement without a key is not sent.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::halt::Halt;
use super::statement::Tables;

/// A transaction's way to the tables.
pub(super) struct Reader<'a> {
    pub(super) client: &'a Client,
    pub(super) tables: &'a Tables,
}

impl Reader<'_> {
    /// The rows that a statement gives for these keys; without a key it is not sent.
    pub(super) async fn by<T: ToSql + Sync>(
        &self,
        statement: &str,
        keys: &Vec<T>,
        kind: Type,
    ) -> Result<Vec<Row>, Halt> {
        if keys.is_empty() { Ok(Vec::new()) } else { self.rows(statement, &[(keys, kind)]).await }
    }

    /// The rows that a statement gives.
    pub(super) async fn rows(&self, statement: &str, values: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>, Halt> {
        self.tables.rows(self.client, statement, values).await
    }
}
