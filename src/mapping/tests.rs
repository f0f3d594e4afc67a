//! The promises and the refusals of mappings.

use proptest::prelude::*;
use serde_json::json;

use super::template::Data;
use super::*;
use crate::domain::event::TicketId;

mod reference;

fn shipped() -> Mappings {
    Mappings::shipped().unwrap()
}

fn sample(name: Name) -> Context {
    super::sample(name).unwrap()
}

fn body(name: Name, context: &Context) -> Value {
    shipped().render(name, context).unwrap()
}

/// Loads one changed file beside the shipped ones.
fn load(name: Name, text: &str) -> Result<Mappings, Faults> {
    Mappings::load(&BTreeMap::from([(format!("{name}.toml"), text.to_owned())]))
}

/// The shipped text of a mapping with `old`, which must be there, replaced.
fn changed(name: Name, old: &str, new: &str) -> String {
    let text = name.shipped().0;
    assert!(text.contains(old), "{name} has no {old}");
    text.replace(old, new)
}

/// The agent's reply with one more trigger property, `x`, made by `template`.
fn with_x(template: &str) -> Result<Mappings, Faults> {
    let template = toml::Value::String(template.to_owned());
    load(Name::AgentReply, &format!("{}\nx = {template}\n", Name::AgentReply.shipped().0))
}

/// The value that `template` makes of a context; `None` when it is left out.
fn x(template: &str, context: &Context) -> Option<Value> {
    let mappings = with_x(template).unwrap_or_else(|faults| panic!("{template}: {faults}"));
    let body = mappings.render(Name::AgentReply, context).unwrap();
    body.pointer("/recipients/0/trigger_properties/x").cloned()
}

fn refusal(template: &str) -> String {
    match with_x(template) {
        Ok(_) => panic!("not refused: {}", template.get(..200).unwrap_or(template)),
        Err(faults) => faults.to_string(),
    }
}

#[test]
fn every_shipped_mapping_makes_the_reviewed_body_of_its_sample() {
    for name in Name::ALL {
        insta::assert_json_snapshot!(name.as_str(), body(name, &sample(name)));
    }
}

#[test]
fn samples_write_out_every_field_and_only_known_ones() {
    for name in Name::ALL {
        let (toml, json) = name.shipped();
        let file: Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_value(sample(name)).unwrap(), file, "{name}.json");
        let table: toml::Table = toml::from_str(toml).unwrap();
        assert_eq!(table["event"].as_str(), Some(name.as_str()));
        assert_eq!(name.as_str().parse::<Name>().unwrap(), name);
        let mut more = file;
        more["message"]["colour"] = json!("red");
        assert!(serde_json::from_value::<Context>(more).is_err(), "an unknown field is an error");
    }
    assert!("Open_Ticket".parse::<Name>().is_err());
}

#[test]
fn request_lines() {
    let lines = Name::ALL.map(|name| shipped().request_line(name).to_string());
    let (create, update, send) = ("POST /api/v2/tickets", "PUT /api/v2/tickets/{id}", "POST /campaigns/trigger/send");
    assert_eq!(lines, [create, update, create, send, send, send, update, update]);
}

const NASTY: &str = "He said \"hi\" \\ 'x' {{ ticket.id }} {% if %} ${x} </script>\r\nline\ttwo \u{0} 👍🏽 \u{2028}";

#[test]
fn what_people_write_arrives_unchanged() {
    let mut context = sample(Name::AgentReply);
    context.message.text = NASTY.to_owned();
    context.message.msg_body = NASTY.to_owned();
    context.message.agent_name = Some(NASTY.to_owned());
    let body = body(Name::AgentReply, &context);
    let properties = &body["recipients"][0]["trigger_properties"];
    assert_eq!((properties["text"].as_str(), properties["msg_body"].as_str()), (Some(NASTY), Some(NASTY)));
    for template in [
        "{{ message.agent_name }}",
        "{{ message.agent_name | default: 'x' }}",
        "{% if true %}{{ message.agent_name }}{% endif %}",
    ] {
        assert_eq!(x(template, &context), Some(json!(NASTY)), "{template}");
    }
    let mixed = x("<{{ message.agent_name }}>", &context);
    assert_eq!(mixed, Some(json!(format!("<{NASTY}>"))));
}

