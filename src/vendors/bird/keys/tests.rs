//! Bird's accounts and lines in the file: the faults and the doubts about them, in Bird's words.

use std::path::Path;

use crate::config::parse;

const ACCOUNTS: &str = r#"
[zendesk]
url = "https://acme.zendesk.com"
client_id = "tandem"
client_secret = "zendesk-client-secret"
webhook_secrets = ["zendesk-webhook-secret"]
[accounts.bird]
vendor = "bird"
api_key = "bk_eu1_one"
signing_secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
[accounts.second]
vendor = "bird"
api_key = "bk_eu1_two"
signing_secrets = ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
"#;

/// The faults and the warnings, one line each.
fn told(file: &str) -> Vec<String> {
    match parse(Some(file), [], Path::new("/etc/tandem")) {
        Ok((_, warnings)) => warnings.iter().map(ToString::to_string).collect(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

fn line(name: &str, carrier: &str, keys: &str) -> String {
    format!("[[lines]]\nname = \"{name}\"\ncarrier = \"{carrier}\"\n{keys}\n")
}

#[test]
fn a_line_is_called_by_its_number_and_has_no_forms() {
    let form = "\"00000000-0000-4000-8000-000000000003\"";
    for (keys, expected) in [
        ("address = \"+15550100100\"".to_owned(), None),
        ("address = \"55501\"".to_owned(), None),
        ("address = \"Acme\"".to_owned(), None),
        (
            "address = \"15550100100\"".to_owned(),
            Some("lines.uk.address (line 18) is a number without its +. Write it as Bird shows it: +15550100100."),
        ),
        (
            "address = \"+1 555 0100100\"".to_owned(),
            Some(
                "lines.uk.address (line 18) is no number and no name. Copy the number as Bird shows it, with its + and without \
                 gaps, not an address or a placeholder.",
            ),
        ),
        (
            format!("address = \"+15550100100\"\nagent_reply = {form}"),
            Some(
                "lines.uk.agent_reply (line 19) has no meaning on a line of Bird, which takes the words alone. Remove it.",
            ),
        ),
        (
            format!("address = \"+15550100100\"\nticket_solved = {form}"),
            Some(
                "lines.uk.ticket_solved (line 19) has no meaning on a line of Bird, which takes the words alone. Remove it.",
            ),
        ),
    ] {
        let told = told(&format!("{ACCOUNTS}{}", line("uk", "bird", &keys)));
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{keys}");
    }
}

#[test]
fn lines_and_accounts_that_meet_are_told_in_the_words_of_the_vendor() {
    let number = "address = \"+15550100100\"";
    for (file, expected) in [
        (
            format!("{ACCOUNTS}{}{}", line("uk", "bird", ""), line("ie", "bird", "")),
            "lines.ie.address (line 19) is missing as in lines.uk, but one line of bird is its default. Set it to the line's \
             number as Bird shows it, with its +.",
        ),
        (
            format!("{ACCOUNTS}{}{}", line("uk", "bird", number), line("ie", "second", number)),
            "lines.ie.address is that of lines.uk too, but a number belongs to one workspace.",
        ),
        (
            ACCOUNTS.replace("bk_eu1_two", "bk_eu1_one"),
            "accounts.second.api_key is that of bird as well, at the same url: one account with several lines serves a \
             workspace.",
        ),
        (
            ACCOUNTS.replace("\"bk_eu1_two\"", "\"bk_eu1_one\"\nurl = \"https://us1.platform.bird.com\""),
            "accounts.second.api_key is that of bird as well, at another url: a key is known in its own region only, so that \
             Bird refuses one of the two.",
        ),
    ] {
        assert_eq!(told(&file), [expected]);
    }
}
