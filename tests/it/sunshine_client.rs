//! The vendor's published client drives the embedded Sunshine Conversations. It knows nothing of tandem, and takes no answer
//! that differs from the published description.
//!
//! Ignored unless asked for, so that the plain test command needs nothing installed:
//!
//! ```console
//! tests/install-sunshine-client
//! cargo test --test it -- sunshine_client:: --include-ignored
//! ```

use std::process::Command;

use serde_json::Value;
use tandem::clock::Clock;
use tandem::sandbox::sunshine::{SMS, Sunshine, SunshineOptions};

use crate::support::DEADLINE;

/// Nothing listens there: every attempt to post is refused.
const TARGET: &str = "http://127.0.0.1:9/hook";

#[tokio::test]
#[ignore = "needs the vendor's client, which tests/install-sunshine-client installs"]
async fn the_vendors_own_client_takes_every_answer_of_the_embedded_one() {
    let options = SunshineOptions::default();
    let sunshine = Sunshine::start(options.clone(), Clock::system()).await.unwrap();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let mut command = Command::new(format!("{root}target/sunshine-client/bin/python"));
    command.arg(format!("{root}tests/sunshine.py")).arg(sunshine.url());
    command.args([&options.app_id, &options.key_id, &options.secret]).args([SMS, TARGET]);
    let said = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let said = said.expect("tests/install-sunshine-client installs it");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let made: Value = serde_json::from_slice(&said.stdout).unwrap();
    let conversation = made["conversation"].as_str().unwrap();
    assert_eq!(sunshine.conversation_of(SMS, "+15550123456").as_deref(), Some(conversation));
    let reached = sunshine.reached("+15550123456");
    assert_eq!((reached.len(), reached[0].as_str(), reached[105].as_str()), (106, "one", "last"));
    // Its webhook brings the last one, with the secret that the client has read.
    assert!(sunshine.wait_until(DEADLINE, || sunshine.is_idle()).await);
    let attempts = sunshine.webhooks_delivered();
    let attempts: Vec<_> = attempts.iter().filter(|attempt| attempt.path == TARGET).collect();
    assert_eq!(attempts.len(), 5, "five attempts");
    let secret = made["secret"].as_str().unwrap();
    assert!(attempts.iter().all(|attempt| attempt.headers == [("x-api-key".to_owned(), secret.to_owned())]));
    let body: Value = serde_json::from_str(&attempts[0].body).unwrap();
    assert_eq!(body["events"][0]["payload"]["message"]["content"]["text"], "last");
}
