//! The accessibility of a page, as far as a program can tell: axe-core, run inside the page.

use serde_json::{Value, json};

use crate::browser::Browser;

/// Where `tests/install-browser` puts it.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/browser/node_modules/axe-core/axe.min.js");

/// The faults that axe-core finds in the page as it is now, one line for each place. The driver brings the script, so the
/// page's Content-Security-Policy does not hinder it.
pub(crate) async fn faults(browser: &Browser) -> Vec<String> {
    let script = std::fs::read_to_string(SCRIPT)
        .unwrap_or_else(|error| panic!("{SCRIPT} cannot be read ({error}): run tests/install-browser"));
    browser.run(&script, &json!([])).await;
    let report = browser
        .run_until_done(
            "const done = arguments[0];
             axe.run(document, { resultTypes: ['violations'] }).then(done, error => done({ failed: String(error) }));",
        )
        .await;
    let violations = report["violations"].as_array().unwrap_or_else(|| panic!("axe-core does not run: {report}"));
    violations.iter().flat_map(|violation| list(violation).iter().map(|node| line(violation, node))).collect()
}

fn list(violation: &Value) -> &[Value] {
    violation["nodes"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn line(violation: &Value, node: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().replace('\n', " ");
    let [id, impact, help] = [&violation["id"], &violation["impact"], &violation["help"]].map(word);
    format!("{id} ({impact}): {help}: {} {}: {}", node["target"], word(&node["html"]), word(&node["failureSummary"]))
}
