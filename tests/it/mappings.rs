//! The commands for authors of mappings: the shipped texts, copies to change, and a request made of a sample, an event or
//! a webhook's body.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::process::{Said, run, run_with, shipped, tandem};

const NAMES: [&str; 8] = [
    "open_ticket",
    "append_comment",
    "follow_up",
    "agent_reply",
    "ticket_solved",
    "template",
    "failure_note",
    "keyword_note",
];

/// A command in this directory, whose `tandem.toml` it reads where there is one.
fn within(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = tandem(arguments);
    command.current_dir(directory);
    command
}

/// The request that a mapping makes of this body, and the command's other output.
async fn rendered(mapping: &str, body: &str) -> (Value, Said) {
    let here = tempfile::tempdir().unwrap();
    let said = run_with(within(here.path(), &["render", mapping, "--event", "-", "--json"]), body).await;
    assert_eq!(said.code, 0, "{mapping}: {said:?}");
    (said.json(), said)
}

#[tokio::test]
async fn render_makes_the_request_of_the_sample_where_no_event_is_named() {
    let here = tempfile::tempdir().unwrap();
    for name in NAMES {
        let sample = format!("{}/mappings/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let named = run(within(here.path(), &["render", name, "--event", &sample])).await;
        let said = run(within(here.path(), &["render", name])).await;
        assert_eq!((said.code, said.err.as_str(), &said.out), (0, "", &named.out), "{name}");
    }
}

#[tokio::test]
async fn render_makes_the_request_that_a_webhooks_body_would_become() {
    let braze = json!({
        "channel": "SMS", "category": "other", "dispatch": "d-1", "external_id": "cust-7", "phone": "+1 555 010 0199",
        "first_name": "Grace", "text": "Is my \"parcel\" there?", "media": "https://media.example.com/door.jpg",
    });
    let form = "external_id=cust-7&text=Is+it%20there%3F&media=https%3A%2F%2Fmedia.example.com%2Fdoor.jpg";
    let opt_out = json!({ "category": "Opt-Out", "braze_id": "65f1", "text": "STOP" });
    let ring = json!({ "event": "agent_reply", "ticket_id": "77", "comment_id": "9", "requester_id": "5" });
    let bare = json!({ "event": "agent_reply", "ticket_id": 77, "external_user_id": "cust-7", "text": "On its way" });
    let solved = json!({ "event": "ticket_solved", "ticket_id": "#77" });
    let recipe = json!({
        "campaign_id": "the-recipes", "recipients": [{
            "external_user_id": "cust-7", "trigger_properties": { "msg_body": "On its way" },
            "attributes": { "zendesk_ticket": "77" },
        }],
    });
    // Braze sends a text of two lines with a raw line feed inside the string.
    let raw = "{\"external_id\": \"cust-7\", \"text\": \"two\nlines\"}";
    let braze = braze.to_string();
    let (opt_out, ring, bare) = (opt_out.to_string(), ring.to_string(), bare.to_string());
    let (solved, recipe) = (solved.to_string(), recipe.to_string());
    let cases: [(&str, &str, &str, Value, &[&str]); 10] = [
        (
            "open_ticket",
            &braze,
            "/ticket/comment/html_body",
            "Is my &quot;parcel&quot; there?<br>\
            https://media.example.com/door.jpg"
                .into(),
            &["requester.id", "message.uploads"],
        ),
        ("open_ticket", &braze, "/ticket/external_id", "cust-7".into(), &["/webhooks/braze"]),
        ("open_ticket", &braze, "/ticket/subject", "Text message from Grace".into(), &["customer_text"]),
        ("append_comment", form, "/ticket/comment/uploads", json!(["6bk3gql82em5nmf"]), &["ticket.id"]),
        ("open_ticket", raw, "/ticket/comment/html_body", "two<br>lines".into(), &["/webhooks/braze"]),
        ("keyword_note", &opt_out, "/ticket/comment/public", false.into(), &["requester.id"]),
        ("agent_reply", &ring, "/recipients/0/external_user_id", "customer-4711".into(), &["message.*", "customer.*"]),
        (
            "agent_reply",
            &bare,
            "/recipients/0/external_user_id",
            "cust-7".into(),
            &["/webhooks/zendesk", "campaign.id"],
        ),
        (
            "ticket_solved",
            &solved,
            "/recipients/0/trigger_properties/text",
            "Your ticket has been closed".into(),
            &["customer.*"],
        ),
        ("agent_reply", &recipe, "/campaign_id", "the-recipes".into(), &["/campaigns/trigger/send"]),
    ];
    for (mapping, body, place, value, told) in cases {
        let (request, said) = rendered(mapping, body).await;
        assert_eq!(request["body"].pointer(place), Some(&value), "{mapping} of {body}: {request}");
        let missing: Vec<_> = told.iter().filter(|words| !said.err.contains(**words)).collect();
        assert!(missing.is_empty(), "{mapping} of {body} leaves {missing:?} unsaid: {}", said.err);
    }
    let (request, _) = rendered("keyword_note", &opt_out).await;
    let note = request["body"]["ticket"]["comment"]["html_body"].as_str().unwrap();
    assert!(note.contains("&quot;STOP&quot;") && note.contains("opted out"), "{note}");
    let (request, said) = rendered("agent_reply", &bare).await;
    assert_eq!(request["body"]["recipients"][0]["trigger_properties"]["text"], "On its way");
    assert!(!said.err.contains("message.*"), "the words are the body's: {}", said.err);
}

#[tokio::test]
async fn an_event_of_another_kind_is_refused_with_the_mappings_that_take_it() {
    let text = json!({ "external_id": "cust-7", "text": "Hello" }).to_string();
    let opt_in = json!({ "external_id": "cust-7", "text": "YES", "category": "opt_in" }).to_string();
    let reopened = json!({ "event": "ticket_reopened", "ticket_id": 77 }).to_string();
    let unknown = json!({ "event": "something", "ticket_id": 77 }).to_string();
    let sample = shipped("mappings/open_ticket.json");
    let broken = sample.replace("\"kind\": \"customer_text\",", "");
    for (mapping, body, told) in [
        (
            "agent_reply",
            text.as_str(),
            "this is a customer_text; agent_reply takes a phone_text (this one is for open_ticket, append_comment, follow_up, keyword_note)",
        ),
        ("agent_reply", &sample, "this is a customer_text; agent_reply takes a phone_text"),
        (
            "open_ticket",
            &opt_in,
            "this is the keyword opt_in; open_ticket takes a customer_text (this one is for keyword_note)",
        ),
        (
            "keyword_note",
            &text,
            "this is a customer_text without a keyword; keyword_note takes a customer_text that is a subscription keyword",
        ),
        (
            "ticket_solved",
            &reopened,
            "this is a ticket_reopened; ticket_solved takes a ticket_solved (no mapping takes this one)",
        ),
        ("agent_reply", &unknown, "posted to /webhooks/zendesk, it would be ignored: unknown event"),
        ("open_ticket", "text=Hello", "it would be quarantined: `external_id` and `braze_id` are both blank"),
        ("open_ticket", "{", "- is not an event"),
        ("open_ticket", &broken, "missing field `kind`"),
    ] {
        let here = tempfile::tempdir().unwrap();
        let said = run_with(within(here.path(), &["render", mapping, "--event", "-"]), body).await;
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{mapping} of {body}: {said:?}");
        assert!(said.err.contains(told), "{mapping} of {body}: {}", said.err);
    }
}

#[tokio::test]
async fn the_list_says_which_mappings_are_files_and_which_differ() {
    let here = tempfile::tempdir().unwrap();
    let list = async |arguments: &[&str]| {
        let said = run(within(here.path(), &[&["mappings", "list"], arguments].concat())).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        said
    };
    let table = list(&[]).await.out;
    assert_eq!(table.lines().count(), 1 + NAMES.len() + 2, "with the words of two languages: {table}");
    std::fs::create_dir(here.path().join("own")).unwrap();
    std::fs::write(here.path().join("tandem.toml"), "mappings = \"own\"\n").unwrap();
    std::fs::write(here.path().join("own/agent_reply.toml"), shipped("mappings/agent_reply.toml")).unwrap();
    let changed = shipped("mappings/ticket_solved.toml").replace("has been closed", "is closed");
    std::fs::write(here.path().join("own/ticket_solved.toml"), changed).unwrap();
    std::fs::write(here.path().join("own/notes.de.toml"), "language = \"de\"\n").unwrap();
    let page = list(&["--json"]).await.json();
    assert_eq!((&page["total"], &page["next"]), (&(NAMES.len() + 3).into(), &Value::Null), "{page}");
    let of = |name: &str| {
        let items = page["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("{name} in {page}"));
        json!([item["source"], item["differs"], item["path"], item["call"], item["used"]])
    };
    let send = "braze.campaigns.trigger_send";
    assert_eq!(of("open_ticket"), json!(["shipped", false, null, "zendesk.tickets.create", true]));
    assert_eq!(of("agent_reply"), json!(["file", false, "own/agent_reply.toml", send, true]));
    assert_eq!(of("notes.en"), json!(["shipped", false, null, null, true]));
    assert_eq!(of("notes.fr"), json!(["shipped", false, null, null, false]));
    assert_eq!(of("notes.de"), json!(["file", true, "own/notes.de.toml", null, false]));
    assert_eq!(of("ticket_solved"), json!(["file", true, "own/ticket_solved.toml", send, false]), "it has no campaign");
}

#[tokio::test]
async fn the_closing_text_is_used_once_it_has_a_campaign() {
    let here = tempfile::tempdir().unwrap();
    let copy = async |to: &str| run(within(here.path(), &["mappings", "copy", "ticket_solved", "--to", to])).await.out;
    let is_used = async || {
        let page = run(within(here.path(), &["mappings", "list", "--json"])).await.json();
        let items = page["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == "ticket_solved").unwrap()["used"].clone()
    };
    let told = "ticket_solved is used once braze.campaigns.ticket_solved names a campaign";
    assert!(copy("one").await.contains(told));
    assert_eq!(is_used().await, false);
    std::fs::write(here.path().join("tandem.toml"), "[braze.campaigns]\nticket_solved = \"c-2\"\n").unwrap();
    assert!(!copy("two").await.contains("is used once"));
    assert_eq!(is_used().await, true);
}

/// A directory whose configuration has notes in German, some of them in words of its own.
fn in_german() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    let words = "language = \"de\"\n[says]\nreply_not_texted = \"Ging nicht hinaus ({{ comment }}): {{ why }}\"\n\
                 opted_out = \"Abgemeldet mit {{ word }}\"\n[why]\nrefused = \"Braze will nicht\"\n\
                 [advice]\nrefused = \"Rat: anrufen. {{ events }}\"\n";
    std::fs::create_dir(here.path().join("own")).unwrap();
    std::fs::write(here.path().join("own/notes.de.toml"), words).unwrap();
    std::fs::write(here.path().join("tandem.toml"), "mappings = \"own\"\n[notes]\nlanguage = \"de\"\n").unwrap();
    here
}

#[tokio::test]
async fn render_words_a_note_in_the_language_in_force() {
    let here = in_german();
    let note = async |mapping: &str, event: Option<&Value>| {
        let said = match event {
            None => run(within(here.path(), &["render", mapping, "--json"])).await,
            Some(event) => {
                let command = within(here.path(), &["render", mapping, "--event", "-", "--json"]);
                run_with(command, &event.to_string()).await
            }
        };
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{mapping}: {said:?}");
        said.json()["body"]["ticket"]["comment"]["html_body"].as_str().unwrap().to_owned()
    };
    let sample = "Ging nicht hinaus (4711): Braze will nicht<br>Rat: anrufen. evt_5eed00000000000000290000";
    assert_eq!(note("failure_note", None).await, sample);
    let mut event: Value = serde_json::from_str(&shipped("mappings/failure_note.json")).unwrap();
    assert_eq!(note("failure_note", Some(&event)).await, sample, "as `mappings show --sample` prints it");
    event["note"].as_object_mut().unwrap().retain(|field, _| ["code", "fields"].contains(&field.as_str()));
    assert_eq!(note("failure_note", Some(&event)).await, sample, "the words need not be in the event");
    event["note"]["fields"] = json!({ "word": "STOP" });
    event["note"]["code"] = "opted_out".into();
    assert_eq!(note("failure_note", Some(&event)).await, "Abgemeldet mit STOP");
    event["note"] = json!({ "text": "As it was", "html": "As it was" });
    assert_eq!(note("failure_note", Some(&event)).await, "As it was", "without a code, the words are the event's");
    assert!(note("keyword_note", None).await.contains("YES"), "a key that is not there is the English one");

    for (change, told) in [
        (json!({ "code": "nonsense" }), "`note` has the code \"nonsense\": unknown variant"),
        (
            json!({ "code": "text_not_added", "fields": { "event": "evt_5eed00000000000000290000" } }),
            "missing field `cause`",
        ),
    ] {
        event["note"] = change;
        let command = within(here.path(), &["render", "failure_note", "--event", "-"]);
        let said = run_with(command, &event.to_string()).await;
        assert!(said.code == 1 && said.err.contains(told), "{said:?}");
    }
}

#[tokio::test]
async fn render_shows_what_the_words_of_notes_say_of_every_code() {
    let here = in_german();
    let render = async |arguments: &[&str]| run(within(here.path(), &[&["render"], arguments].concat())).await;
    let own = render(&["notes"]).await;
    assert_eq!((own.code, own.err.as_str()), (0, ""), "{own:?}");
    for line in [
        "[says]",
        "opted_out: Abgemeldet mit STOP",
        "closing_texted_now: The closing text has been sent to the customer now.",
        "[why]",
        "refused: Braze will nicht",
        "[advice]",
        "refused: Rat: anrufen. evt_5eed00000000000000290000",
    ] {
        assert!(own.out.lines().any(|shown| shown == line), "{line} in {}", own.out);
    }
    assert_eq!(render(&["notes.de"]).await.out, own.out, "by its name as well");
    let french = render(&["notes.fr", "--json"]).await.json();
    let sizes = ["says", "why", "advice"].map(|table| french[table].as_object().unwrap().len());
    assert_eq!(sizes, [36, 10, 11], "{french}");
    assert!(french["says"]["opted_out"].as_str().unwrap().contains("STOP"), "{french}");
    let unknown = render(&["notes.it"]).await;
    assert!(
        unknown.code == 2 && unknown.err.contains("notes.it.toml") && unknown.err.contains("de, en, fr"),
        "{unknown:?}"
    );
    let event = render(&["notes", "--event", "-"]).await;
    assert!(event.code == 2 && event.err.contains("tandem render failure_note --event FILE"), "{event:?}");

    std::fs::write(here.path().join("own/notes.de.toml"), "language = \"de\"\n[says]\nopted_out = \"{{ wort }}\"\n")
        .unwrap();
    let faults = run(within(here.path(), &["check", "--json"])).await.json()["faults"].to_string();
    assert!(faults.contains("Mend the words; `tandem render notes` shows what they say"), "{faults}");
}

#[tokio::test]
async fn show_prints_the_text_that_is_in_force_the_shipped_one_or_the_sample() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("tandem.toml"), "mappings = \".\"\n").unwrap();
    let own = format!("# mine\n{}", shipped("mappings/agent_reply.toml"));
    std::fs::write(here.path().join("agent_reply.toml"), &own).unwrap();
    for (arguments, text) in [
        (&["agent_reply"][..], own.as_str()),
        (&["agent_reply", "--shipped"], &shipped("mappings/agent_reply.toml")),
        (&["agent_reply", "--sample"], &shipped("mappings/agent_reply.json")),
        (&["open_ticket"], &shipped("mappings/open_ticket.toml")),
        (&["notes"], &shipped("mappings/notes.en.toml")),
        (&["notes.fr"], &shipped("mappings/notes.fr.toml")),
    ] {
        let said = run(within(here.path(), &[&["mappings", "show"], arguments].concat())).await;
        assert_eq!((said.code, said.out.trim_end()), (0, text.trim_end()), "{arguments:?}");
    }
    let said = run(within(here.path(), &["mappings", "show", "agent_reply", "--json"])).await.json();
    assert_eq!((&said["text"], &said["path"]), (&own.into(), &"./agent_reply.toml".into()));
    let nonsense = run(within(here.path(), &["mappings", "show", "nonsense"])).await;
    assert!(nonsense.code == 2 && nonsense.err.contains("agent_reply"), "{nonsense:?}");
}

