//! Lines in the file: the values that they become, and every fault.

use std::time::Duration;

use crate::config::testing::{CANADA, EU, ONE_OF_EACH, faults, read, warnings};
use crate::domain::account::{AccountId, Ends};
use crate::domain::line::{Channel, Forms, Line, TicketSettings};

fn lines(file: &str) -> Vec<Line> {
    read(file, &[]).unwrap().0.lines().iter().cloned().collect()
}

/// Name, desk and carrier of each line.
fn runs(lines: &[Line]) -> Vec<(&str, &str, &str)> {
    lines.iter().map(|line| (line.name.as_str(), line.ends.desk.name(), line.ends.carrier.name())).collect()
}

#[test]
fn every_key_of_a_line_arrives() {
    let file = format!(
        r#"{ONE_OF_EACH}{EU}
        [[lines]]
        name = "uk-whatsapp"
        carrier = "braze"
        channel = "whatsapp"
        address = "wa-group-1"
        agent_reply = "00000000-0000-4000-8000-000000000003"
        ticket_solved = "00000000-0000-4000-8000-000000000004"
        template = "00000000-0000-4000-8000-000000000005"
        window_minutes = 60
        template_wait_days = 2
        agent_language = "fr"
        desk = "support-eu"
        brand_id = 360000000001
        group_id = 2
        ticket_form_id = 3
        tags = ["whatsapp", "uk"]
        "#
    );
    let (config, told) = read(&file, &[]).unwrap();
    assert_eq!(told, []);
    let lines = config.lines();
    let braze = AccountId::known("braze").unwrap();
    let found = lines.of(braze, Some("wa-group-1"), Channel::Whatsapp).unwrap();
    assert_eq!((found.name.as_str(), found.channel), ("uk-whatsapp", Channel::Whatsapp));
    assert_eq!((found.ends.desk.name(), found.ends.carrier.name()), ("support-eu", "braze"));
    let forms = Forms {
        agent_reply: "00000000-0000-4000-8000-000000000003".into(),
        ticket_solved: Some("00000000-0000-4000-8000-000000000004".into()),
        template: Some("00000000-0000-4000-8000-000000000005".into()),
    };
    assert_eq!(found.forms, forms);
    assert_eq!((found.window, found.template_wait), (Duration::from_secs(3600), Duration::from_secs(2 * 86_400)));
    assert_eq!((found.agent_language.as_deref(), found.sms_fallback), (Some("fr"), true));
    let tickets = TicketSettings {
        brand_id: Some(360_000_000_001),
        group_id: Some(2),
        ticket_form_id: Some(3),
        tags: vec!["whatsapp".into(), "uk".into()],
    };
    assert_eq!(found.tickets, tickets);
    // All other texts of the carrier go over its default line.
    assert_eq!(lines.of(braze, Some("another"), Channel::Sms).unwrap().name, "default");
}

#[test]
fn a_line_takes_from_its_carrier_the_keys_that_it_leaves_out() {
    let own = "00000000-0000-4000-8000-000000000003";
    let file = format!(
        "{ONE_OF_EACH}
        [[lines]]\nname = \"plain\"\ncarrier = \"braze\"\naddress = \"g1\"
        [[lines]]\nname = \"own\"\ncarrier = \"braze\"\naddress = \"g2\"\nagent_reply = {own:?}
        [[lines]]\nname = \"rich\"\ncarrier = \"braze\"\naddress = \"g1\"\nchannel = \"rcs\"\nsms_fallback = false\n"
    );
    let lines = lines(&file);
    let names: Vec<_> = runs(&lines).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["default", "plain", "own", "rich"]);
    let [default, plain, own_line, rich] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&plain.forms, &rich.forms), (&default.forms, &default.forms));
    assert_eq!((own_line.forms.agent_reply.as_str(), &own_line.forms.ticket_solved), (own, &None));
    assert_eq!((plain.window, plain.template_wait), (Line::WINDOW, Line::TEMPLATE_WAIT));
    assert_eq!((plain.sms_fallback, rich.sms_fallback, rich.channel), (true, false, Channel::Rcs));
    assert_eq!(plain.tickets, TicketSettings::default());
}

