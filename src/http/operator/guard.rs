//! Who may talk to the operator's router.
//!
//! With a token: whoever presents it. Without one the listener is on a loopback address, and the danger is the
//! operator's own web browser: a page that makes it send requests here (stopped by `Origin`), or whose name is made to
//! point to 127.0.0.1 (DNS rebinding, stopped by `Host`). The origin is checked in either case.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::operator::Access;
use crate::http::error::{error_answer, unauthorized};
use crate::http::{OperatorState, connections};

/// Lets the request pass, or answers 401 or 403.
pub(super) async fn let_in(State(state): State<OperatorState>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !is_same_site(headers) {
        return error_answer(StatusCode::FORBIDDEN, "requests from other web sites are not served");
    }
    let token = state.token.borrow().clone();
    match &token {
        Some(token) if !presents(headers, token) => refuse(&state, headers),
        None if !is_for_this_machine(headers) => {
            error_answer(StatusCode::FORBIDDEN, "without an operator token only requests to a loopback host are served")
        }
        Some(_) | None => {
            connections::prove();
            next.run(request).await
        }
    }
}

/// 401, or 429 after many wrong tokens. A request without any is no guess. The audit has a line for each wrong one,
/// until there are too many.
fn refuse(state: &OperatorState, headers: &HeaderMap) -> Response {
    if !headers.contains_key(header::AUTHORIZATION) {
        return unauthorized();
    }
    let wrong = state.console.wrong_token(state.clock.now());
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

fn presents(headers: &HeaderMap, token: &SecretString) -> bool {
    let Some((scheme, presented)) = text(headers, header::AUTHORIZATION).and_then(|value| value.split_once(' ')) else {
        return false;
    };
    scheme.eq_ignore_ascii_case("bearer") && is_token(presented.trim(), token)
}

/// Whether this is the token. Digests have equal lengths, so the comparison takes the same time whatever was presented.
pub(in crate::http) fn is_token(presented: &str, token: &SecretString) -> bool {
    let presented = Sha256::digest(presented.as_bytes());
    let expected = Sha256::digest(token.expose_secret().as_bytes());
    bool::from(presented.ct_eq(&expected))
}

/// Whether the request names this machine as its host, as no page does whose own name was made to point here.
pub(crate) fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, header::HOST).and_then(|host| host.parse::<Authority>().ok()) else { return false };
    let host = host.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A browser says where a request comes from whenever that is another site; other clients say nothing.
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
    fn only_the_whole_token_counts() {
        let token = SecretString::from("correct horse");
        for (value, expected) in [
            ("Bearer correct horse", true),
            ("bearer correct horse", true),
            ("Bearer correct hors", false),
            ("Bearer correct horse!", false),
            ("Bearer ", false),
            ("Bearer", false),
            ("Basic correct horse", false),
            ("correct horse", false),
        ] {
            assert_eq!(presents(&headers(&[("authorization", value)]), &token), expected, "{value}");
        }
        assert!(!presents(&headers(&[]), &token), "nothing presented");
    }
}
