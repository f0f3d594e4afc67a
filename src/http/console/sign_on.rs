//! Signing in at an identity provider: the way there, and the way back.
//!
//! Keeps the sign-ins under way apart by browser, lets each end once, and asks the roster for the role that the groups
//! give. Never speaks the protocol itself: the [`super::provider::SignOn`] that it is given does.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use jiff::{SignedDuration, Timestamp};

use super::auth;
use super::page::{self, Shell, Trouble};
use super::provider::{PATIENCE, Started};
use super::session::{Holder, digested};
use crate::domain::access::{SHARED_NAME, provider_error};
use crate::domain::operator::{Access, handle};
use crate::http::{OperatorState, connections};

/// The cookie that binds a sign-in to the browser that began it.
const COOKIE: &str = "tandem_sign_on";

/// The age at which a session ends, where the provider's word does not end sooner.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(8);

/// The text that replaces the `@` of an e-mail address in the audit.
const AT: &str = "-at-";

/// `GET /console/sign-in/provider`: sends the browser to the identity provider.
pub(super) async fn begin(State(state): State<OperatorState>, request: Request) -> Result<Response, Trouble> {
    let next = auth::asked_next(request.uri());
    let provider = state.console.provider().ok_or_else(nothing_here)?;
    let begun = (provider.begin)().await.map_err(|problem| {
        tracing::warn!(problem, "console.sign_on_failed: no sign-in could be begun: {problem}");
        let why = format!("No sign-in could be begun, because {problem}. Sign in with a token at /console/sign-in.");
        Trouble::new(StatusCode::BAD_GATEWAY, why)
    })?;
    let browser = state.clock.draw_secret();
    let started = Started { browser: digested(&browser), next, at: state.clock.now(), end: begun.end };
    state.console.under_way.add(digested(&begun.state), started);
    let mut answer = page::see_other(&begun.url);
    // The way back comes from another site, where the browser sends no `Strict` cookie. It opens nothing by itself.
    let (secure, age) = (if provider.is_reached_by_https { "; Secure" } else { "" }, PATIENCE.as_secs());
    let cookie = format!("{COOKIE}={browser}; Path=/console/sign-in; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

fn nothing_here() -> Trouble {
    Trouble::new(StatusCode::NOT_FOUND, "This bridge has no identity provider to sign in at.")
}

#[derive(Template)]
#[template(path = "console/signed_on.html")]
struct Done {
    shell: Shell,
    next: String,
}

/// `GET /console/sign-in/callback`: the browser comes back with a code.
pub(super) async fn end(State(state): State<OperatorState>, headers: HeaderMap, uri: Uri) -> Result<Response, Trouble> {
    let provider = state.console.provider().ok_or_else(nothing_here)?;
    let query = auth::Form::read(uri.query().unwrap_or_default().as_bytes());
    let browser = auth::cookie_named(COOKIE, &headers).map(digested).unwrap_or_default();
    let started =
        query.get("state").and_then(|word| state.console.under_way.take(digested(word), browser, state.clock.now()));
    let Some(started) = started else {
        return Err(refuse("this sign-in was not begun in this browser, is over, or took too long"));
    };
    let Some(code) = query.get("code") else {
        let error = provider_error(query.get("error").unwrap_or_default());
        return Err(refuse(&format!("the identity provider did not let you sign in ({error})")));
    };
    let signed_on = (started.end)(code.to_owned()).await.map_err(|problem| refuse(&problem))?;
    let [name_claim, groups_claim] = &signed_on.claims;
    let Some(name) = signed_on.name.as_deref().and_then(handle_of) else {
        let why = format!("the claim {name_claim} of your ID token holds no name that the audit can keep");
        return Err(refuse(&why));
    };
    if state.roster.borrow().has_account(&name) {
        return Err(refuse(&format!("{name} is the name of an operator who has a token here: sign in with that")));
    }
    let Some(role) = state.roster.borrow().role_of(&signed_on.groups) else {
        let why = format!("nothing in the claim {groups_claim} of your ID token has a role in this bridge");
        return Err(refuse(&why));
    };
    let until = end_of_session(signed_on.expires_at, state.clock.now());
    let (access, by, role) = (Access::Oidc.name(), name.as_str(), role.name());
    tracing::info!(
        target: "tandem::audit", action = "sign_in", access, by, proven = true, role, result = "done", "operator: sign in: done"
    );
    connections::prove();
    let holder = Holder::Provider { name, groups: signed_on.groups, until };
    // A browser does not send the session's `Strict` cookie to a page that another site leads to, so this page loads
    // the next one.
    let next = auth::within(&started.next).to_owned();
    let mut answer = page::html(StatusCode::OK, &Done { shell: Shell::signed_out("Signed in"), next });
    auth::open_session(&state, holder, None, provider.is_reached_by_https, &mut answer);
    Ok(answer)
}

fn end_of_session(expires_at: Timestamp, now: Timestamp) -> Timestamp {
    expires_at.min(now.saturating_add(AGE_MAX).unwrap_or(Timestamp::MAX))
}

fn refuse(why: &str) -> Trouble {
    let (access, result) = (Access::Oidc.name(), "refused");
    tracing::info!(target: "tandem::audit", action = "sign_in", access, result, why, "operator: sign in: refused: {why}");
    let why =
        format!("You are not signed in, because {why}. Begin again at /console/sign-in, or ask your administrator.");
    Trouble::new(StatusCode::FORBIDDEN, why)
}

/// The name as the audit keeps it. The `@` of an e-mail address becomes [`AT`], so that two people stay two; a name
/// that already holds [`AT`] is refused for the same reason.
fn handle_of(name: &str) -> Option<String> {
    handle(&name.replace('@', AT)).filter(|handle| handle != SHARED_NAME && !name.contains(AT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::noon;

    fn later(seconds: i64) -> Timestamp {
        noon() + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_session_ends_with_the_id_token_and_after_eight_hours_at_most() {
        for (good_for, lasts) in [(3600, 3600), (8 * 3600, 8 * 3600), (24 * 3600, 8 * 3600)] {
            assert_eq!(end_of_session(later(good_for), noon()), later(lasts), "{good_for}");
        }
    }

    #[test]
    fn a_name_of_the_provider_is_kept_as_a_handle() {
        for (name, kept) in [
            ("ada", Some("ada")),
            ("ada.lovelace@acme.example", Some("ada.lovelace-at-acme.example")),
            ("ada-at-acme.example", None),
            ("Ada Lovelace", None),
            ("operator", None),
            ("", None),
        ] {
            assert_eq!(handle_of(name).as_deref(), kept, "{name}");
        }
    }
}
