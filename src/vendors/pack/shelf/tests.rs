//! Files of packs, right and wrong.

use super::*;

const ACME: &str = include_str!("acme.toml");

/// The problem of a pack with this in the place of that.
fn fault(that: &str, this: &str) -> String {
    assert!(ACME.contains(that), "{that}");
    let text = ACME.replacen(that, this, 1);
    Plan::parse("packs/acme.toml", &text).map_or_else(|flaw| flaw.problem, |_| panic!("{this:?} is no fault"))
}

#[test]
fn every_shipped_pack_is_proven_by_its_samples() {
    for (name, _, samples) in SHIPPED {
        let plan = load(name, Path::new("."));
        let plan = plan.unwrap_or_else(|flaw| panic!("{}", flaw.problem));
        assert!(plan.has_samples, "{name} says that it is proven");
        assert!(prove(&plan, samples).unwrap() >= 15, "{name} has few samples");
    }
}

#[test]
fn a_sample_of_which_the_pack_makes_something_else_is_a_fault_that_names_it() {
    let (_, text, samples) = SHIPPED.into_iter().find(|(name, ..)| *name == "twilio").unwrap();
    for (that, this, told) in [
        ("[21610]", "[]", "\"opted out\" makes the text \"reject\", and it says \"opted_out\""),
        ("delivered = [\"delivered\"]", "delivered = []", "\"the state delivered\""),
        ("Body = \"{{ text }}\"", "Body = \"{{ text | upcase }}\"", "\"a text\" makes the body"),
        ("words = [\"/Body\"]", "words = [\"/Bodies\"]", "\"a customer's text\" makes words"),
        ("id = \"/sid\"", "id = \"/uri\"", "\"taken\" makes the id \"\""),
    ] {
        assert!(text.contains(that), "{that}");
        let flaw = proven("twilio", &text.replacen(that, this, 1), Some(samples)).unwrap_err();
        assert!(flaw.problem.contains(told), "{this}: {}", flaw.problem);
    }
}

#[test]
fn a_sample_of_a_webhook_that_is_refused_or_unreadable_tells_why_and_each_fault_has_a_line() {
    let fault =
        |samples: &str| proven("acme.toml", ACME, Some(samples)).map_or_else(|flaw| flaw.problem, |_| String::new());
    let sample = |name: &str, secret: &str, to: &str, body: &str| {
        format!(
            "[[webhook]]\nname = \"{name}\"\nsecret = \"{secret}\"\nat = \"2026-11-28T09:15:02Z\"\nbody = '{body}'\n\
             is = \"text\"\n{to}headers = {{ X-Acme-Key = \"s\" }}\n"
        )
    };
    let body = r#"{"message":{"id":"m1","from":"+15550123456","to":"+15550100100","text":"Hi"}}"#;
    let to = "to = \"+15550100100\"\n";
    assert_eq!(fault(&sample("right", "s", to, body)), "");
    let told = fault(&sample("a", "other", to, body));
    assert!(told.contains("\"a\" makes an event that is \"refused\", and it says \"text\" (wrong_token)"), "{told}");
    let told = fault(&sample("a", "s", "", body));
    assert!(told.contains("\"a\" is a text without `to`; add the number"), "{told}");
    let table = body.replace("\"Hi\"", "{}");
    let told = fault(&(sample("a", "s", to, &table) + &sample("b", "s", "", body)));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(
        lines[1].ends_with("\"unreadable\", and it says \"text\" (`/message/text` is neither text nor a number)"),
        "{told}"
    );
}

