//! A vendor's answers to the failed attempts of a delivery, as the API shows them. Never shows a credential of
//! tandem's.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::answer;

/// The vendor's answers to the failed attempts of one delivery.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct VendorAnswers {
    /// The newest eight, oldest first; equal ones in a row are one.
    items: Vec<VendorAnswer>,
    /// How many older answers were dropped.
    older: u64,
}

/// A vendor's answer to the call at which an attempt failed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct VendorAnswer {
    /// When it came; for several equal ones in a row, when the last came.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// How many equal ones came in a row.
    times: u32,
    /// The call, by its method and path.
    call: String,
    /// The HTTP status.
    status: u16,
    /// The header `Content-Type`.
    #[schema(required)]
    content_type: Option<String>,
    /// The first 1,024 bytes of the body. A control character stands as its picture or its code, a credential of
    /// tandem's as `[the credential]`.
    body: String,
    /// How many bytes the whole body had.
    length: u64,
}

impl From<answer::Answers> for VendorAnswers {
    fn from(answers: answer::Answers) -> Self {
        let items = answers.kept.into_iter().map(|answer| VendorAnswer {
            at: answer.at,
            times: answer.times,
            call: answer.call,
            status: answer.status,
            content_type: answer.content_type,
            body: answer.body,
            length: answer.length,
        });
        Self { items: items.collect(), older: answers.older }
    }
}
