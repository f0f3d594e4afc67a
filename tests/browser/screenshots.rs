//! The pictures of the pages that the documentation shows: `docs/screenshots` makes them anew.
//!
//! Not a test: it runs only when it is asked for by name and given a folder, and people judge the pictures.

use std::path::PathBuf;

use crate::browser::{Browser, Scheme};
use crate::demo::Visitor;

/// Each page has these two widths, in both schemes.
const SIZES: [(&str, u32, u32); 2] = [("desktop", 1280, 800), ("phone", 390, 844)];

#[tokio::test]
#[ignore = "needs Chromium, and a directory: run docs/screenshots"]
async fn screenshots() {
    let Some(directory) = std::env::var_os("SCREENSHOTS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&directory).unwrap();
    let visitor = Visitor::arrive().await;
    visitor.show_everything().await;
    take(&visitor.browser, &directory, "demo").await;
}

/// Takes a page in every size and scheme, as `PAGE-SIZE-SCHEME.png`.
async fn take(browser: &Browser, directory: &std::path::Path, page: &str) {
    for (size, width, height) in SIZES {
        browser.size(width, height).await;
        for (name, scheme) in [("light", Scheme::Light), ("dark", Scheme::Dark)] {
            browser.scheme(scheme).await;
            browser.run("document.activeElement.blur(); scrollTo(0, 0)", &serde_json::json!([])).await;
            browser.drawn().await;
            browser.screenshot(&directory.join(format!("{page}-{size}-{name}.png"))).await;
        }
    }
}