proptest! {
    #[test]
    fn any_text_arrives_unchanged(text in "\\PC{1,40}|[\\x00-\\x7f]{1,40}|[{}%$\"'\\\\\\n <>]{1,40}") {
        let mut context = sample(Name::OpenTicket);
        context.message.html.clone_from(&text);
        context.customer.name = Some(text.clone());
        let made = body(Name::OpenTicket, &context);
        prop_assert_eq!(made["ticket"]["comment"]["html_body"].as_str(), Some(text.as_str()));
        let subject = made["ticket"]["subject"].as_str().unwrap();
        let expandable = ["{{", "{%"].iter().any(|braces| subject.contains(braces));
        prop_assert!(!expandable, "{}", subject);
        prop_assert_eq!(subject.replace(' ', ""), format!("Text message from {text}").replace(' ', ""));
    }

    #[test]
    fn no_template_panics_or_hangs(template in "(\\{\\{|\\}\\}|\\{%|%\\}|if|for|x|in|end|assign|=|\\||:|\\(|\\)|\\.\\.|[0-9]{1,25}|message\\.(text|media)|split|join|'|\"|\\[|\\]| |-|\\.){0,24}") {
        // The template may be refused; only a panic would fail here.
        if let Ok(mappings) = with_x(&template) {
            prop_assert!(mappings.render(Name::AgentReply, &sample(Name::AgentReply)).is_ok());
        }
    }
}

#[test]
fn a_leaf_of_one_expression_keeps_its_type_and_nothing_is_left_out() {
    let mut context = sample(Name::AgentReply);
    context.message.media = vec!["https://a.example/1".to_owned(), "https://a.example/2".to_owned()];
    context.attributes.insert("big".to_owned(), json!(u64::MAX));
    context.attributes.insert("half".to_owned(), json!(1.0));
    context.attributes.insert("blank".to_owned(), json!({"a": null, "b": ["", {}]}));
    let table = [
        ("{{ ticket.id }}", Some(json!(1234))),
        ("{{ticket.id}}", Some(json!(1234))),
        ("{{- ticket.id -}}", Some(json!(1234))),
        ("{{ ticket.id | plus: 1 }}", Some(json!(1235))),
        ("{{ ticket.id | divided_by: 10.0 }}", Some(json!(123.4))),
        ("#{{ ticket.id }}", Some(json!("#1234"))),
        (" {{ ticket.id }}", Some(json!(" 1234"))),
        ("{{ true }}", Some(json!(true))),
        ("{{ '1' }}", Some(json!("1"))),
        ("{{ event.received_at }}", Some(json!("2026-11-21T09:30:00Z"))),
        ("{{ message.media }}", Some(json!(context.message.media))),
        ("{{ message.media | first }}", Some(json!("https://a.example/1"))),
        ("{{ message.media.last }}", Some(json!("https://a.example/2"))),
        ("{{ message.media.size }}", Some(json!(2))),
        ("{{ message.media[1] }}", Some(json!("https://a.example/2"))),
        ("{{ attributes }}", Some(json!(context.attributes))),
        ("{{ attributes.big }}", Some(json!(u64::MAX))),
        ("{{ attributes.blank.b }}", Some(json!(["", {}]))),
        ("{{ customer.name | split: ' ' }}", Some(json!(["Ada", "Example"]))),
        ("{{ ticket.subject }}", None),
        ("{{ ticket.subject | default: '' }}", None),
        ("{{ nil }}", None),
        ("{{ empty }}", None),
        ("{{ message.uploads }}", None),
        ("{% if ticket.subject %}never{% endif %}", None),
        ("", None),
    ];
    for (template, wanted) in table {
        assert_eq!(x_loose(template, &context), wanted, "{template}");
    }
}

/// The text that a template makes, or the reason of its refusal.
fn made_of(template: &str, context: &Context) -> Result<String, String> {
    let schema = serde_json::to_value(context).unwrap();
    let leaf = Compiler::new(schema.clone()).unwrap().leaf(template)?;
    let made = leaf.render(&Data::new(schema)).map_err(|error| error.what)?;
    Ok(made.as_str().unwrap().to_owned())
}

/// Like [`x`], for templates that need more than the probes have.
fn x_loose(template: &str, context: &Context) -> Option<Value> {
    let schema = serde_json::to_value(context).unwrap();
    let compiler = Compiler::new(schema.clone()).unwrap();
    let leaf = compiler.leaf(template).unwrap_or_else(|what| panic!("{template}: {what}"));
    let node = Node::Table(vec![("x".to_owned(), Node::Leaf { key: "x".to_owned(), leaf })]);
    let made = node.render(&Data::new(schema)).unwrap_or_else(|(_, error)| panic!("{template}: {error:?}"));
    made.and_then(|table| table.get("x").cloned())
}

#[test]
fn emptied_tables_and_lists_are_left_out_and_literals_stay() {
    let text = format!(
        "{}\nnumber = 1\nhalf = 0.5\nno = false\nlist = [1, \"{{{{ ticket.subject }}}}\", \"\"]\nhollow = [\"\"]\n[body.recipients.trigger_properties.deep.er]\nx = \"{{{{ ticket.subject }}}}\"\n",
        Name::AgentReply.shipped().0
    );
    let mappings = load(Name::AgentReply, &text).unwrap();
    let body = mappings.render(Name::AgentReply, &sample(Name::AgentReply)).unwrap();
    let mut properties = body["recipients"][0]["trigger_properties"].clone();
    properties.as_object_mut().unwrap().retain(|key, _| !["text", "msg_body", "tandem"].contains(&key.as_str()));
    assert_eq!(properties, json!({"number": 1, "half": 0.5, "no": false, "list": [1]}));
}

