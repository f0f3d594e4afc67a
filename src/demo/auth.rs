//! Guards the demo page: only a browser on this machine may use it, from the page itself. It listens on the loopback
//! address only, so the danger is another web page that the visitor has open.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

use crate::http::{guarded, is_for_this_machine, is_same_site};

/// Lets the request pass, or answers 403. The headers of every answer restrict its use.
pub(super) async fn let_in(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let from = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    // A new browser sends this header with every request; a link to the page may come from anywhere.
    let is_ours = is_same_site(headers) && matches!(from, None | Some(b"same-origin" | b"none"));
    let response = if !is_for_this_machine(headers) {
        (StatusCode::FORBIDDEN, "only requests to this machine by its own name are served").into_response()
    } else if request.method() != Method::GET && !is_ours {
        (StatusCode::FORBIDDEN, "requests from other web sites are not served").into_response()
    } else {
        next.run(request).await
    };
    let mut response = guarded(response).await;
    // Scripts send the requests here, and no forms, so no referrer is needed.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
