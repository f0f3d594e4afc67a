//! Malformed, hostile, oversized and absurd input: its answer, and that it has no other effect.
//!
//! Any body from an authentic sender is answered 202 and kept, readable or not. A customer's words stand on the ticket as
//! they were typed, and no program on the way takes them for code.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tandem::sandbox::server::Call;
use tandem::sandbox::zendesk::{Role, User};

use crate::support::{TestBridge, answer};
use crate::webhooks::{
    assert_accepted, assert_untouched, braze_post, calls, form, from_zendesk, quiet_bridge, raw, ticket_of, token,
};

const BODY_MAX: usize = 256 * 1024;

/// A JSON object with this behind `"external_id":`.
fn with_id(id: &str) -> Vec<u8> {
    format!(r#"{{"external_id":{id},"text":"Hello"}}"#).into_bytes()
}

fn repeated(piece: &str, bytes: usize) -> Vec<u8> {
    piece.repeat(bytes / piece.len()).into_bytes()
}

/// Bodies at Braze's door that do not tell the customer or the text.
fn unreadable_texts() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &str| form(&[("external_id", "ada"), ("text", text)]).into_bytes();
    let long_id = "9".repeat(256);
    let many_fields: Vec<String> = (0..20_000).map(|n| format!("k{n}=v")).collect();
    vec![
        ("nothing", Vec::new()),
        ("white space", b" \r\n\t ".to_vec()),
        ("null", b"null".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a list of texts", br#"[{"external_id":"ada","text":"Hello"}]"#.to_vec()),
        ("a number", b"42".to_vec()),
        ("a string", br#""Hello""#.to_vec()),
        ("prose", b"Hello, is anybody there?".to_vec()),
        ("XML", br#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>"#.to_vec()),
        ("multipart", b"--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nHello\r\n--x--\r\n".to_vec()),
        ("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec()),
        ("UTF-16", b"\xff\xfe{\x00}\x00".to_vec()),
        ("all NUL", vec![0; 1000]),
        ("cut in a string", br#"{"external_id":"ada","text":"Hel"#.to_vec()),
        ("cut in a key", br#"{"external_id":"ada","te"#.to_vec()),
        ("cut before the end", br#"{"external_id":"ada","text":"Hello""#.to_vec()),
        ("something behind the end", br#"{"external_id":"ada","text":"Hello"}}"#.to_vec()),
        ("two objects", br#"{"external_id":"ada","text":"Hello"}{"external_id":"bob","text":"Hello"}"#.to_vec()),
        ("no UTF-8 in JSON", b"{\"external_id\":\"ada\",\"text\":\"Hel\xfflo\"}".to_vec()),
        ("half a character in JSON", b"{\"external_id\":\"ada\",\"text\":\"Hello \xf0\x9f\x98\"}".to_vec()),
        ("no UTF-8 in a form", b"external_id=ada&text=Hel%ff%fe".to_vec()),
        ("half a surrogate in a form", b"external_id=ada&text=%ed%a0%80".to_vec()),
        ("a key twice in JSON", br#"{"external_id":"ada","text":"Hello","external_id":"bob"}"#.to_vec()),
        ("a key twice, escaped", br#"{"external_id":"ada","text":"Hello","external\u005fid":"bob"}"#.to_vec()),
        ("a key twice in a form", b"external_id=ada&text=Hello&external_id=bob".to_vec()),
        ("an id that is an object", with_id(r#"{"$ne":null}"#)),
        ("an id that is a list", with_id(r#"["ada"]"#)),
        ("an id that is true", with_id("true")),
        ("an id that no number holds", with_id("123456789012345678901234567890")),
        ("an id with a fraction", with_id("1.5")),
        ("an id with an exponent", with_id("1e3")),
        ("an id beyond all numbers", with_id("1e999999999")),
        ("an id of a megabyte of digits", with_id(&"9".repeat(200_000))),
        ("an id that is too long", with_id(&format!("\"{long_id}\""))),
        ("no id", br#"{"text":"Hello"}"#.to_vec()),
        ("blank ids", br#"{"external_id":" ","braze_id":"","text":"Hello"}"#.to_vec()),
        ("ids of control characters", b"{\"external_id\":\"\\u0000\\u0001\",\"text\":\"Hello\"}".to_vec()),
        ("no text", br#"{"external_id":"ada"}"#.to_vec()),
        ("a blank text", text(" \n\t ")),
        ("a text of control characters", text("\u{0}\u{1}\u{7f}")),
        ("a text that is an object", br#"{"external_id":"ada","text":{"body":"Hello"}}"#.to_vec()),
        ("a text that is too long", text(&"x".repeat(33 * 1024))),
        (
            "media that are no links",
            form(&[("external_id", "ada"), ("media", "javascript:alert(1) file:///etc/passwd")]).into_bytes(),
        ),
        ("deep lists", repeated("[", BODY_MAX)),
        ("deep objects", repeated("{\"a\":", BODY_MAX)),
        (
            "deep, and closed",
            format!("{{\"external_id\":\"ada\",\"text\":\"Hello\",\"x\":{}{}}}", "[".repeat(100), "]".repeat(100))
                .into_bytes(),
        ),
        ("quotation marks only", repeated("{\"\"", BODY_MAX)),
        ("quotation marks and commas", [b"{\"text\":\"".to_vec(), repeated("\",\"", BODY_MAX - 20)].concat()),
        ("quotation marks and brackets", [b"{\"text\":\"".to_vec(), repeated("\"}]} ", BODY_MAX - 20)].concat()),
        ("backslashes", [b"{\"text\":\"".to_vec(), repeated("\\", BODY_MAX - 20)].concat()),
        ("a form of twenty thousand fields", many_fields.join("&").into_bytes()),
        ("ampersands", repeated("&", BODY_MAX)),
        ("per cent signs", repeated("%", BODY_MAX)),
    ]
}

#[tokio::test]
async fn a_text_that_nobody_can_read_is_kept_and_nothing_else_happens() {
    let bridge = quiet_bridge().await;
    let bodies = unreadable_texts();
    for (what, body) in &bodies {
        let request = bridge.as_braze(Method::POST, "/webhooks/braze", "").body(body.clone());
        let told = answer(request).await;
        assert_eq!((told.0, &told.1["status"]), (202, &json!("quarantined")), "{what}: {told:?}");
    }
    assert_only_quarantined(&bridge, bodies.len()).await;
    bridge.finish(0).await;
}

/// Asserts that `count` bodies are quarantined, and that there is no other delivery.
async fn assert_only_quarantined(bridge: &TestBridge, count: usize) {
    let deliveries = bridge.settled().await;
    let kept = deliveries.iter().filter(|delivery| delivery["state"] == "quarantined").count();
    assert_eq!((kept, deliveries.len()), (count, count));
    assert_eq!(bridge.conversations().await, Vec::<Value>::new());
    assert_eq!(calls(bridge), 0, "calls to vendors");
}

#[tokio::test]
async fn a_doorbell_that_names_no_ticket_is_kept_and_nothing_else_happens() {
    let bridge = quiet_bridge().await;
    let ticket = |value: &str| format!(r#"{{"event":"agent_reply","ticket_id":{value},"comment_id":1}}"#).into_bytes();
    let comment = |value: &str| format!(r#"{{"event":"agent_reply","ticket_id":1,"comment_id":{value}}}"#).into_bytes();
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"{}".to_vec(),
        b"event=agent_reply&ticket_id=1".to_vec(),
        br#"{"event":null,"ticket_id":1}"#.to_vec(),
        br#"{"event":["agent_reply"],"ticket_id":1}"#.to_vec(),
        br#"{"event":"agent_reply"}"#.to_vec(),
        br#"{"event":"ticket_solved","ticket_id":""}"#.to_vec(),
        br#"{"event":"agent_reply","ticket_id":1,"ticket_id":2}"#.to_vec(),
        br#"{"event":"agent_reply","ticket_id":"{{ticket.id}}"}"#.to_vec(),
        ticket("0"),
        ticket("-1"),
        ticket("1.0"),
        ticket("1e3"),
        ticket("18446744073709551616"),
        ticket("null"),
        ticket("true"),
        ticket("[1]"),
        ticket("\"../users/1\""),
        ticket("\"1/comments\""),
        ticket("\"1?include=users\""),
        ticket("\"1; drop table tickets\""),
        ticket("\"0x1\""),
        ticket("\"٣\""),
        ticket("\"1 2\""),
        comment("0"),
        comment("\"-1\""),
        comment("{}"),
        comment("99999999999999999999"),
        b"{\"event\":\"agent_reply\",\"ticket_id\":1,\"text\":\"\xff\"}".to_vec(),
        format!(r#"{{"event":"agent_reply","ticket_id":1,"text":"{}"}}"#, "x".repeat(33 * 1024)).into_bytes(),
        format!(r#"{{"event":"agent_reply","ticket_id":1,"external_user_id":"{}"}}"#, "x".repeat(256)).into_bytes(),
        repeated("[", BODY_MAX),
    ];
    for body in &bodies {
        let told = answer(from_zendesk(&bridge, "/webhooks/zendesk", body)).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!((told.0, &told.1["status"]), (202, &json!("quarantined")), "{shown}: {told:?}");
    }
    assert_only_quarantined(&bridge, bodies.len()).await;
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_ticket_that_does_not_exist_is_asked_for_and_let_go() {
    let bridge = quiet_bridge().await;
    for ticket in ["18446744073709551615", "404"] {
        for event in ["agent_reply", "ticket_solved"] {
            let body = json!({"event": event, "ticket_id": ticket}).to_string();
            assert_accepted(&bridge.zendesk_webhook(&body).await);
        }
    }
    let deliveries = bridge.settled().await;
    let states: Vec<_> = deliveries.iter().map(|delivery| &delivery["state"]).collect();
    assert_eq!(states, ["skipped"; 4], "{deliveries:?}");
    assert_eq!(bridge.sandbox.braze.calls().len(), 0);
    assert_eq!(bridge.sandbox.zendesk.tickets(), []);
    bridge.finish(0).await;
}

// ------------------------------------------------------------------------------------------------ customers' words

/// Texts that a reader on the way could take for code: HTML, Liquid, JSON, a form, a terminal.
const LOADED_TEXTS: [&str; 30] = [
    "{{ticket.id}} {{ ticket.requester.email }} {{current_user.name}}",
    "{% for i in (1..1000000) %}x{% endfor %}",
    "{{{{ticket.id}}}} {{'{{'}}ticket.id}} {{ {% raw %}",
    "{{ticket.id",
    "{\n{ticket.id}\n}",
    "&#123;&#123;ticket.id&#125;&#125; &lbrace;&lbrace;ticket.id}}",
    "\\{{ticket.id}}",
    "<script>alert(document.cookie)</script>",
    "<img src=x onerror=alert(1)> <a href=\"javascript:alert(1)\">click</a>",
    "</div></div><h1>Escalate</h1><!--",
    "<code>{{ticket.id}}</code>{{ticket.id}}",
    "a < b && c > d; \"x\" 'y' &amp; &lt;b&gt; &nbsp; &",
    "{\"ticket\":{\"status\":\"closed\",\"tags\":[\"vip\"]}}",
    "\",\"author_id\":1,\"public\":false,\"x\":\"",
    "\"}}}\n{\"ticket\":{\"priority\":\"urgent\"",
    "&external_id=bob&text=other %26external_id%3Dbob + %00 %0d%0a",
    "\\n \\u0000 \\\" \\\\ \\",
    "Robert'); DROP TABLE students;--",
    "$(reboot) `reboot` ; | & > /dev/null ${jndi:ldap://127.0.0.1/a}",
    "../../../../etc/passwd %2e%2e%2f file:///etc/passwd",
    "#1 @agnes *bold* _it_ [link](http://127.0.0.1/) ```code```",
    "Two  spaces,   three,\n\n\nand three line breaks",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 é e\u{301} ﷽ 𝕏 \u{10ffff}",
    "مرحبا بالعالم שלום \u{202e}desrever\u{202c} \u{2066}isolated\u{2069}",
    "zero\u{200b}width\u{200d}joined\u{feff}marked\u{2060}",
    "Z̸̡̛͎̻a̷̢̛̫l̶̨̛͔g̴̨̛̫o̵̢̢̭",
    "日本語のテキスト、全角　スペース",
    "true",
    "null",
    "0",
];

#[tokio::test]
async fn what_a_customer_typed_stands_on_the_ticket_as_it_was_typed() {
    let bridge = quiet_bridge().await;
    for (number, text) in LOADED_TEXTS.into_iter().enumerate() {
        let as_json = json!({"external_id": "ada", "text": text}).to_string();
        let body = if number % 2 == 0 { form(&[("external_id", "ada"), ("text", text)]) } else { as_json };
        assert_accepted(&answer(braze_post(&bridge, &body)).await);
        bridge.settled().await;
        let ticket = bridge.sandbox.zendesk.ticket(1).unwrap();
        let comment = ticket.comments.last().unwrap();
        // Zendesk shows a run of spaces only when some of them cannot break.
        assert_eq!(comment.plain_body.replace('\u{a0}', " "), text);
        for tag in ["<script", "<img", "<h1", "<a ", "<!--", "onerror=alert(1)>"] {
            assert!(!comment.html_body.contains(tag), "{text}: {}", comment.html_body);
        }
        assert_eq!((comment.author_id, comment.public), (ticket.requester_id, true), "{text}");
    }
    let ticket = bridge.sandbox.zendesk.ticket(1).unwrap();
    assert_eq!(bridge.sandbox.zendesk.tickets().len(), 1);
    assert_eq!(ticket.comments.len(), LOADED_TEXTS.len());
    assert_eq!((ticket.tags, ticket.priority, ticket.status.as_str()), (vec!["sms".to_owned()], None, "open"));
    assert_eq!(bridge.texts(), Vec::<String>::new());
    bridge.finish(0).await;
}

#[tokio::test]
async fn line_breaks_of_every_kind_are_line_breaks_and_control_characters_are_nothing() {
    let bridge = quiet_bridge().await;
    let text = "one\r\ntwo\rthree\nfo\u{0}ur\u{7}\u{1b}[31m\u{9b}1m";
    assert_accepted(&answer(braze_post(&bridge, &form(&[("external_id", "ada"), ("text", text)]))).await);
    bridge.settled().await;
    assert_eq!(bridge.comments(1), ["one\ntwo\nthree\nfour[31m1m"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_long_text_arrives_whole_also_where_every_character_grows_on_the_way() {
    let bridge = quiet_bridge().await;
    // The longest that a carrier joins, of characters that take most room in HTML; and the longest that is taken at all.
    for text in ["{".repeat(1600), "&\"<".repeat(533), format!("{}.", "x".repeat(32 * 1024 - 1))] {
        assert_accepted(&answer(braze_post(&bridge, &form(&[("external_id", "ada"), ("text", &text)]))).await);
        bridge.settled().await;
        assert_eq!(*bridge.comments(1).last().unwrap(), text);
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_name_that_is_code_is_a_name() {
    let bridge = quiet_bridge().await;
    for (number, name) in [
        "{{ticket.id}}",
        "{% raw %}",
        "<script>alert(1)</script>",
        "Ada\r\nBcc: all@example.com",
        "\"}],\"role\":\"admin\"",
        "\u{202e}adA",
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("customer-{number}");
        let body = json!({"external_id": id, "first_name": name, "last_name": "L", "text": "Hello"}).to_string();
        assert_accepted(&answer(braze_post(&bridge, &body)).await);
        bridge.settled().await;
        let ticket = bridge.sandbox.zendesk.tickets().pop().unwrap();
        assert_eq!(ticket.external_id, Some(id));
        let users = bridge.sandbox.zendesk.users();
        let requester = users.iter().find(|user| user.id == ticket.requester_id).unwrap();
        assert_eq!(requester.role, Role::EndUser, "{name}");
        // Braces that Zendesk could expand have a space between them.
        let written = name.replace("\r\n", "  ").replace("{{", "{ {").replace("{%", "{ %");
        assert_eq!(requester.name, format!("{written} L"), "{name}");
    }
    let opened: Vec<Call> = calls_to(&bridge, "POST", "/api/v2/tickets");
    assert_eq!(opened.len(), 6);
    for call in opened {
        let subject = call.body["ticket"]["subject"].as_str().unwrap();
        assert!(!subject.contains("{{") && !subject.contains("{%") && !subject.contains('\n'), "{subject}");
    }
    bridge.finish(0).await;
}

fn calls_to(bridge: &TestBridge, method: &str, path: &str) -> Vec<Call> {
    let calls = bridge.sandbox.zendesk.calls().into_iter().chain(bridge.sandbox.braze.calls());
    calls.filter(|call| call.method == method && call.path == path).collect()
}

/// Whether the contract names this call (§4).
fn is_in_the_contract(call: &Call) -> bool {
    let path = call.path.as_str();
    let ticket = path.strip_prefix("/api/v2/tickets/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    let is_number = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    match (call.method.as_str(), path, ticket) {
        ("POST", "/oauth/tokens" | "/api/v2/users/create_or_update" | "/api/v2/tickets", _)
        | ("GET", "/api/v2/users/search" | "/api/v2/tickets", _)
        | ("POST", "/campaigns/trigger/send" | "/users/track" | "/users/export/ids", _) => true,
        ("GET", _, Some((id, "" | "comments" | "audits"))) | ("PUT", _, Some((id, ""))) => is_number(id),
        ("POST", _, None) => {
            let user = path.strip_prefix("/api/v2/users/").and_then(|rest| rest.strip_suffix("/identities"));
            user.is_some_and(is_number)
        }
        _ => false,
    }
}

#[tokio::test]
async fn a_placeholder_that_was_not_filled_in_is_nobodys_id() {
    let bridge = quiet_bridge().await;
    for id in ["{{${user_id}}}", "{{ticket.requester.external_id}}", "${user_id}", "x{{y}}"] {
        let (status, body) = answer(braze_post(&bridge, &form(&[("external_id", id), ("text", "Hello")]))).await;
        assert_eq!((status, &body["status"]), (202, &json!("quarantined")), "{id}");
    }
    bridge.settled().await;
    assert!(bridge.sandbox.zendesk.tickets().is_empty());
    bridge.finish(0).await;
}

#[tokio::test]
async fn an_id_that_is_code_or_an_address_names_nobody_else() {
    let bridge = quiet_bridge().await;
    let victim = |name: &str, id: &str| User {
        name: name.to_owned(),
        external_id: Some(id.to_owned()),
        user_fields: json!({"braze_external_id": id}).as_object().unwrap().clone(),
        ..User::default()
    };
    let zendesk = &bridge.sandbox.zendesk;
    let victims = [zendesk.add_user(victim("Victim", "victim")), zendesk.add_user(victim("Other", "1"))];
    let ids = [
        "../../users/1",
        "..",
        "%2e%2e%2fusers",
        "victim?role=admin&x=",
        "victim#",
        "victim/",
        "*",
        "vict*",
        "victim victim",
        "\"victim",
        "x\" OR \"victim",
        "type:user role:admin",
        "-victim",
        "{ticket.id}",
        "<b>victim</b>",
        "null",
        "0",
        "01",
        "1@line",
        "braze:victim",
        "victi\u{301}m",
        "victim\u{200b}",
        "$user_id",
        "emoji 🏳️‍🌈",
    ];
    for id in ids {
        assert_accepted(&answer(braze_post(&bridge, &form(&[("external_id", id), ("text", id)]))).await);
        bridge.settled().await;
    }
    let tickets = zendesk.tickets();
    let users = zendesk.users();
    for (id, ticket) in ids.iter().zip(&tickets) {
        let requester = users.iter().find(|user| user.id == ticket.requester_id).unwrap();
        assert_eq!((ticket.external_id.as_deref(), requester.external_id.as_deref()), (Some(*id), Some(*id)));
        assert!(!victims.contains(&requester.id), "{id}");
    }
    assert_eq!(tickets.len(), ids.len());
    for call in zendesk.calls().iter().chain(&bridge.sandbox.braze.calls()) {
        assert!(is_in_the_contract(call), "{} {}", call.method, call.path);
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_customer_who_is_called_like_a_ticket_is_a_customer() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    let called_so = form(&[("external_id", &format!("ticket:{ticket}")), ("text", "I am not Ada")]);
    for _ in 0..2 {
        assert_accepted(&answer(braze_post(&bridge, &called_so)).await);
        bridge.settled().await;
    }
    assert_eq!(bridge.comments(ticket), ["Hello"]);
    assert_eq!(bridge.comments(2), ["I am not Ada"; 2]);
    let requester = bridge.sandbox.zendesk.ticket(2).unwrap().requester_id;
    let user = bridge.sandbox.zendesk.users().into_iter().find(|user| user.id == requester).unwrap();
    assert_eq!(user.external_id, Some(format!("ticket:{ticket}")));
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_line_break_in_an_id_or_a_keyword_opens_no_header_and_no_line() {
    let bridge = quiet_bridge().await;
    let body = form(&[
        ("external_id", "ada\r\nX-Injected: 1"),
        ("category", "other\r\nx"),
        ("phone", "+1555\r\n5550123"),
        ("email", "ada@example.com\r\nbcc: all@example.com"),
        ("dispatch", "d1\r\n\r\nPOST / HTTP/1.1"),
        ("text", "Hello"),
    ]);
    assert_accepted(&answer(braze_post(&bridge, &body)).await);
    bridge.settled().await;
    let ticket = bridge.sandbox.zendesk.ticket(1).unwrap();
    assert_eq!(ticket.external_id.as_deref(), Some("ada  X-Injected: 1"));
    for call in bridge.sandbox.zendesk.calls() {
        assert!(is_in_the_contract(&call), "{} {}", call.method, call.path);
    }
    bridge.finish(0).await;
}

#[tokio::test]
async fn what_an_agent_typed_reaches_the_phone_as_it_was_typed() {
    let bridge = quiet_bridge().await;
    let ticket = ticket_of(&bridge, "ada").await;
    for (html, text) in [
        ("<p>{{${first_name}}} {{campaign.${api_id}}}</p>", "{{${first_name}}} {{campaign.${api_id}}}"),
        ("<p>{% connected_content http://127.0.0.1/ %}</p>", "{% connected_content http://127.0.0.1/ %}"),
        ("<p>{% abort_message('x') %}</p>", "{% abort_message('x') %}"),
        ("<p>&lt;b&gt; &amp;amp; \"q\" 'a' \\n</p>", "<b> &amp; \"q\" 'a' \\n"),
        ("<p>👩‍👩‍👧‍👦 مرحبا \u{202e}x\u{202c}</p>", "👩‍👩‍👧‍👦 مرحبا \u{202e}x\u{202c}"),
        ("<p>\",\"external_user_id\":\"bob\",\"x\":\"</p>", "\",\"external_user_id\":\"bob\",\"x\":\""),
    ] {
        bridge.sandbox.zendesk.agent_reply(ticket, html);
        bridge.settled().await;
        let texts = bridge.sandbox.braze.texts();
        let last = texts.last().unwrap();
        assert_eq!((last.body.as_str(), last.msg_body.as_deref()), (text, Some(text)));
        assert_eq!(last.external_id.as_deref(), Some("ada"));
    }
    assert_eq!(bridge.texts().len(), 6);
    bridge.finish(0).await;
}

// ------------------------------------------------------------------------------------------------- beneath the body

#[tokio::test]
async fn absurd_http_hurts_nobody() {
    let bridge = quiet_bridge().await;
    let body = form(&[("external_id", "ada"), ("text", "Hello")]);
    let head =
        format!("POST /webhooks/braze HTTP/1.1\r\nHost: x\r\nX-Tandem-Token: {}\r\nConnection: close\r\n", token());
    let length = format!("Content-Length: {}\r\n", body.len());
    let many: String = (0..5000).map(|n| format!("X-H{n}: {n}\r\n")).collect();
    for (what, request, answers) in [
        (
            "a header of a million bytes",
            format!("{head}X-Long: {}\r\n{length}\r\n{body}", "x".repeat(1_000_000)),
            &["", "431"][..],
        ),
        ("five thousand headers", format!("{head}{many}{length}\r\n{body}"), &["431"]),
        (
            "a path of a million bytes",
            format!("POST /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1_000_000)),
            &["", "414", "431"],
        ),
        ("no HTTP", "\u{0}\u{1}\u{2} nonsense\r\n\r\n".to_owned(), &["", "400"]),
        ("TLS", "\u{16}\u{3}\u{1}\u{0}\u{0}".to_owned() + "\r\n\r\n", &["", "400"]),
        ("two lengths", format!("{head}Content-Length: 1\r\n{length}\r\n{body}"), &["400"]),
        ("a negative length", format!("{head}Content-Length: -1\r\n\r\n{body}"), &["400"]),
        ("a broken chunk", format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{body}"), &["400", "503"]),
        ("a line break in a header", format!("{head}X-A: b\r\n c: d\r\n{length}\r\n{body}"), &["400"]),
    ] {
        let told = raw(&bridge, request.as_bytes()).await;
        let status = told.split(' ').nth(1).unwrap_or_default();
        assert!(answers.contains(&status), "{what}: {told}");
        assert_eq!(answer(bridge.http.get(format!("{}/healthz", bridge.public))).await.0, 200, "{what}");
    }
    assert_untouched(&bridge).await;
    // And the same bridge still takes the next text.
    assert_accepted(&answer(braze_post(&bridge, &body)).await);
    bridge.settled().await;
    assert_eq!(bridge.comments(1), ["Hello"]);
    bridge.finish(0).await;
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_not_half_a_text() {
    let bridge = quiet_bridge().await;
    let body = form(&[("external_id", "ada"), ("text", "Hello, please cancel nothing")]);
    let head = format!("POST /webhooks/braze HTTP/1.1\r\nHost: x\r\nX-Tandem-Token: {}\r\n", token());
    let request = format!("{head}Content-Length: {}\r\n\r\n{}", body.len() + 1, body);
    // Half a connection: everything is sent, one byte is missing, and the sender says that it is done.
    let told = raw_and_shut(&bridge, request.as_bytes()).await;
    assert!(!told.contains("HTTP/1.1 202"), "{told}");
    assert_untouched(&bridge).await;
    bridge.finish(0).await;
}

async fn raw_and_shut(bridge: &TestBridge, request: &[u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = bridge.public.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn no_body_from_a_true_sender_is_answered_with_anything_but_202() {
    // A sender that is told 400, 404, 422 or 500 never comes again: its message would be lost.
    let bridge = quiet_bridge().await;
    let bodies = unreadable_texts();
    for path in ["/campaigns/trigger/send", "/campaign/trigger/send"] {
        // Two requests that are signed in the same second over the same bytes, and name no call, would be one webhook.
        bridge.clock.advance(SignedDuration::from_secs(1));
        for (what, body) in &bodies {
            let told = answer(from_zendesk(&bridge, path, body)).await;
            assert_eq!((told.0, &told.1["status"]), (202, &json!("quarantined")), "{path}, {what}: {told:?}");
        }
    }
    let requests = [
        (Method::POST, "/api/v2/tickets"),
        (Method::POST, "/api/v2/tickets.json"),
        (Method::PUT, "/api/v2/tickets/1.json"),
    ];
    for (method, path) in requests {
        for (what, body) in &bodies {
            let told = answer(bridge.as_braze(method.clone(), path, "").body(body.clone())).await;
            assert_eq!((told.0, &told.1["status"]), (202, &json!("quarantined")), "{path}, {what}: {told:?}");
        }
    }
    let deliveries = bridge.settled().await;
    assert!(deliveries.iter().all(|delivery| delivery["state"] == "quarantined"));
    assert_eq!(calls(&bridge), 0);
    bridge.finish(0).await;
}
