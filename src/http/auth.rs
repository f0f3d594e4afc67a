//! Authentication of the operator API's callers, and the checks that API, console and demo page share: whether a request
//! comes from this machine and from this site. Never says which check failed.
//!
//! With tokens, a caller presents one and is the operator who owns it. Without tokens the listener is on a loopback
//! address, and the danger is the operator's web browser: a page can make it send requests here (stopped by `Origin`),
//! and a page's host name can point to 127.0.0.1 (DNS rebinding, stopped by `Host`). `Origin` is checked in both cases.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::domain::access::{Grant, Role, Roster};
use crate::domain::operator::{Access, NAME_CHARS_MAX, Operator, handle};
use crate::http::caller::Caller;
use crate::http::error::{error_answer, unauthorized};
use crate::http::{OperatorState, connections};

/// The header with the name that an operator without a token of their own claims. The name is not verified.
const BY: &str = "x-tandem-by";

/// Lets the request pass with its [`Caller`], or answers 400, 401, 403 or 429.
pub(in crate::http) async fn let_in(State(state): State<OperatorState>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !is_same_site(headers) {
        return error_answer(StatusCode::FORBIDDEN, "requests from other web sites are not served");
    }
    let roster = Arc::clone(&state.roster.borrow());
    let caller = match caller(&roster, headers) {
        Ok(caller) => caller,
        Err(Turned::Stranger) => return refuse(&state, request.headers()),
        Err(Turned::Away(status, why)) => return error_answer(status, &why),
    };
    connections::prove();
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Why a caller does not get in.
enum Turned {
    /// No operator's token is presented.
    Stranger,
    /// Another fault, in words.
    Away(StatusCode, String),
}

/// The caller who sent these headers.
fn caller(roster: &Roster, headers: &HeaderMap) -> Result<Caller, Turned> {
    if !roster.asks_for_token() {
        if !is_for_this_machine(headers) {
            let why = "without an operator token only requests to a loopback host are served";
            return Err(Turned::Away(StatusCode::FORBIDDEN, why.to_owned()));
        }
        let operator = Operator::claiming(Access::Loopback, claim(headers)?);
        return Ok(Caller { operator, grant: Grant::of(Role::Admin) });
    }
    let Some(account) = presented(headers).and_then(|token| roster.of_token(token)) else {
        return Err(Turned::Stranger);
    };
    let claim = claim(headers)?;
    let operator = if account.is_personal {
        if claim.is_some_and(|claim| claim != account.name) {
            let why = format!("X-Tandem-By names another operator than the token, which is {}'s", account.name);
            return Err(Turned::Away(StatusCode::FORBIDDEN, why));
        }
        Operator::proven(Access::Token, &account.name)
    } else {
        Operator::claiming(Access::Token, claim)
    };
    Ok(Caller { operator, grant: account.grant.clone() })
}

/// The name that the caller claims.
fn claim(headers: &HeaderMap) -> Result<Option<String>, Turned> {
    let Some(value) = headers.get(BY) else { return Ok(None) };
    value.to_str().ok().and_then(handle).map(Some).ok_or_else(|| {
        let form = format!("a handle of up to {NAME_CHARS_MAX} letters, digits, dots, hyphens and underscores");
        Turned::Away(StatusCode::BAD_REQUEST, format!("who acts must be {form}, such as ada or on-call"))
    })
}

/// 401, or 429 after many wrong tokens. A request without a token is not counted. The audit has a line for each wrong
/// token until there are too many, and then one for the rest.
fn refuse(state: &OperatorState, headers: &HeaderMap) -> Response {
    if !headers.contains_key(header::AUTHORIZATION) {
        return unauthorized();
    }
    let wrong = state.console.wrong_token(connections::origin(), state.clock.now());
    let result = if wrong.is_ok() { "refused" } else { "refused, as many before it" };
    if wrong.is_ok() || wrong.is_err_and(|too_many| too_many.is_news) {
        let access = Access::Token.name();
        tracing::info!(target: "tandem::audit", action = "api", access, result, "operator: wrong token at the API: {result}");
    }
    match wrong {
        Ok(()) => unauthorized(),
        Err(too_many) => {
            let mut answer = error_answer(StatusCode::TOO_MANY_REQUESTS, "not authorized, and many wrong tokens came");
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(too_many.wait_seconds));
            answer
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The bearer token that a request presents.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether `Host` names this machine. A page on a host name that points here by DNS rebinding sends its own name.
pub(crate) fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, header::HOST).and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let host = host.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether `Origin` is absent or this site. A browser always sends it with a request to another site; other clients
/// leave it out.
pub(crate) fn is_same_site(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Some(host) = text(headers, header::HOST) else { return false };
    ["http", "https"].iter().any(|scheme| origin.as_bytes() == format!("{scheme}://{host}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_loopback_hosts_are_this_machine() {
        for (host, expected) in [
            ("localhost:8081", true),
            ("LOCALHOST", true),
            ("127.0.0.1:8081", true),
            ("127.1.2.3", true),
            ("[::1]:8081", true),
            ("evil.example:8081", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("192.168.0.1:8081", false),
            ("0.0.0.0:8081", false),
            ("", false),
        ] {
            assert_eq!(is_for_this_machine(&headers(&[("host", host)])), expected, "{host}");
        }
        assert!(!is_for_this_machine(&headers(&[])), "no host at all");
    }

    #[test]
    fn only_our_own_pages_may_call() {
        for (origin, expected) in [
            ("http://127.0.0.1:8081", true),
            ("https://127.0.0.1:8081", true),
            ("http://127.0.0.1:9999", false),
            ("http://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            let headers = headers(&[("host", "127.0.0.1:8081"), ("origin", origin)]);
            assert_eq!(is_same_site(&headers), expected, "{origin}");
        }
        assert!(is_same_site(&headers(&[("host", "127.0.0.1:8081")])), "no browser");
        assert!(!is_same_site(&headers(&[("origin", "http://127.0.0.1:8081")])), "no host");
    }

    #[test]
    fn a_token_is_presented_as_bearer() {
        for (value, expected) in [
            ("Bearer correct horse", Some("correct horse")),
            ("bearer correct horse", Some("correct horse")),
            ("Bearer ", Some("")),
            ("Bearer", None),
            ("Basic correct horse", None),
            ("correct horse", None),
        ] {
            assert_eq!(presented(&headers(&[("authorization", value)])), expected, "{value}");
        }
        assert_eq!(presented(&headers(&[])), None, "nothing presented");
    }
}