#[tokio::test]
async fn copies_go_where_the_configuration_says_and_overwrite_nothing() {
    let here = tempfile::tempdir().unwrap();
    let copy = async |arguments: &[&str]| run(within(here.path(), &[&["mappings", "copy"], arguments].concat())).await;
    let said = copy(&["agent_reply"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "without --to and without a configuration: {said:?}");
    assert!(said.out.contains("Written: mappings/agent_reply.toml"), "{}", said.out);
    assert!(said.out.contains("mappings = \"mappings\"") && said.out.contains("tandem render agent_reply"), "{said:?}");

    let elsewhere = copy(&["agent_reply", "--to", "elsewhere"]).await;
    assert!(elsewhere.out.contains("mappings = \"elsewhere\""), "what to write into the configuration: {elsewhere:?}");
    std::fs::write(here.path().join("tandem.toml"), "mappings = \"own\"\n").unwrap();
    let said = copy(&["agent_reply"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "the directory is made: {said:?}");
    assert!(!said.out.contains("mappings = "), "it is configured: {}", said.out);
    let path = here.path().join("own/agent_reply.toml");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), shipped("mappings/agent_reply.toml"));

    std::fs::write(&path, "# mine\n").unwrap();
    let all = copy(&["--all"]).await;
    assert_eq!(all.code, 1, "{all:?}");
    assert!(all.err.contains("there already, and left as it is: own/agent_reply.toml"), "{}", all.err);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\n");
    for name in NAMES.iter().filter(|name| **name != "agent_reply").chain(&["notes.en"]) {
        let copied = std::fs::read_to_string(here.path().join(format!("own/{name}.toml"))).unwrap();
        assert_eq!(copied, shipped(&format!("mappings/{name}.toml")), "the others are copied all the same");
    }
}

