//! That this harness sees every kind of fault: a page with one of each, and one with none.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use serde_json::json;

use crate::axe;
use crate::browser::{Browser, key};

const CLEAN: &str = r#"<!doctype html>
<html lang="en"><head><title>Clean</title><link rel="icon" href="data:,"><style>
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } }
</style></head><body><main>
<h1>Clean</h1>
<form><label>Name <input name="name"></label> <button>Send</button></form>
<p id="said"></p>
<noscript><p id="no">no scripts</p></noscript>
<script>
const said = document.querySelector('#said');
document.querySelector('form').addEventListener("submit", event => {
    event.preventDefault();
    requestAnimationFrame(() => said.textContent = "Hello " + event.target.name.value);
});
</script>
</main></body></html>"#;

const FAULTY: &str = r#"<!doctype html>
<html lang="en"><head><title>Faulty</title><link rel="icon" href="data:,">
<meta http-equiv="Content-Security-Policy" content="style-src 'none'"><style>p { color: red }</style></head>
<body><main><h1>Faulty</h1><img src="http://elsewhere.invalid/x.png">
<hr width="3000">
<script>console.error("something broke");</script>
</main></body></html>"#;

/// Serves one page; its origin.
async fn serve(page: &'static str) -> String {
    let router = Router::new().route("/", get(move || async move { Html(page) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    origin
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn a_clean_page_is_used_and_passes() {
    let origin = serve(CLEAN).await;
    let browser = Browser::open().await;
    browser.goto(&origin).await;
    browser.type_into("input", "Adä").await;
    browser.clear("input").await;
    browser.type_into("input", "Ada").await;
    browser.press(&[key::TAB, key::ENTER]).await;
    browser.until_reads("#said", "Hello Ada").await;
    browser.click("button").await;
    assert_eq!(browser.text("h1").await, "Clean");
    browser.assert_accessible().await;
    browser.size(390, 844).await;
    assert_eq!(browser.run("return innerWidth", &json!([])).await, 390);
    browser.assert_no_sideways_scrolling().await;
    let directory = tempfile::tempdir().unwrap();
    let picture = directory.path().join("clean.png");
    browser.screenshot(&picture).await;
    // Its width and height stand in the first chunk.
    assert_eq!(std::fs::read(picture).unwrap()[16..24], [0, 0, 1, 134, 0, 0, 3, 76]);
    browser.assert_quiet(&origin).await;
    assert_eq!(browser.requests().await.iter().filter(|url| **url == format!("{origin}/")).count(), 1);
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn each_fault_of_a_page_is_found() {
    let origin = serve(FAULTY).await;
    let browser = Browser::open().await;
    browser.goto(&origin).await;
    let faults = browser.faults(&origin).await.join("\n");
    for fault in ["something broke", "Content Security Policy", "asked for http://elsewhere.invalid/x.png"] {
        assert!(faults.contains(fault), "{fault} is not among:\n{faults}");
    }
    assert!(browser.too_wide().await.to_string().contains("3000"));
    let faults = axe::faults(&browser).await;
    assert!(faults.iter().any(|fault| fault.starts_with("image-alt (critical)")), "{faults:?}");
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn scripts_can_be_switched_off() {
    let origin = serve(CLEAN).await;
    let browser = Browser::without_scripts().await;
    browser.goto(&origin).await;
    assert_eq!(browser.text("#no").await, "no scripts");
    browser.type_into("input", "Ada").await;
    browser.click("button").await;
    browser.until_at(&format!("{origin}/?name=Ada")).await;
}