#[test]
fn hostile_and_clumsy_templates_are_refused_with_a_reason() {
    let nest = |n: usize, open: &str, close: &str| format!("{}x{}", open.repeat(n), close.repeat(n));
    let doubling = "{% assign a = 'xxxxxxxxxxxxxxxx' %}".to_owned() + &"{% assign a = a | append: a %}".repeat(60);
    let table: Vec<(String, &str)> = vec![
        ("{% for i in (1..1000000000) %}x{% endfor %}".into(), "ranges such as `(1..10)` are not available"),
        ("{{ (1..3) }}".into(), "ranges such as `(1..10)` are not available"),
        ("{% assign r = (1..99999999) %}".into(), "ranges such as `(1..10)` are not available"),
        ("x".repeat(5000), "at most 4096 are read"),
        (nest(17, "{% if true %}", "{% endif %}"), "nested more than 16 deep"),
        (nest(60, "{% for a in message.media %}", "{% endfor %}"), "nested more than 16 deep"),
        ("{{ attributes[attributes[ticket.status]] }}".into(), "brackets inside brackets are not understood"),
        ("{{ 99999999999999999999 }}".into(), "more than 18 digits"),
        ("{{ 999999999999999999 | times: 999999999999999999 }}".into(), "does not fit 64 bits"),
        ("{{ 1 | divided_by: 0 }}".into(), "divides by zero"),
        ("{{ 1.0 | divided_by: 0 }}".into(), "divides by zero"),
        (doubling, "larger than a template may"),
        ("{% capture a %}{{ message.text }}{% endcapture %}".to_owned() + &"{% capture a %}{{ a }}{{ a }}{{ a }}{{ a }}{% endcapture %}".repeat(20), "`capture` makes a text larger"),
        ("{% assign l = 'a,a,a,a,a,a,a,a,a,a,a,a,a,a' | split: ',' %}{% for a in l %}{% for b in l %}{% for c in l %}{% for d in l %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}".into(), "more than 2000 steps"),
        (format!("{{% assign l = '{}' | split: ',' %}}{{% for a in l %}}{{% for b in l %}}{{% endfor %}}{{% endfor %}}", "a,".repeat(60)), "more than 2000 steps"),
        ("{% assign l = 'a,a' | split: ',' %}".to_owned() + &"{% assign l = l | join: ',' | append: ',' | append: l %}".repeat(2), "not on a list"),
        ("{% assign a = message.text | append: 'aaaaaaaaaa' | split: 'a' | join: message.text | replace: 'a', message.text | replace: 'w', message.text | replace: 'o', message.text | replace: 'o', message.text %}".into(), "larger than a template may"),
        ("{{ message.text | replace: '', 'x' }}".into(), "nothing to search for"),
        ("{{ message.text | split: '' }}".into(), "nothing to split at"),
        ("{{ message.text | truncate: -1 }}".into(), "whole number from 0"),
        ("{{ message.text | truncate }}".into(), "takes 1 to 2 argument(s), not 0"),
        ("{{ message.text | upcase: 1 }}".into(), "takes 0 argument(s), not 1"),
        ("{{ attributes | upcase }}".into(), "not on a list or a table"),
        ("{{ message.text | date: '%Y' }}".into(), "works on times"),
        ("{{ event.received_at | date: '%' }}".into(), "does not end within a `%…`"),
        ("{{ event.received_at | date: '%H:%Q' }}".into(), "does not know `%Q`"),
        ("{% for x in message.text %}{% endfor %}".into(), "only over lists"),
        ("{% for x in message.media limit: 'x' %}{% endfor %}".into(), "whole numbers from 0"),
        ("{{ message.txt }}".into(), "there is no `message.txt`; `message` has: agent_name"),
        ("{% if customer.nickname %}x{% endif %}".into(), "there is no `customer.nickname`"),
        ("{% if custmer %}x{% endif %}".into(), "there is no `custmer`; there are: attributes"),
        ("{{ message.text.length }}".into(), "is a single value"),
        ("{{ attributes.unknown }}".into(), "(`unknown`)"),
        ("{{ message.text | markdown }}".into(), "there is no filter `markdown`; there are: segments"),
        ("{{ message.text | sort }}".into(), "there is no filter `sort`"),
        ("{{ ${first_name} }}".into(), "Braze's own dialect"),
        ("{{${first_name}}}".into(), "Braze's own dialect"),
        ("{{sms.${inbound_message_body}}}".into(), "Braze's own dialect"),
        ("{% include 'x' %}".into(), "the tag `include` is not available"),
        ("{% render 'x' %}".into(), "the tag `render` is not available"),
        ("{% tablerow x in message.media %}{% endtablerow %}".into(), "the tag `tablerow` is not available"),
        ("{% increment x %}".into(), "the tag `increment` is not available"),
        ("{% raw %}{% endraw %}".into(), "the tag `raw` is not available"),
        ("{% tandem_value message.text %}".into(), "the tag `tandem_value` is not available"),
        ("{% put message.text %}".into(), "the tag `put` is not available"),
        ("a customer: {{ customer }}".into(), "a table cannot be written into a text"),
        ("{% assign a = attributes %}{% capture b %}{{ a }}{% endcapture %}".into(), "a table cannot be written into"),
        ("{% assign message = 1 %}".into(), "cannot be given a new value"),
        ("{% if true %}".into(), "is never closed; add `{% endif %}`"),
        ("{% if true %}{% endfor %}".into(), "must close `if`"),
        ("{% endif %}".into(), "never opened"),
        ("{{ message.text".into(), "`{{` is never closed"),
        ("{{ 'x }}".into(), "quotation mark"),
        ("{{ }}".into(), "holds nothing"),
        ("{% %}".into(), "holds nothing"),
        ("{{ message.text | }}".into(), "x:"),
        ("{{ message.text message.html }}".into(), "x:"),
        ("{% if message.text = 'x' %}{% endif %}".into(), "x:"),
    ];
    for (template, wanted) in table {
        let said = refusal(&template);
        let shown = template.get(..80).unwrap_or(&template);
        assert!(said.contains(wanted), "{shown}\n  said {said}\n  not  {wanted}");
        assert!(said.contains("agent_reply.toml"), "{shown}: {said}");
    }
}