#[tokio::test]
async fn words_of_a_language_that_is_not_shipped_are_copied_to_be_translated() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("tandem.toml"), "mappings = \"own\"\n").unwrap();
    let said = run(within(here.path(), &["mappings", "copy", "notes.de"])).await;
    assert!(said.code == 0 && said.out.contains("notes.language is \"de\""), "{said:?}");
    let copied = std::fs::read_to_string(here.path().join("own/notes.de.toml")).unwrap();
    assert_eq!(copied, shipped("mappings/notes.en.toml").replace("language = \"en\"", "language = \"de\""));
    let checked = async |language: &str| {
        let mut command = within(here.path(), &["check", "--json"]);
        command.env("TANDEM_NOTES__LANGUAGE", language);
        let faults = run(command).await.json()["faults"].clone();
        faults.as_array().unwrap().iter().filter(|fault| fault["key"] == "notes.language").cloned().collect::<Vec<_>>()
    };
    assert_eq!(checked("de").await, Vec::<Value>::new(), "its words are there");
    let faults = checked("it").await;
    assert!(faults.len() == 1 && faults[0]["problem"].as_str().unwrap().contains("notes.it.toml"), "{faults:?}");
    assert!(faults[0]["problem"].as_str().unwrap().contains("de, en, fr"), "{faults:?}");
}
