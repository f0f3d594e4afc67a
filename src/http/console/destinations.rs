//! The pages that ask before a destination is paused or resumed, and carry it out. Never pauses one without a reason.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::auth::{self, Form};
use super::page::{Section, Shell, Trouble, html, see_other, sentence};
use super::session::Visitor;
use super::view::{self, Moment, moment};
use crate::domain::account::AccountId;
use crate::domain::operator::{PAUSE_REASON_MAX_CHARS, Pause, PauseTerms};
use crate::http::OperatorState;
use crate::http::operator::actions;

/// A pause as pages show it.
pub(super) struct Paused {
    pub(super) since: Moment,
    /// The operator, or how they came in where they gave no name.
    pub(super) by: String,
    /// Empty where no reason was given.
    pub(super) reason: String,
    pub(super) until: Option<Moment>,
}

impl Paused {
    pub(super) fn of(pause: &Pause, now: Timestamp) -> Self {
        Self {
            since: moment(pause.since, now),
            by: view::who(&pause.operator),
            reason: pause.reason.clone().unwrap_or_default(),
            until: pause.until.map(|until| moment(until, now)),
        }
    }
}

/// Asks before a destination is paused, or its pause is changed.
#[derive(Template)]
#[template(path = "console/pause.html")]
struct AskToPause {
    shell: Shell,
    name: &'static str,
    vendor: String,
    paused: Option<Paused>,
    reason: String,
    until: String,
    problem: String,
}

/// Asks before a destination is resumed.
#[derive(Template)]
#[template(path = "console/resume.html")]
struct AskToResume {
    shell: Shell,
    name: &'static str,
    vendor: String,
    paused: Option<Paused>,
}

/// `GET /console/destinations/{destination}/pause`.
pub(super) async fn ask_to_pause(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let account = actions::account(&state, &name)?;
    let pause = state.store.paused(account);
    let page = AskToPause {
        reason: pause.as_ref().and_then(|pause| pause.reason.clone()).unwrap_or_default(),
        until: pause.and_then(|pause| pause.until).map(in_field).unwrap_or_default(),
        ..pause_page(&state, &visitor, account)
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /console/destinations/{destination}/pause`.
pub(super) async fn pause(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
    let account = actions::account(&state, &name)?;
    let (reason, until) = (form.get("reason").unwrap_or_default(), form.get("until").unwrap_or_default());
    match terms(reason, until, state.clock.now()) {
        Ok(terms) => {
            actions::set_paused(&state, account, Some(terms), &auth::order(&state, &visitor)).await?;
            Ok(see_other("/console?done=paused"))
        }
        Err(problem) => {
            let page = AskToPause {
                reason: reason.to_owned(),
                until: until.to_owned(),
                problem: sentence(&problem),
                ..pause_page(&state, &visitor, account)
            };
            Ok(html(StatusCode::BAD_REQUEST, &page))
        }
    }
}

/// `GET /console/destinations/{destination}/resume`.
pub(super) async fn ask_to_resume(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let account = actions::account(&state, &name)?;
    let (vendor, now) = (view::vendor(account), state.clock.now());
    let page = AskToResume {
        shell: Shell::new(&visitor, Section::Overview, format!("Resume {vendor}")),
        name: account.name(),
        vendor,
        paused: state.store.paused(account).map(|pause| Paused::of(&pause, now)),
    };
    Ok(html(StatusCode::OK, &page))
}

/// `POST /console/destinations/{destination}/resume`.
pub(super) async fn resume(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let account = actions::account(&state, &name)?;
    actions::set_paused(&state, account, None, &auth::order(&state, &visitor)).await?;
    Ok(see_other("/console?done=resumed"))
}

fn pause_page(state: &OperatorState, visitor: &Visitor, account: AccountId) -> AskToPause {
    let (vendor, now) = (view::vendor(account), state.clock.now());
    AskToPause {
        shell: Shell::new(visitor, Section::Overview, format!("Pause {vendor}")),
        name: account.name(),
        vendor,
        paused: state.store.paused(account).map(|pause| Paused::of(&pause, now)),
        reason: String::new(),
        until: String::new(),
        problem: String::new(),
    }
}

/// The terms in a form: a reason, and an end in UTC or none.
fn terms(reason: &str, until: &str, now: Timestamp) -> Result<PauseTerms, String> {
    if reason.trim().is_empty() {
        return Err("a reason is needed".to_owned());
    }
    let until = if until.is_empty() { None } else { Some(end(until)?) };
    actions::pause_terms(Some(reason), until, now)
}

/// The time in a form's field, which is in UTC unless it names its zone.
fn end(until: &str) -> Result<Timestamp, String> {
    if let Ok(at) = until.parse() {
        return Ok(at);
    }
    let at: Option<DateTime> = until.parse().ok();
    let at = at.and_then(|at| at.to_zoned(TimeZone::UTC).ok()).map(|at| at.timestamp());
    at.ok_or_else(|| "the end must be a date and a time in UTC, such as 2026-11-29T17:30".to_owned())
}

/// The time as such a field takes it.
fn in_field(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::noon;

    #[test]
    fn the_end_is_read_in_utc_and_lies_ahead() {
        for (until, expected) in [
            ("", Ok(None)),
            ("2026-11-21T17:30", Ok(Some("2026-11-21T17:30:00Z"))),
            ("2026-11-21T17:30:05", Ok(Some("2026-11-21T17:30:05Z"))),
            ("2026-11-21T17:30:00+01:00", Ok(Some("2026-11-21T16:30:00Z"))),
            ("2026-11-21T12:00", Err(())),
            ("tonight", Err(())),
        ] {
            let found = terms("maintenance", until, noon()).map(|terms| terms.until).map_err(|_| ());
            assert_eq!(found, expected.map(|at| at.map(|at| at.parse().unwrap())), "{until}");
        }
        let at: Timestamp = "2026-11-21T17:30:00Z".parse().unwrap();
        assert_eq!(end(&in_field(at)), Ok(at), "a field takes back what it shows");
    }

    #[test]
    fn a_reason_is_needed_and_short() {
        for (reason, good) in
            [("", false), ("  ", false), ("x", true), (&"x".repeat(200), true), (&"x".repeat(201), false)]
        {
            assert_eq!(terms(reason, "", noon()).is_ok(), good, "{}", reason.len());
        }
    }
}