/// A fault that the sample does not show is found before the bridge starts, and not by the first such event.
#[test]
fn a_mapping_is_tried_in_every_situation_that_it_will_meet() {
    let table = [
        (
            "{% for m in message.media %}{% for n in message.media %}{% for o in message.media %}{% for p in message.media %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
            "more than 2000 steps (loop turns, assignments, filters, `contains`) [tried with ten links to media]",
        ),
        (
            "{% if ticket.status == 'pending' %}{{ ticket.status | plus: 1 }}{% endif %}",
            "works on numbers [tried with the status pending]",
        ),
        (
            "{% if event.received_at contains 'T23:' %}{{ event.kind | plus: 1 }}{% endif %}",
            "[tried with the time 2028-02-29T23:59:59Z]",
        ),
        (
            "{% if customer.first_name == nil and customer.last_name %}{{ customer.last_name | minus: 1 }}{% endif %}",
            "[tried with an unknown first name]",
        ),
        // The scanner finds a certain fault without a trial.
        (
            "{% if ticket.status == 'nonsense' %}{% if customer.phone == 5 %}x{% endif %}{% endif %}",
            "compares a text with a number",
        ),
        (
            "{% assign h = event.received_at | date: '%H' %}{% if false %}{% case h %}{% when 8 %}x{% endcase %}{% endif %}",
            "compares a text with a number",
        ),
        ("{% if message.parts > 1 and message.part != '1' %}x{% endif %}", "compares a text with a number"),
    ];
    for (template, wanted) in table {
        let said = refusal(template);
        assert!(said.contains(wanted), "{template}\n  said {said}\n  not  {wanted}");
    }
}

/// A result of 40 GB must be refused before it is made, because a failed allocation ends the process.
#[test]
fn what_would_multiply_is_refused_before_it_is_made() {
    let mut context = sample(Name::AgentReply);
    context.message.text = "a".repeat(200_000);
    context.message.media = vec!["a".to_owned(); 200_000];
    let schema = serde_json::to_value(&context).unwrap();
    let compiler = Compiler::new(schema.clone()).unwrap();
    let data = Data::new(schema);
    for template in ["{{ message.text | replace: 'a', message.text }}", "{{ message.media | join: message.text }}"] {
        let error = compiler.leaf(template).ok().unwrap().render(&data).unwrap_err();
        assert!(error.what.contains("larger than a template may"), "{template}: {}", error.what);
    }
    let error = compiler.leaf("{% for x in message.media %}{% endfor %}").ok().unwrap().render(&data).unwrap_err();
    assert!(error.what.contains("more than 2000 steps"), "{}", error.what);
    let error = compiler.leaf("{{ message.text }}{{ message.text }}").ok().unwrap().render(&data).unwrap_err();
    assert!(error.what.contains("made more than 262144 bytes"), "{}", error.what);
}

/// The kind of an attribute shows only in the event, so the scanner cannot refuse it.
#[test]
fn an_attribute_that_is_a_text_is_no_number_to_a_condition() {
    let mut context = sample(Name::AgentReply);
    context.attributes.insert("visits".to_owned(), json!("9"));
    let schema = serde_json::to_value(&context).unwrap();
    let compiler = Compiler::new(schema.clone()).unwrap();
    let data = Data::new(schema);
    let compared = compiler.leaf("{% if attributes.visits > 8 %}T{% endif %}").ok().unwrap().render(&data);
    let error = compared.unwrap_err();
    assert!(error.what.contains("compares a text with a number"), "{}", error.what);
    let made = "{% assign visits = attributes.visits | plus: 0 %}{% if visits > 8 %}T{% else %}F{% endif %}";
    assert_eq!(compiler.leaf(made).ok().unwrap().render(&data).ok(), Some(json!("T")));
}