#[test]
fn every_carrier_has_a_default_line_between_it_and_the_likeliest_desk() {
    for (file, expected) in [
        (ONE_OF_EACH.to_owned(), vec![("default", "zendesk", "braze")]),
        (format!("{ONE_OF_EACH}{EU}{CANADA}"), vec![("default", "zendesk", "braze"), ("canada", "zendesk", "canada")]),
        (
            format!("{}{EU}{CANADA}", &ONE_OF_EACH[ONE_OF_EACH.find("[braze]").unwrap()..]),
            vec![("default", "support-eu", "braze"), ("canada", "support-eu", "canada")],
        ),
        (
            // A line without an address describes the default line.
            format!(
                "{ONE_OF_EACH}{EU}{CANADA}[[lines]]\nname = \"north\"\ncarrier = \"canada\"\ndesk = \"support-eu\"\n"
            ),
            vec![("default", "zendesk", "braze"), ("north", "support-eu", "canada")],
        ),
        (
            format!("{ONE_OF_EACH}[[lines]]\nname = \"default\"\ncarrier = \"braze\"\nbrand_id = 7\n"),
            vec![("default", "zendesk", "braze")],
        ),
    ] {
        assert_eq!(runs(&lines(&file)), expected, "{file}");
    }
}

/// A line with these keys beside its name and its carrier, and the fault of the configuration with it.
#[test]
#[expect(clippy::too_many_lines, reason = "one table, one row for each promise")]
fn every_fault_of_a_line_is_told_with_its_key_and_a_remedy() {
    let line = |keys: &str| format!("{ONE_OF_EACH}[[lines]]\nname = \"uk\"\n{keys}\n");
    let braze = |keys: &str| line(&format!("carrier = \"braze\"\n{keys}"));
    let two = |first: &str, second: &str| {
        let [first, second] =
            [("uk", first), ("ie", second)].map(|(name, keys)| format!("[[lines]]\nname = \"{name}\"\n{keys}\n"));
        format!("{ONE_OF_EACH}{first}{second}")
    };
    let only_others = format!(
        "{}{}{CANADA}",
        EU,
        EU.replace("support-eu", "japan").replace("eu-", "japan-").replace("acme-eu", "acme-jp")
    );
    let cases = [
        (line(""), "lines.uk.carrier (line 14) is missing. Set it to the name of a carrier's account."),
        (
            line("carrier = \"twilio\"").replace("[[lines]]", &format!("{CANADA}[[lines]]")),
            "lines.uk.carrier (line 24) is \"twilio\", which is no account. Name an account that is a carrier: braze, canada.",
        ),
        (
            line("carrier = \"canda\"").replace("[[lines]]", &format!("{CANADA}[[lines]]")),
            "lines.uk.carrier (line 24) is \"canda\", which is no account. Did you mean canada? Name an account that is a carrier: braze, \
             canada.",
        ),
        (
            braze("desk = \"zendsk\"\naddress = \"g1\""),
            "lines.uk.desk (line 17) is \"zendsk\", which is no account. Did you mean zendesk? Name an account that is a desk: \
             zendesk.",
        ),
        (
            braze("desk = \"accounts.Zendesk\"\naddress = \"g1\""),
            "lines.uk.desk (line 17) is \"accounts.Zendesk\", which is no account. Did you mean zendesk? Name an account that \
             is a desk: zendesk.",
        ),
        (
            braze("address = \"GROUP_ID\""),
            "lines.uk.address (line 17) is or holds a placeholder of an example. Put your own value in its place.",
        ),
        (
            line("carrier = \"zendesk\""),
            "lines.uk.carrier (line 16) is the Zendesk account zendesk, which answers texts and carries none. Name an \
             account that is a carrier: braze.",
        ),
        (
            braze("desk = \"braze\"\naddress = \"g1\""),
            "lines.uk.desk (line 17) is the Braze account braze, which carries texts and answers none. Name an account that is a desk: zendesk.",
        ),
        (
            braze("desk = \"eu\"\naddress = \"g1\""),
            "lines.uk.desk (line 17) is \"eu\", which is no account. Name an account that is a desk: zendesk.",
        ),
        (
            braze("address = \"g1\"").replace("[[lines]]", &format!("{EU}[[lines]]")),
            "lines.uk.desk (line 22) is missing, and there are several. Name one of the desks: zendesk, \
             support-eu.",
        ),
        (
            only_others,
            "lines have no default line of canada, and there are several desks for it. Describe it by [[lines]] with \
             carrier = \"canada\", no address, and desk as one of: japan, support-eu.",
        ),
        (
            braze("channel = \"fax\"\naddress = \"g1\""),
            "lines.uk.channel (line 17) is \"fax\", which is not one of its words. Give one of sms, whatsapp, rcs.",
        ),
        (
            braze("channel = \"WhatsApp\"\naddress = \"g1\""),
            "lines.uk.channel (line 17) is \"WhatsApp\", which is not one of its words. Did you mean whatsapp? Give one of sms, \
             whatsapp, rcs.",
        ),
        (
            braze("address = \"g1\"\ntemplate = \"00000000-0000-4000-8000-000000000005\""),
            "lines.uk.template (line 18) has no meaning on sms. Remove it, or set channel to \"whatsapp\".",
        ),
        (
            braze("address = \"g1\"\nsms_fallback = true"),
            "lines.uk.sms_fallback (line 18) has no meaning on sms. Remove it, or set channel to \"rcs\".",
        ),
        (
            braze("address = \"g1\"\nchannel = \"whatsapp\""),
            "lines.uk.agent_reply (line 14) is missing, and WhatsApp needs one of its own. Set it to the id of an \
             API-triggered WhatsApp campaign with a response message.",
        ),
        (
            braze("channel = \"whatsapp\"\nagent_reply = \"00000000-0000-4000-8000-000000000003\""),
            "lines.uk.address (line 14) is missing, and WhatsApp needs a line of its own. Set it to Braze's id of the \
             WhatsApp subscription group.",
        ),
        (
            braze("address = \"g1\"\nwindow_minutes = 1441"),
            "lines.uk.window_minutes (line 18) is 1441, which is out of bounds. Give a whole number from 1 to 1440.",
        ),
        (
            braze("address = \"g1\"\nbrand_id = 0"),
            "lines.uk.brand_id (line 18) is 0, which is out of bounds. Give a whole number from 1.",
        ),
        (
            braze("address = \"g1\"\ntags = [\"uk\", \"two words\"]"),
            "lines.uk.tags (line 18) holds \"two words\", which is more than one tag. Give each tag by itself.",
        ),
        (
            braze("address = \"g 1\""),
            "lines.uk.address (line 17) is not an identifier. Copy the API identifier as Braze shows it: letters, digits \
             and hyphens, not an address or a placeholder.",
        ),
        (
            braze("address = \"g1\"\nanything = 1"),
            "lines.uk.anything (line 18) is not a key of a line. Remove it, or use one of: name, carrier, channel, address, \
             sms_fallback, agent_reply, ticket_solved, template, window_minutes, template_wait_days, agent_language, desk, \
             brand_id, group_id, ticket_form_id, tags.",
        ),
        (
            braze("address = \"g1\"").replace("\"uk\"", "\"default\""),
            "lines.default.name (line 15) is \"default\", as that of the default line of braze is. Give each line a name of \
             its own.",
        ),
        (
            two("carrier = \"braze\"\naddress = \"g1\"", "carrier = \"braze\"\naddress = \"g2\"")
                .replace("\"ie\"", "\"uk\""),
            "lines.uk.name (line 19) is \"uk\", as that of another line is. Give each line a name of its own.",
        ),
        (
            two("carrier = \"braze\"", "carrier = \"braze\""),
            "lines.ie.address (line 17) is missing as in lines.uk, but one line of braze is its default. Set it to the id of \
             the line's subscription group.",
        ),
        (
            two("carrier = \"braze\"\naddress = \"g1\"", "carrier = \"braze\"\naddress = \"g1\""),
            "lines.ie.address (line 21) is that of lines.uk too, on the same channel. Give each line an address of its own, \
             or lines of one address different channels.",
        ),
        (
            two("carrier = \"braze\"\naddress = \"ab-1\"", "carrier = \"braze\"\naddress = \"AB-1\""),
            "lines.ie.address (line 21) is that of lines.uk too in other letters, on the same channel. Give each line an \
             address of its own, or lines of one address different channels.",
        ),
        (
            two(
                "carrier = \"braze\"\naddress = \"g1\"",
                "carrier = \"braze\"\naddress = \"g1\"\nchannel = \"whatsapp\"\nagent_reply = \
                 \"00000000-0000-4000-8000-000000000003\"",
            ),
            "lines.ie.address (line 21) is that of lines.uk too, but no subscription group serves both sms and whatsapp. Set \
             it to the id of the whatsapp subscription group.",
        ),
        (
            format!("{ONE_OF_EACH}[lines]\nname = \"uk\"\n"),
            "lines (line 14) is no list of tables. Write [[lines]] on a line of its own for each line, and the keys below.",
        ),
        (
            format!("line = 1\n{ONE_OF_EACH}"),
            "line (line 1) is not a key of the configuration. Did you mean [[lines]]? Mend the name, or remove it.",
        ),
        (
            format!("{ONE_OF_EACH}[[lines]]\ncarrier = \"braze\"\naddress = \"g1\"\n"),
            "lines[1].name (line 14) is missing. Set it to a name such as uk-whatsapp.",
        ),
    ];
    let told = cases.map(|(file, expected)| (faults(&file, &[]), expected));
    let wrong: Vec<_> = told.iter().filter(|(told, expected)| told != &[*expected]).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_misspelt_key_of_a_line_has_the_key_that_was_meant() {
    let meant = |meant: &str| format!("Did you mean {meant}? Mend the name, or remove it.");
    let cases = [
        ("adress", meant("address")),
        ("Address", meant("address")),
        ("agent-reply", meant("agent_reply")),
        ("chanel", meant("channel")),
        ("carier", meant("carrier")),
        ("desk_id", meant("desk")),
        ("ticket_form", meant("ticket_form_id")),
        ("windows_minutes", meant("window_minutes")),
        ("templates", meant("template")),
        ("tag", meant("tags")),
        ("sms_fallbak", meant("sms_fallback")),
        // A part of the name, or the name of the same thing elsewhere.
        ("brand", meant("brand_id")),
        ("language", meant("agent_language")),
        ("reply", meant("agent_reply")),
        ("template_campaign", meant("template")),
        ("subscription_group", meant("address")),
        ("group", meant("address, for the subscription group, or group_id, for the group of agents")),
        ("account", meant("carrier")),
        ("type", meant("channel")),
        // The key of another table.
        ("webhook_tokens", "Move it into the table of its account, such as [braze] or [accounts.NAME].".to_owned()),
        ("listen", "Move it above the first table of the file.".to_owned()),
    ];
    for (written, remedy) in cases {
        let file =
            format!("{ONE_OF_EACH}[[lines]]\nname = \"uk\"\ncarrier = \"braze\"\naddress = \"g1\"\n{written} = 1\n");
        let told = faults(&file, &[]);
        assert_eq!(told, [format!("lines.uk.{written} (line 18) is not a key of a line. {remedy}")]);
    }
}

#[test]
fn a_campaign_that_cannot_serve_two_keys_is_a_fault() {
    let reply = "00000000-0000-4000-8000-000000000003";
    let line = |name: &str, keys: &str| format!("[[lines]]\nname = \"{name}\"\ncarrier = \"braze\"\n{keys}\n");
    let whatsapp = |keys: &str| line("wa", &format!("address = \"g2\"\nchannel = \"whatsapp\"\n{keys}"));
    let uk = line("uk", &format!("address = \"g1\"\nagent_reply = \"{reply}\""));
    let a_template = "template = \"00000000-0000-4000-8000-000000000005\"";
    let with_response = "Set it to the id of an API-triggered WhatsApp campaign with a response message.";
    for (lines, expected) in [
        (
            format!("{uk}{}", whatsapp(&format!("agent_reply = \"{}\"\n{a_template}", reply.to_uppercase()))),
            format!(
                "lines.wa.agent_reply (line 24) is that of lines.uk.agent_reply as well, but that one is for sms and this \
                 one for whatsapp. {with_response}"
            ),
        ),
        (
            format!("{}{uk}", whatsapp(&format!("agent_reply = \"{reply}\"\n{a_template}"))),
            "lines.uk.agent_reply (line 25) is that of lines.wa.agent_reply as well, but that one is for whatsapp and this \
             one for sms. Set it to the id of an API-triggered campaign with a text message."
                .to_owned(),
        ),
        (
            line("uk", &format!("address = \"{reply}\"\nagent_reply = \"{reply}\"")),
            "lines.uk.agent_reply (line 18) is the address of lines.uk, which is a subscription group. Set it to the id of an \
             API-triggered campaign with a text message."
                .to_owned(),
        ),
    ] {
        assert_eq!(faults(&format!("{ONE_OF_EACH}{lines}"), &[]), [expected], "{lines}");
    }
}

#[test]
fn a_campaign_or_an_address_of_two_lines_is_a_warning_where_one_of_the_two_may_be_right() {
    let line = |name: &str, keys: &str| format!("[[lines]]\nname = \"{name}\"\n{keys}\n");
    let [of_carrier, reply] = [1, 3].map(|id| format!("agent_reply = \"00000000-0000-4000-8000-00000000000{id}\""));
    let [braze, canada] = ["braze", "canada"].map(|carrier| format!("carrier = \"{carrier}\""));
    let consequence = "so that the texts of both lines leave from the number of one of them.";
    let a_template = "template = \"00000000-0000-4000-8000-000000000005\"";
    for (lines, expected) in [
        (
            line("uk", &format!("{braze}\naddress = \"g1\"\n{of_carrier}")),
            Some(format!("lines.uk.agent_reply is that of braze.campaigns.agent_reply as well, {consequence}")),
        ),
        (
            ["uk", "ie"].map(|name| line(name, &format!("{braze}\naddress = \"g-{name}\"\n{reply}"))).concat(),
            Some(format!("lines.ie.agent_reply is that of lines.uk.agent_reply as well, {consequence}")),
        ),
        (
            line("north", &format!("{canada}\naddress = \"g1\"\n{of_carrier}")),
            Some(
                "lines.north.agent_reply is that of braze.campaigns.agent_reply as well, but a campaign belongs to one \
                 workspace."
                    .to_owned(),
            ),
        ),
        (
            format!(
                "{}{}",
                line("uk", &format!("{braze}\naddress = \"g1\"\n{reply}")),
                line("north", &format!("{canada}\naddress = \"G1\"\n{}", reply.replace("03\"", "04\"")))
            ),
            Some(
                "lines.north.address is that of lines.uk too in other letters, but a subscription group belongs to one \
                 workspace."
                    .to_owned(),
            ),
        ),
        // The account's own campaign has to be given, also where every customer is on WhatsApp.
        (
            line("wa", &format!("{braze}\naddress = \"g2\"\nchannel = \"whatsapp\"\n{of_carrier}\n{a_template}")),
            Some(
                "lines.wa.agent_reply is that of braze.campaigns.agent_reply as well, so that a reply on the default line \
                 would go out by the campaign of this line's channel."
                    .to_owned(),
            ),
        ),
        (
            line(
                "wa",
                &format!(
                    "{braze}\naddress = \"g2\"\nchannel = \"whatsapp\"\n{reply}\ntemplate{}",
                    &reply["agent_reply".len()..]
                ),
            ),
            Some(
                "lines.wa.template is that of lines.wa.agent_reply as well, but one of the two is for a template and the \
                 other for free text, which WhatsApp refuses outside of the window."
                    .to_owned(),
            ),
        ),
        // The default line is the carrier's own, RCS leaves from the numbers of its SMS, and a closing text is a free text.
        (line("us", &format!("{braze}\n{of_carrier}\nticket_solved{}", &of_carrier["agent_reply".len()..])), None),
        (
            ["sms", "rcs"]
                .map(|on| line(on, &format!("{braze}\naddress = \"g1\"\nchannel = \"{on}\"\n{reply}")))
                .concat(),
            None,
        ),
    ] {
        let told = warnings(&format!("{ONE_OF_EACH}{CANADA}{lines}"));
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{lines}");
    }
}

#[test]
fn lines_have_no_variables() {
    let file = format!("{ONE_OF_EACH}[[lines]]\nname = \"uk\"\ncarrier = \"braze\"\naddress = \"g1\"\n");
    let told = faults(&file, &[("TANDEM_LINES__UK__DESK", "zendesk")]);
    let expected = "lines.uk.desk (TANDEM_LINES__UK__DESK) is given by a variable, but lines have none. Write it into its \
                    [[lines]] table in the file, and unset the variable.";
    assert_eq!(told, [expected]);
}

#[test]
fn every_doubt_about_a_line_is_a_warning() {
    let line = |keys: &str| format!("{ONE_OF_EACH}[[lines]]\nname = \"uk\"\ncarrier = \"braze\"\n{keys}\n");
    let reply = "agent_reply = \"00000000-0000-4000-8000-000000000003\"";
    let whatsapp = |keys: &str| line(&format!("channel = \"whatsapp\"\naddress = \"g1\"\n{reply}\n{keys}"));
    let cases = [
        (
            line("window_minutes = 60"),
            Some("lines.uk.window_minutes has no effect on sms, where free text may always go."),
        ),
        (
            whatsapp(""),
            Some(
                "lines.uk.template is missing, so that a reply which comes later than window_minutes after the customer's \
                 last message is given up.",
            ),
        ),
        (whatsapp("template = \"00000000-0000-4000-8000-000000000005\""), None),
        (
            line("address = \"g1\""),
            Some(
                "lines.uk.agent_reply is missing, so that replies go through the campaign of the carrier, from the number \
                 of its group.",
            ),
        ),
        (line(&format!("address = \"g1\"\n{reply}")), None),
        (line("address = \"g1\"\nchannel = \"rcs\""), None),
        (
            line(&format!("address = \"15551234567\"\n{reply}")),
            Some(
                "lines.uk.address looks like a telephone number, and Braze calls a line by the id of its subscription group: \
                 no text would take this line.",
            ),
        ),
        (line("brand_id = 7"), None),
        (
            format!("{ONE_OF_EACH}{EU}"),
            Some(
                "accounts.support-eu.url leads to a desk that no line names, so that no customer's text opens a ticket \
                 there.",
            ),
        ),
        (
            format!("{}{EU}", line("desk = \"zendesk\"")),
            Some(
                "accounts.support-eu.url leads to a desk that no line names, so that no customer's text opens a ticket \
                 there.",
            ),
        ),
        (format!("{}{EU}", line(&format!("desk = \"support-eu\"\naddress = \"g1\"\n{reply}"))), None),
        (
            format!(
                "{ONE_OF_EACH}{EU}{CANADA}\n[[lines]]\nname = \"north\"\ncarrier = \"canada\"\ndesk = \"support-eu\"\n\
                 address = \"g1\"\n{reply}"
            ),
            Some(
                "lines.north.desk is support-eu, and texts to canada on no described line are answered at zendesk; describe \
                 the default line of canada where they too belong to support-eu.",
            ),
        ),
        (
            format!("{}{EU}", line("desk = \"support-eu\"")),
            Some("zendesk.url leads to a desk that no line names, so that no customer's text opens a ticket there."),
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(warnings(&file), expected.into_iter().collect::<Vec<_>>(), "{file}");
    }
}

#[test]
fn a_description_of_a_default_line_does_not_move_it_behind_those_of_other_carriers() {
    let canada = "[accounts.canada]\nvendor = \"braze\"\nurl = \"https://rest.iad-05.braze.com\"\napi_key = \"canada-key\"\n\
                  webhook_tokens = [\"canada-token-canada\"]\n[accounts.canada.campaigns]\n\
                  agent_reply = \"00000000-0000-4000-8000-000000000009\"\n";
    let described = "[[lines]]\nname = \"us\"\ncarrier = \"braze\"\nbrand_id = 7\n";
    for file in [format!("{ONE_OF_EACH}{canada}"), format!("{ONE_OF_EACH}{canada}{described}")] {
        let lines = read(&file, &[]).unwrap().0.lines();
        assert_eq!(lines.home_of(Ends::FIRST.desk), Some(Ends::FIRST), "{file}");
    }
}

#[test]
fn lines_wait_for_a_restart_and_are_named_with_their_keys() {
    let uk = "[[lines]]\nname = \"uk\"\ncarrier = \"braze\"\naddress = \"g1\"\n";
    let ie = "[[lines]]\nname = \"ie\"\ncarrier = \"braze\"\naddress = \"g2\"\n";
    let fr = "[[lines]]\nname = \"fr\"\ncarrier = \"braze\"\naddress = \"g3\"\n";
    let (old, _) = read(&format!("{ONE_OF_EACH}{uk}{ie}"), &[]).unwrap();
    let (new, _) = read(&format!("{ONE_OF_EACH}{uk}brand_id = 7\ntags = [\"uk\"]\n{fr}"), &[]).unwrap();
    let (in_force, waiting) = old.reloaded(&new);
    assert_eq!(waiting, ["lines.uk.brand_id", "lines.uk.tags", "lines.ie", "lines.fr"]);
    assert_eq!(in_force.lines(), old.lines());
}