#[test]
fn a_wrong_file_is_told_with_its_line_its_name_and_the_remedy() {
    for (that, this, told) in [
        ("encoding = \"json\"", "encodign = \"json\"", "packs/acme.toml:13: unknown field `encodign`"),
        ("id = \"/id\"", "id = \"id\"", "is no pointer"),
        ("{{ to }}", "{{ too }}", "packs/acme.toml:17: send.body.to"),
        ("scheme = \"bearer\"", "scheme = \"oauth\"", "unknown variant `oauth`"),
        ("scheme = \"header\"", "scheme = \"rot13\"", "unknown variant `rot13`"),
        ("title = \"Acme\"", "title = \"acme\"", "begins with a capital letter"),
        ("title = \"Acme\"", "title = \"Zendesk\"", "no name for a carrier"),
        ("title = \"Acme\"", "title = \"Acme Inc\"", "no name for a carrier"),
        ("https://api.acme.example", "http://api.acme.example", "write https://"),
        ("https://api.acme.example", "https://api.acme.example/v1", "write https://"),
        ("secret = \"the API key\"", "", "account.secret: is missing"),
        ("scheme = \"bearer\"", "scheme = \"basic\"", "the user of basic authentication"),
        ("scheme = \"bearer\"", "scheme = \"bearer\"\nname = \"X-Key\"", "unknown field `name`"),
        (
            "secret = \"the API key\"\n\n[auth]\nscheme = \"bearer\"",
            "secret = \"a\"\nkey_id = \"b\"\n\n[auth]\nscheme = \"basic\"\nuser = \"c\"",
            "unknown field `user`",
        ),
        (
            "scheme = \"bearer\"",
            "scheme = \"hmac\"\nname = \"X-Mac\"\nsigned = \"{url}{body}\"",
            "auth.signed: a call has no {nonce}",
        ),
        (
            "scheme = \"header\"\nname = \"X-Acme-Key\"",
            "scheme = \"hmac\"\nheader = \"X\"\nsigned = \"{path}{body}\"",
            "account.webhook_url: is missing",
        ),
        ("name = \"X-Acme-Key\"", "name = \"X Acme\"", "is no name of a header"),
        ("scheme = \"header\"\nname", "scheme = \"form-hmac\"\nheader", "account.webhook_url: is missing"),
        ("code = \"/error/code\"", "reject = [200]", "answer.reject: 200 is no status of a refusal"),
        ("[webhook.signature]", "refuse_with = 200\n[webhook.signature]", "expected 401 or 503"),
        ("media =", "kind = \"/kind\"\nmedia =", "kind and wordless belong together"),
        ("media =", "wordless = [\"binary\"]\nmedia =", "kind and wordless belong together"),
        ("[webhook.signature]", "repeats_hours = 24\n[webhook.signature]", "the signature has no time"),
        ("[webhook.signature]", "repeats_hours = 145\n[webhook.signature]", "145 is more than 144"),
        ("path = \"/messages\"", "path = \"/send?text={{ text }}\"", "send.path: {{ text }} stands behind a `?`"),
        (
            "path = \"/messages\"",
            "path = \"/send?text={{ text | url_encode | upcase }}\"",
            "write {{ … | url_encode }}",
        ),
        (
            "words = [\"",
            "words = [\"/message/parts/*/text\", \"",
            "webhook.text.words: /message/parts/*/text has a `*`",
        ),
        ("state = \"/", "state = \"/*/", "webhook.status.state: /*/"),
        ("id = \"/id\"", "id = \"/ids/*\"", "answer.id: /ids/* has a `*`"),
        ("# A made-up", "oops = ", "packs/acme.toml:1"),
    ] {
        let fault = fault(that, this);
        assert!(fault.contains(told), "{this:?}: {fault}");
    }
}

#[test]
fn a_name_that_is_no_pack_has_the_remedy() {
    let flaw = |name: &str| load(name, Path::new("/nonexistent")).unwrap_err();
    for (name, told) in [("twillio", "no shipped pack"), ("packs/acme.toml", "acme.toml cannot be read")] {
        let flaw = flaw(name);
        assert!(flaw.problem.contains(told) && flaw.remedy.contains("twilio"), "{flaw:?}");
    }
}

#[test]
fn a_file_is_proven_by_the_samples_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("acme.toml", ACME);
    assert!(!load("acme.toml", directory.path()).unwrap().has_samples);
    write("acme.samples.toml", "# To be recorded.\n");
    assert!(!load("acme.toml", directory.path()).unwrap().has_samples, "nothing is proven yet");
    let sample = "[[answer]]\nname = \"x\"\nstatus = 202\nbody = '{\"id\":\"m1\"}'\nis = \"sent\"\nid = \"m1\"\n";
    write("acme.samples.toml", sample);
    assert!(load("acme.toml", directory.path()).unwrap().has_samples);
    write("acme.samples.toml", &sample.replace("m1", "m2").replacen("m2", "m1", 1));
    let flaw = load("acme.toml", directory.path()).unwrap_err();
    assert!(flaw.problem.contains("the sample \"x\" makes the id \"m1\", and it says \"m2\""), "{}", flaw.problem);
}