/// The deepest accepted nesting must fit the smallest stack that a render may run on.
#[test]
fn the_deepest_nesting_that_is_let_through_fits_a_worker_thread() {
    let run = || {
        let deep = format!("{}x{}", "{% if true %}".repeat(16), "{% endif %}".repeat(16));
        let context = sample(Name::AgentReply);
        assert_eq!(x(&deep, &context), Some(json!("x")));
        let wide = "a".repeat(4000) + "{{";
        assert!(with_x(&wide).is_err());
        assert!(load(Name::AgentReply, &format!("x = {}", "[".repeat(16_000))).is_err());
    };
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(run).unwrap().join().unwrap();
}

#[test]
fn filters_make_what_they_say() {
    let mut context = sample(Name::AgentReply);
    context.message.media = vec!["a".to_owned(), "b".to_owned()];
    context.message.text = "It\u{2019}s <b>fine</b>".to_owned();
    let table = [
        ("{{ 'abc' | segments }}", json!(1)),
        ("{{ message.text | gsm7 }}", json!("It's <b>fine</b>")),
        ("{{ 'a<br>b' | plain }}", json!("a\nb")),
        ("{{ '+41 44 668 18 00' | phone }}", json!("+41446681800")),
        ("{{ 'ask me' | phone }}", json!("ask me")),
        ("{{ '{{{%' | inert }}", json!("{ { { %")),
        ("{{ ticket.subject | default: 'none' }}", json!("none")),
        ("{{ customer.name | default: 'none' }}", json!("Ada Example")),
        ("{{ 'b' | append: 'c' | prepend: 'a' }}", json!("abc")),
        ("{{ 'aXbX' | replace: 'X', '-' }}", json!("a-b-")),
        ("{{ 'aXbX' | remove: 'X' }}", json!("ab")),
        ("{{ 'Straße' | upcase }}", json!("STRASSE")),
        ("{{ 'ÄB' | downcase }}", json!("äb")),
        ("{{ 'éA B' | capitalize }}", json!("Éa b")),
        ("{{ ' a ' | strip }}", json!("a")),
        ("{{ ' a ' | lstrip }}", json!("a ")),
        ("{{ ' a ' | rstrip }}", json!(" a")),
        ("{{ 'a\r\nb' | strip_newlines }}", json!("ab")),
        ("{{ 'a\r\nb' | newline_to_br }}", json!("a<br />\nb")),
        ("{{ message.text | escape }}", json!("It\u{2019}s &lt;b&gt;fine&lt;/b&gt;")),
        ("{{ 'a b&' | url_encode }}", json!("a+b%26")),
        ("{{ '👍👍👍👍👍' | truncate: 4 }}", json!("👍...")),
        ("{{ 'abcdef' | truncate: 4, '..' }}", json!("ab..")),
        ("{{ 'abcdef' | truncate: 1, '..' }}", json!("..")),
        ("{{ 'abc' | truncate: 3 }}", json!("abc")),
        ("{{ message.media | join }}", json!("a b")),
        ("{{ message.media | join: ', ' }}", json!("a, b")),
        ("{{ message.media | last }}", json!("b")),
        ("{{ message.media | size }}", json!(2)),
        ("{{ 'äöü' | size }}", json!(3)),
        ("{{ nil | size }}", json!(0)),
        ("{{ 7 | minus: 9 }}", json!(-2)),
        ("{{ '7' | times: 2 }}", json!(14)),
        ("{{ -7 | divided_by: 2 }}", json!(-4)),
        ("{{ 7 | modulo: 4 }}", json!(3)),
        ("{{ event.received_at | date: '%Y-%m-%d %H:%M' }}", json!("2026-11-21 09:30")),
        (
            "{% for m in message.media reversed %}{{ forloop.index }}{{ m }}{% unless forloop.last %},{% endunless %}{% endfor %}",
            json!("1b,2a"),
        ),
        ("{% for m in message.media limit: 1 offset: 1 %}{{ m }}{% endfor %}", json!("b")),
        ("{% for m in message.media %}{% if m == 'b' %}{% continue %}{% endif %}{{ m }}{% endfor %}", json!("a")),
        ("{% for m in message.media %}{{ m }}{% break %}{% endfor %}", json!("a")),
        ("{% for m in message.uploads %}{{ m }}{% else %}none{% endfor %}", json!("none")),
        ("{% capture a %}<{{ ticket.id }}>{% endcapture %}{{ a }}{{ a }}", json!("<1234><1234>")),
        ("{% case ticket.status %}{% when 'open' %}o{% else %}other{% endcase %}", json!("o")),
        ("{% assign n = customer.name | split: ' ' | first %}Hi {{ n }}", json!("Hi Ada")),
        ("{% assign braces = '}}' %}{{ braces }}", json!("}}")),
    ];
    for (template, wanted) in table {
        assert_eq!(x_loose(template, &context), Some(wanted), "{template}");
    }
}

