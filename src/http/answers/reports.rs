//! For answers about a carrier's reports: the word on a batch, the receipts of a delivery, and the reports that fit no
//! delivery. Never shows a customer's words.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::account::AccountId;
use crate::domain::line::Lines;
use crate::domain::receipt::{self, Ended, Kept};

/// A batch of reports is taken in.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Batch {
    /// Always `accepted`.
    status: &'static str,
    /// How many events the batch had.
    events: u64,
}

impl Batch {
    pub(in crate::http) fn accepted(events: u64) -> Self {
        Self { status: "accepted", events }
    }
}

/// The carrier's reports about one part of a text.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Receipt {
    /// 1 for the first part.
    part: u32,
    /// The carrier's name for the send.
    #[schema(required)]
    dispatch: Option<String>,
    /// When it went out; of a customer's text, when it was written.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
    /// When it was on the phone.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    delivered_at: Option<Timestamp>,
    /// When the customer had read it.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    read_at: Option<Timestamp>,
    /// When it was refused as RCS and went on as an SMS.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    fell_back_at: Option<Timestamp>,
    /// When and why it did not reach the phone.
    #[schema(required)]
    failed: Option<End>,
    /// When and why Braze held it back.
    #[schema(required)]
    held_back: Option<End>,
}

/// An end that was no arrival.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct End {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The carrier's code, or the kind of Braze's reason.
    #[schema(required)]
    code: Option<String>,
    /// The words that came with it, without numbers and addresses.
    #[schema(required)]
    said: Option<String>,
}

impl From<&Ended> for End {
    fn from(end: &Ended) -> Self {
        Self { at: end.at, code: end.why.code.clone(), said: end.why.said.clone() }
    }
}

impl From<&receipt::Receipt> for Receipt {
    fn from(receipt: &receipt::Receipt) -> Self {
        Self {
            part: receipt.part,
            dispatch: receipt.dispatch.clone(),
            sent_at: receipt.sent_at,
            delivered_at: receipt.delivered_at,
            read_at: receipt.read_at,
            fell_back_at: receipt.fell_back_at,
            failed: receipt.failed.as_ref().map(End::from),
            held_back: receipt.held_back.as_ref().map(End::from),
        }
    }
}

/// A report of which no delivery is known.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct UnboundReport {
    /// Its number here, for the next page.
    number: u64,
    /// `sent`, `delivered`, `read`, `failed`, `held_back`, `wrote` or `unsubscribed`.
    what: &'static str,
    /// When it happened, by the carrier's clock.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it was taken in.
    #[schema(value_type = String, format = DateTime)]
    taken_at: Timestamp,
    /// Braze's external user id.
    #[schema(required)]
    external_id: Option<String>,
    /// Braze's own id.
    #[schema(required)]
    braze_id: Option<String>,
    /// The campaign that the text went out with.
    #[schema(required)]
    campaign: Option<String>,
    /// The carrier's name for the send.
    #[schema(required)]
    dispatch: Option<String>,
    /// The carrier's account.
    #[schema(value_type = String)]
    carrier: AccountId,
    /// The carrier's name for the line.
    #[schema(required)]
    line: Option<String>,
    /// The name of that line, where the configuration has it.
    #[schema(required)]
    line_name: Option<String>,
}

impl UnboundReport {
    /// The report, on one of these lines.
    pub(in crate::http) fn of(kept: &Kept, lines: &Lines) -> Self {
        let report = &kept.report;
        let line_name = report.line.as_deref().and_then(|line| lines.name_at(report.carrier, line));
        Self {
            number: kept.number,
            what: report.what.name(),
            at: report.at,
            taken_at: kept.taken_at,
            external_id: report.customer.external_id.clone(),
            braze_id: report.customer.carrier_id.clone(),
            campaign: report.campaign.clone(),
            dispatch: report.dispatch.clone(),
            carrier: report.carrier,
            line: report.line.clone(),
            line_name: line_name.map(str::to_owned),
        }
    }
}
