//! Who may use the demo page: a browser on this machine, from the page itself. It listens on the loopback address only, and
//! the danger is another web page that the visitor has open.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::http::{is_for_this_machine, is_same_site};

/// What a browser may do with anything that is served here: show it on its own page, and talk to nobody else.
const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Lets the request pass, or answers 403; and says what may be done with the answer.
pub(super) async fn let_in(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let from = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    // A browser that is new enough says so of every request; a link to the page may come from anywhere.
    let is_ours = is_same_site(headers) && matches!(from, None | Some(b"same-origin" | b"none"));
    let mut response = if !is_for_this_machine(headers) {
        (StatusCode::FORBIDDEN, "only requests to this machine by its own name are served").into_response()
    } else if request.method() != Method::GET && !is_ours {
        (StatusCode::FORBIDDEN, "requests from other web sites are not served").into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().extend(HEADERS);
    response
}