#[test]
fn truncate_segments_keeps_as_much_as_fits() {
    let mut context = sample(Name::AgentReply);
    for text in ["", "short", &"a".repeat(160), &"a".repeat(161), &"a".repeat(2000), &"👍".repeat(300)] {
        context.message.text = text.to_owned();
        for most in [1, 2, 5] {
            let made = x_loose(&format!("{{{{ message.text | truncate_segments: {most} }}}}"), &context);
            let made = made.unwrap_or_default();
            let made = made.as_str().unwrap_or_default();
            let needs = |text: &str| u64::try_from(crate::domain::text::segments(text).segments).unwrap();
            assert!(text.starts_with(made) && needs(made) <= most, "{most} of {text}");
            let next = text.get(made.len()..).and_then(|rest| rest.chars().next());
            assert!(next.is_none_or(|c| needs(&format!("{made}{c}")) > most), "{most} of {text} is too short");
        }
    }
}

#[test]
fn a_mapping_that_would_break_a_promise_is_refused_with_the_promise() {
    use Name::{AgentReply, AppendComment, FailureNote, FollowUp, KeywordNote, OpenTicket, TicketSolved};
    let html = "html_body = \"{{ message.html }}\"";
    let author = "author_id = \"{{ requester.id }}\"";
    let ids = "tandem = \"{{ event.ids }}\"";
    let text = "text = \"{{ message.text }}\"";
    let external = "external_user_id = \"{{ recipient.external_user_id }}\"";
    let attributes = "attributes = \"{{ attributes }}\"";
    let campaign = "campaign_id = \"{{ campaign.id }}\"";
    let table = [
        (OpenTicket, html, "", "would not see what the customer wrote"),
        (OpenTicket, html, "html_body = \"{{ message.text }}\"", "would not see what the customer wrote"),
        (OpenTicket, html, "html_body = \"{{ message.html }}\"\nbody = \"x\"", "body.ticket.comment.body is not sent"),
        (OpenTicket, "public = true", "public = false", "would be an internal note"),
        (OpenTicket, "public = true", "public = \"true\"", "would be an internal note"),
        (OpenTicket, "public = true", "", "would be an internal note"),
        (OpenTicket, author, "", "written by the bridge"),
        (OpenTicket, author, "author_id = 360001", "written by the bridge"),
        (OpenTicket, "\nrequester_id = \"{{ requester.id }}\"", "", "would not be the customer's"),
        (OpenTicket, "external_id = \"{{ ticket.external_id }}\"", "external_id = \"customer-4711\"", "lost store"),
        (OpenTicket, "tags = [\"sms\"]", "tags = [\"text\"]", "triggers"),
        (OpenTicket, ids, "", "shown twice"),
        (OpenTicket, ids, "tandem = [\"{{ event.id }}\"]", "shown twice"),
        (OpenTicket, "uploads = \"{{ message.uploads }}\"", "", "pictures"),
        (OpenTicket, "type = ", "typ = ", "body.ticket.typ is not sent"),
        (OpenTicket, "type = ", "via = ", "body.ticket.via is not sent"),
        (OpenTicket, "| inert }}{% if", "}}{% if", "expand placeholders"),
        (OpenTicket, "{{ ticket.subject | inert }}", "{{ ticket.subject }}", "expand placeholders"),
        (OpenTicket, html, "html_body = \"{{ message.html }}{{ message.text }}\"", "expand placeholders"),
        (FollowUp, "via_followup_source_id = \"{{ ticket.previous_id }}\"", "", "link the follow-up"),
        (FollowUp, ids, "", "shown twice"),
        (AppendComment, "status = \"open\"", "", "stay solved"),
        (AppendComment, "status = \"open\"", "status = \"open\"\ntags = [\"sms\"]", "replace the tags"),
        (AppendComment, "status = \"open\"", "status = \"open\"\nvia = \"x\"", "body.ticket.via is not sent"),
        (AppendComment, html, "", "would not see"),
        (AppendComment, html, "html_body = \"{{ message.html | truncate: 300 }}\"", "would not see"),
        (AppendComment, author, "", "written by the bridge"),
        (AppendComment, ids, "", "shown twice"),
        (FailureNote, "public = false", "public = true", "would be shown an internal note"),
        (KeywordNote, "public = false", "", "would be shown an internal note"),
        (KeywordNote, "html_body = \"{{ note.html }}\"", "html_body = \"x\"", "would not be told"),
        (FailureNote, ids, "", "shown twice"),
        (AgentReply, campaign, "", "another campaign"),
        (AgentReply, campaign, "campaign_id = \"11111111-2222-3333-4444-555555555555\"", "another campaign"),
        (AgentReply, campaign, "campaign_id = \"{{ campaign.id }}\"\nbroadcast = true", "body.broadcast is not sent"),
        (AgentReply, campaign, "campaign_id = \"{{ campaign.id }}\"\naudience = {a = 1}", "body.audience is not sent"),
        (AgentReply, external, "", "nobody, or somebody else"),
        (AgentReply, external, "external_user_id = \"{{ customer.key }}\"", "nobody, or somebody else"),
        (
            AgentReply,
            "[[body.recipients]]",
            "[[body.recipients]]\nexternal_user_id = \"a\"\n[[body.recipients]]",
            "exactly one recipient",
        ),
        (AgentReply, attributes, "", "go out twice"),
        (AgentReply, attributes, "attributes = {tandem_receipt = \"{{ event.ids | last }}\"}", "go out twice"),
        (AgentReply, text, "", "the customer would get nothing"),
        (AgentReply, text, "text = \"{{ message.text | truncate_segments: 3 }}\"", "agent's whole answer"),
        (AgentReply, text, "text = \"{{ message.text | escape }}\"", "agent's whole answer"),
        (AgentReply, "msg_body = \"{{ message.msg_body }}\"", "msg_body = \"Hello\"", "agent's whole answer"),
        (TicketSolved, "text = \"Your ticket has been closed\"", "text = \" \"", "the customer would get nothing"),
        (TicketSolved, attributes, "", "go out twice"),
    ];
    for (name, old, new, wanted) in table {
        let said = match load(name, &changed(name, old, new)) {
            Ok(_) => panic!("{name}: {new:?} for {old:?} was not refused"),
            Err(faults) => faults.to_string(),
        };
        assert!(said.contains(wanted), "{name}: {new:?} for {old:?}\n  said {said}\n  not  {wanted}");
    }
}

