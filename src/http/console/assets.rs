//! The files that pages load: inside the binary, each under its one path. Never reads a disk.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header;

use crate::http::OperatorState;

const CSS: &str = "text/css; charset=utf-8";

/// Path, type, contents.
const FILES: [(&str, &str, &str); 4] = [
    ("/console/assets/base.css", CSS, include_str!("../../../assets/base.css")),
    ("/console/assets/console.css", CSS, include_str!("../../../assets/console.css")),
    ("/console/assets/console.js", "text/javascript; charset=utf-8", include_str!("../../../assets/console.js")),
    ("/console/assets/icon.svg", "image/svg+xml", include_str!("../../../assets/icon.svg")),
];

/// The routes of these files. They need no session, so that the sign-in page can load them.
pub(super) fn routes() -> Router<OperatorState> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(async move || ([(header::CONTENT_TYPE, kind)], text).into_response()))
    })
}
