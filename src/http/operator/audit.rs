//! The list of the operators' acts, from the store's audit. Never shows a customer's words.

use axum::extract::State;
use axum::response::Response;
use http::Uri;

use super::requests::{Query, Refusal, answer, page_json, to_json};
use crate::domain::operator::AuditEntry;
use crate::http::answers;
use crate::http::state::OperatorState;

/// `GET /api/audit`: newest first.
pub(super) async fn list(State(state): State<OperatorState>, uri: Uri) -> Response {
    let listed = async {
        let mut query = Query::read(&uri, &["after", "limit"])?;
        let number = |word: String| {
            word.parse::<u64>().map_err(|_| Refusal::Bad("after must be the number of an entry".to_owned()))
        };
        let after = query.take("after").map(number).transpose()?;
        let page = state.store.audit(after, query.limit()?).await?;
        let entry_json = |entry: &AuditEntry| to_json(&answers::AuditEntry::from(entry));
        Ok(page_json(&page, entry_json, |entry| entry.number.to_string()))
    };
    answer(listed.await, &state)
}