#[test]
fn sensible_changes_are_allowed() {
    let table = [
        (
            Name::AgentReply,
            "text = \"{{ message.text }}\"",
            "text = \"{{ message.agent_name | default: 'We' }}: {{ message.text | gsm7 }}\"",
        ),
        (
            Name::AgentReply,
            "msg_body = \"{{ message.msg_body }}\"",
            "msg_body = \"{{ message.text }}{% if message.parts > 1 %} ({{ message.part }}/{{ message.parts }}){% endif %}\"",
        ),
        (
            Name::TicketSolved,
            "text = \"Your ticket has been closed\"",
            "text = \"Bye {{ customer.first_name | default: 'then' }}\"",
        ),
        (
            Name::OpenTicket,
            "tags = [\"sms\"]",
            "tags = [\"sms\", \"line_{{ customer.line | default: 'main' }}\"]\ngroup_id = 7",
        ),
        (
            Name::OpenTicket,
            "html_body = \"{{ message.html }}\"",
            "html_body = \"<b>From {{ customer.phone | phone | escape | inert }}</b><br>{{ message.html }}\"",
        ),
        (Name::FailureNote, "public = false", "public = false # inside"),
    ];
    for (name, old, new) in table {
        if let Err(faults) = load(name, &changed(name, old, new)) {
            panic!("{name}: {new}: {faults}");
        }
    }
}

#[test]
fn promises_are_kept_on_every_request_and_not_only_on_samples() {
    let mappings = shipped();
    let refused = |name: Name, context: &Context, wanted: &str| {
        let error = mappings.render(name, context).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(!error.contains("secret"), "{error}");
    };
    let mut context = sample(Name::AgentReply);
    context.message.text = "secret".to_owned();
    context.message.msg_body = "secret".to_owned();
    context.recipient.carrier_id = Some("secret".to_owned());
    refused(Name::AgentReply, &context, "somebody else");
    context.recipient.carrier_id = None;
    context.recipient.external_user_id = None;
    refused(Name::AgentReply, &context, "somebody else");
    let mut context = sample(Name::AgentReply);
    context.message.text = " ".to_owned();
    context.message.msg_body = " ".to_owned();
    refused(Name::AgentReply, &context, "would get nothing");
    context.message.text = "x".repeat(50_001);
    context.message.msg_body = context.message.text.clone();
    refused(Name::AgentReply, &context, "Braze takes 50000");
    let mut context = sample(Name::OpenTicket);
    context.message.html = "x".repeat(64_001);
    refused(Name::OpenTicket, &context, "would cut it");
    context.message.html = "x".repeat(MAX_BODY_BYTES + 1);
    refused(Name::OpenTicket, &context, "are sent");
    let mut context = sample(Name::AppendComment);
    context.requester.id = None;
    refused(Name::AppendComment, &context, "written by the bridge");
}

