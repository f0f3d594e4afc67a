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
sender = "+15550100900"
signing_secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
[accounts.second]
vendor = "bird"
api_key = "bk_eu1_two"
sender = "+15550100901"
signing_secrets = ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
"#;

const CHAT: &str = "channel = \"whatsapp\"\ntemplate = \"please_write_again\"";

const NO_NAME: &str = "lines.uk.address (line 20) is no number and no name. Copy the number as Bird shows it, with its + and \
                       without gaps, not an address or a placeholder. A name has at most 11 letters, digits, spaces, dashes \
                       and underscores.";

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
            Some("lines.uk.address (line 20) is a number without its +. Write it as Bird shows it: +15550100100."),
        ),
        (
            "address = \"+1 555 0100100\"".to_owned(),
            Some(
                "lines.uk.address (line 20) is no number and no name. Copy the number as Bird shows it, with its + and without \
                 gaps, not an address or a placeholder. A name has at most 11 letters, digits, spaces, dashes and underscores.",
            ),
        ),
        ("address = \"My-Brand 1\"".to_owned(), None),
        ("address = \"AVeryLongBrandName\"".to_owned(), Some(NO_NAME)),
        ("address = \"555\"".to_owned(), Some(NO_NAME)),
        (
            format!("address = \"+15550100100\"\nagent_reply = {form}"),
            Some(
                "lines.uk.agent_reply (line 21) has no meaning on a line of Bird, which takes the words alone. Remove it.",
            ),
        ),
        (
            format!("address = \"+15550100100\"\nticket_solved = {form}"),
            Some(
                "lines.uk.ticket_solved (line 21) has no meaning on a line of Bird, which takes the words alone. Remove it.",
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
            "lines.ie.address (line 21) is missing as in lines.uk, but one line of bird is its default. Set it to the line's \
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
        (
            format!("{ACCOUNTS}{}{}", line("uk", "bird", number), line("chat", "bird", &format!("{number}\n{CHAT}"))),
            "lines.chat.address (line 24) is that of lines.uk as well, but a customer's texts and chats of one number would be \
             one conversation. Give each channel a number of its own.",
        ),
        (
            ACCOUNTS.replace("sender = \"+15550100900\"\n", ""),
            "accounts.bird.sender (line 7) is missing. Set it to the workspace's number for texts, with its +.",
        ),
        (
            ACCOUNTS.replace("+15550100900", "15550100900"),
            "accounts.bird.sender (line 10) is a number without its +. Write it as Bird shows it: +15550100900.",
        ),
        (
            ACCOUNTS.replace("[\"whsec_C2", "[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSv\", \"whse_C2"),
            "accounts.second.signing_secrets (line 16) holds a secret that is none of Bird's third generation, the only one \
             accepted. Copy the secret as Bird shows it once when the webhook is made: whsec_ and base64.",
        ),
        (
            ACCOUNTS.replace("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob"),
            "accounts.second.signing_secrets (line 16) holds a secret that is cut off or mistyped behind whsec_. Copy the secret \
             as Bird shows it once when the webhook is made: whsec_ and base64.",
        ),
    ] {
        assert_eq!(told(&file), [expected]);
    }
}

#[test]
fn a_key_of_another_region_waits_for_a_restart() {
    let config = |file: &str| parse(Some(file), [], Path::new("/etc/tandem")).unwrap().0;
    let running = config(ACCOUNTS);
    for (key, waits) in [("bk_eu1_new", false), ("bk_us1_new", true)] {
        let (_, waiting) = running.reloaded(&config(&ACCOUNTS.replace("bk_eu1_one", key)));
        assert_eq!(waiting, if waits { vec!["accounts.bird.api_key"] } else { vec![] }, "{key}");
    }
}
