//! The page that `tandem setup braze --html` writes, opened from the disk: it is copied from, ticked, kept, and
//! accessible, with scripts and without.

use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::browser::Browser;

const CONFIGURATION: &str = r#"
public_url = "https://tandem.acme.example"
[braze]
webhook_tokens = ["a-webhook-token-that-opens-nothing"]
[braze.campaigns]
agent_reply = "6c1d8a4e-0000-4000-8000-000000000001"
"#;

/// A page on the disk.
struct Sheet {
    url: String,
    _directory: TempDir,
}

fn sheet() -> Sheet {
    let directory = tempfile::tempdir().unwrap();
    let (config, page) = (directory.path().join("tandem.toml"), directory.path().join("braze.html"));
    std::fs::write(&config, CONFIGURATION).unwrap();
    let written = Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["setup", "braze", "--group", "6c1d8a4e-0000-4000-8000-0000000000aa", "--category", "SUPPORT & more"])
        .args(["--config", config.to_str().unwrap(), "--html", page.to_str().unwrap()])
        .env_clear()
        .output()
        .unwrap();
    assert!(written.status.success(), "{written:?}");
    Sheet { url: format!("file://{}", page.display()), _directory: directory }
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn the_sheet_for_braze_is_copied_from_and_remembers_what_is_done() {
    let sheet = sheet();
    let browser = Browser::open().await;
    browser.goto(&sheet.url).await;
    let button = "button[aria-label='Copy: raw text, tandem: SUPPORT & more']";
    browser.click(button).await;
    browser.until_reads(button, "Copied").await;
    browser.until_reads("#said", "Copied.").await;
    browser
        .run("document.body.append(Object.assign(document.createElement('textarea'), { id: 'pasted' }))", &json!([]))
        .await;
    browser.click("#pasted").await;
    browser.paste().await;
    let body = tandem::vendors::braze::setup::body(
        tandem::domain::line::Channel::Sms,
        "SUPPORT+%26+more",
        "6c1d8a4e-0000-4000-8000-0000000000aa",
    );
    let pasted = format!("document.querySelector('#pasted').value === {}", json!(body));
    browser.until("what was copied is the whole body", &pasted).await;

    let tick = "[data-tick='tandem: Opt-out']";
    browser.click(tick).await;
    browser.goto(&sheet.url).await;
    browser.until("the tick is kept", &format!("document.querySelector({}).checked", json!(tick))).await;
    let others = "document.querySelectorAll('[data-tick]:checked').length === 1";
    browser.until("no other is ticked", others).await;
    browser.assert_accessible().await;
    browser.size(320, 700).await;
    browser.assert_no_sideways_scrolling().await;
    browser.assert_quiet("file://").await;
}

#[tokio::test]
#[ignore = "needs Chromium: tests/install-browser"]
async fn the_sheet_for_braze_is_whole_without_scripts() {
    let sheet = sheet();
    let browser = Browser::without_scripts().await;
    browser.goto(&sheet.url).await;
    let body = tandem::vendors::braze::setup::body(
        tandem::domain::line::Channel::Sms,
        "opt_in",
        "6c1d8a4e-0000-4000-8000-0000000000aa",
    );
    browser.click(".campaigns tbody tr:nth-child(2) summary").await;
    assert_eq!(browser.text(".campaigns tbody tr:nth-child(2) .value").await, body);
    assert_eq!(
        browser.text(".paste").await,
        tandem::vendors::braze::setup::TEXT_TEMPLATE,
        "a button that does nothing is hidden"
    );
    browser.click(".campaigns tbody tr:nth-child(2) input").await;
}