#[test]
fn a_template_that_fails_on_one_event_names_its_key_and_quotes_nobody() {
    let mappings =
        with_x("{{ message.agent_name | append: ' ' | split: ' ' | first | append: attributes[ticket.status] }}");
    assert!(mappings.is_err(), "a missing attribute is found by the probes");
    let mappings = with_x("{% if message.text == 'secret words' %}{{ message.text | minus: 1 }}{% endif %}").unwrap();
    let mut context = sample(Name::AgentReply);
    context.message.text = "secret words".to_owned();
    context.message.msg_body = "secret words".to_owned();
    let error = mappings.render(Name::AgentReply, &context).unwrap_err();
    let key = "body.recipients[0].trigger_properties.x".to_owned();
    let what = "the filter `minus` works on numbers".to_owned();
    assert_eq!(error, RenderError::Template { mapping: Name::AgentReply, key, what });
    assert!(!format!("{error} {error:?} {context:?}").contains("secret"));
}

#[test]
fn all_faults_are_reported_together_with_their_places() {
    let files = BTreeMap::from([
        ("README.md".to_owned(), "not a mapping".to_owned()),
        ("agent_replay.toml".to_owned(), String::new()),
        ("agent_reply.toml".to_owned(), "event = \"agent_reply\"\ncall = \"zendesk.tickets.create\"\ncolour = 1\n[body]\na = \"{{ x }}\"\nb = 1979-05-27\n\"{{c}}\" = 1\nd = nan\n".to_owned()),
        ("open_ticket.toml".to_owned(), "event = \"open_ticket\"\n\n[body\n".to_owned()),
        ("follow_up.toml".to_owned(), "event = \"follow_up\"\ncall = \"zendesk.tickets.create\"\nbody = 1\n".to_owned()),
        ("ticket_solved.toml".to_owned(), " ".repeat(MAX_FILE_BYTES + 1)),
        ("append_comment.toml".to_owned(), String::new()),
    ]);
    let said = Mappings::load(&files).unwrap_err().to_string();
    for wanted in [
        "agent_replay.toml: there is no mapping of that name; there are: open_ticket, append_comment",
        "agent_reply.toml:2: call: must be \"braze.campaigns.trigger_send\"",
        "agent_reply.toml:3: colour: is not known",
        "agent_reply.toml:5: body.a: there is no `x`",
        "agent_reply.toml:6: body.b: JSON has no dates",
        "agent_reply.toml:7: body.{{c}}: names are written as they are",
        "agent_reply.toml:8: body.d: JSON has no such number",
        "open_ticket.toml:3: not TOML",
        "follow_up.toml:3: body: must be a table",
        "ticket_solved.toml:1: the file has 16385 bytes",
        "append_comment.toml:1: event: is missing; add `event = \"append_comment\"`",
        "append_comment.toml:1: body: is missing",
    ] {
        assert!(said.contains(wanted), "{wanted}\nis not in\n{said}");
    }
    assert!(!said.contains("README"), "{said}");
}

#[test]
fn the_subject_names_whom_it_can_and_the_recipe_wins() {
    let mut context = sample(Name::OpenTicket);
    let subject = |context: &Context| body(Name::OpenTicket, context)["ticket"]["subject"].clone();
    context.ticket.previous_id = Some(TicketId(77));
    assert_eq!(subject(&context), "Text message from Ada Example (previously #77)");
    context.customer.name = None;
    assert_eq!(subject(&context), "Text message from +15550100123 (previously #77)");
    context.customer.phone = None;
    context.ticket.previous_id = None;
    assert_eq!(subject(&context), "Text message from a customer");
    context.ticket.subject = Some("Action Needed".to_owned());
    context.ticket.priority = Some("normal".to_owned());
    context.ticket.kind = Some("problem".to_owned());
    let ticket = &body(Name::OpenTicket, &context)["ticket"];
    assert_eq!(
        (&ticket["subject"], &ticket["priority"], &ticket["type"]),
        (&json!("Action Needed"), &json!("normal"), &json!("problem"))
    );
}

#[test]
fn a_customer_without_external_id_is_addressed_by_braze_id() {
    let mut context = sample(Name::AgentReply);
    context.recipient.external_user_id = None;
    context.recipient.carrier_id = Some("b".to_owned());
    let recipient = &body(Name::AgentReply, &context)["recipients"][0];
    assert_eq!((recipient.get("external_user_id"), &recipient["braze_id"]), (None, &json!("b")));
}

#[test]
fn the_readme_names_every_field_and_every_filter() {
    let readme = include_str!("../../mappings/README.md");
    let schema = serde_json::to_value(sample(Name::OpenTicket)).unwrap();
    for (part, fields) in schema.as_object().unwrap() {
        for field in fields.as_object().into_iter().flat_map(serde_json::Map::keys) {
            let path = format!("`{part}.{field}`");
            assert!(readme.contains(&path), "{path}");
        }
        assert!(readme.contains(&format!("`{part}")), "{part}");
    }
    for filter in &filters::FILTERS {
        assert!(readme.contains(&format!("`{}", filter.name)), "{}", filter.name);
    }
    for name in Name::ALL {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}
