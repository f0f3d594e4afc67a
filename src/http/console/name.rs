//! The page on which a visitor on this machine claims a name, where no token is asked for.
//!
//! The name is kept with a session of the browser's own. Never grants anything.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::auth::{self, Form};
use super::page::{Section, Shell, Trouble, html, see_other};
use super::session::{Holder, Visitor};
use crate::domain::operator::Access;
use crate::http::OperatorState;

#[derive(Template)]
#[template(path = "console/name.html")]
struct Page {
    shell: Shell,
    by: String,
    problem: String,
}

/// `GET /console/name`.
pub(super) async fn ask(Extension(visitor): Extension<Visitor>) -> Result<Response, Trouble> {
    only_here(&visitor)?;
    let by = visitor.caller.operator.by.clone().unwrap_or_default();
    Ok(html(StatusCode::OK, &page(&visitor, by, String::new())))
}

/// `POST /console/name`.
pub(super) async fn give(
    State(state): State<OperatorState>,
    Extension(visitor): Extension<Visitor>,
    Extension(form): Extension<Form>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    only_here(&visitor)?;
    let by = match auth::claim(&form) {
        Ok(by) => by,
        Err(problem) => {
            let written = form.get("by").unwrap_or_default().to_owned();
            return Ok(html(StatusCode::BAD_REQUEST, &page(&visitor, written, problem)));
        }
    };
    let mut answer = see_other("/console?done=named");
    auth::open_session(&state, Holder::Loopback, by, auth::is_over_https(&headers), &mut answer);
    Ok(answer)
}

/// Refuses visitors with a token: their name is the token's, or that of their sign-in.
fn only_here(visitor: &Visitor) -> Result<(), Trouble> {
    if visitor.caller.operator.access == Access::Loopback {
        return Ok(());
    }
    Err(Trouble::new(StatusCode::NOT_FOUND, "Your name is that of your sign-in. To change it, sign out and in again."))
}

fn page(visitor: &Visitor, by: String, problem: String) -> Page {
    Page { shell: Shell::new(visitor, Section::Elsewhere, "Your name"), by, problem }
}
