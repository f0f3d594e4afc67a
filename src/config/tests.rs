//! Every promise of the configuration, most of them as rows of one table.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::files::FILE_MAX_BYTES;
use super::testing::{GOOD, carriers, desks, faults, read};
use super::*;
use crate::domain::retry::OnUnconfirmed;
use crate::domain::text::RecipeMessage;
use crate::domain::user_match::UserMatch;
use crate::keys::kind::{Item, Kind};
use crate::keys::table::Table;
use crate::vendors::braze::keys::Braze;
use crate::vendors::zendesk::keys::{Credentials, Zendesk};

/// The first account of each vendor.
fn first(config: &Config) -> (Zendesk, Braze) {
    (desks(config).remove(0), carriers(config).remove(0))
}

fn good(env: &[(&str, &str)]) -> Config {
    read(GOOD, env).unwrap().0
}

#[test]
fn what_is_not_given_has_the_documented_default() {
    let (config, warnings) = read(GOOD, &[]).unwrap();
    let (zendesk, braze) = first(&config);
    assert_eq!(warnings, []);
    assert_eq!(config.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.operator_listen.to_string(), "127.0.0.1:8081");
    assert!(config.operator_token.is_none() && config.public_url.is_none());
    assert!(config.mappings.is_none() && config.mapping_files.is_none());
    assert_eq!((config.catch_up_minutes, config.reopen_days), (Some(Duration::from_secs(300)), 5));
    assert_eq!(config.trusted_proxies, []);
    assert_eq!(config.store.url, StoreUrl::Sled { directory: "/etc/tandem/data".into() });
    assert_eq!(zendesk.signature_tolerance_seconds, Duration::from_secs(600));
    use UserMatch::{Email, ExternalId, Phone, UserField};
    assert_eq!(zendesk.requester_match, [ExternalId, UserField, Email, Phone]);
    assert_eq!(zendesk.user_field, "braze_external_id");
    assert_eq!(braze.on_unconfirmed, OnUnconfirmed::Resend);
    assert_eq!(braze.confirm_after_seconds, [Duration::from_secs(5), Duration::from_secs(15)]);
    assert_eq!(braze.recipe_message, RecipeMessage::ThirdLine);
    assert!(!braze.gsm7 && braze.subscription_group.is_none());
    assert_eq!(braze.campaigns.ticket_solved, None);
}

#[test]
fn every_default_is_of_its_kind() {
    let told = parse(None, [], Path::new("")).unwrap_err().0;
    for key in reference::KEYS.iter().filter(|key| key.default.is_some()) {
        assert!(told.iter().all(|fault| fault.key != key.name), "{}: {told:#?}", key.name);
    }
    assert!(told.iter().all(|fault| fault.problem.contains("missing")), "{told:#?}");
}

#[test]
fn a_table_is_read_under_any_name_and_its_faults_bear_it() {
    let at = At::top().below("accounts").below("support-eu");
    let mut gathered = crate::keys::book::Gathered::default();
    for (name, kind, text) in [
        ("url", Kind::One(Item::Text), "https://acme.zendesk.com/api/v2"),
        ("email", Kind::One(Item::Text), "agent@acme.example"),
        ("api_token", Kind::One(Item::Secret), "a-token"),
    ] {
        let given =
            crate::keys::book::Given { value: crate::keys::value::from_variable(kind, text), place: Place::Line(3) };
        gathered.values.insert(at.key(name), given);
    }
    let mut book = Book::new(gathered, Path::new(""));
    assert!(Zendesk::read(&at, &mut book).is_none());
    let told: Vec<String> = book.faults.iter().map(|fault| format!("{} {}", fault.key, fault.problem)).collect();
    assert_eq!(told, ["accounts.support-eu.url has a path", "accounts.support-eu.webhook_secrets is missing"]);
    assert_eq!(book.warnings[0].key, "accounts.support-eu.api_token");
}

fn networks(config: &Config) -> Vec<String> {
    config.trusted_proxies.iter().map(ToString::to_string).collect()
}

#[test]
fn a_list_of_proxies_may_be_empty_wherever_it_stands() {
    let file = GOOD.replacen("[zendesk]", "trusted_proxies = [\"10.0.0.5\"]\n[zendesk]", 1);
    for (text, expected) in [("", vec![]), ("[]", vec![]), ("10.1.0.0/16, ::1", vec!["10.1.0.0/16", "::1"])] {
        let (config, _) = read(&file, &[("TANDEM_TRUSTED_PROXIES", text)]).unwrap();
        assert_eq!(networks(&config), expected, "{text:?}");
    }
    let (config, _) = read(&file.replace("\"10.0.0.5\"", ""), &[]).unwrap();
    assert_eq!(networks(&config), [""; 0]);
}

#[test]
fn everything_in_the_file_arrives() {
    let file = r#"
        listen = "[::1]:0"
        operator_listen = "0.0.0.0:0"
        operator_token = "operator-token-secret"
        public_url = "https://texts.acme.example/bridge"
        console_url = "http://tandem.internal.example:8081"
        mappings = "mine"
        catch_up_minutes = 0
        reopen_days = 0
        trusted_proxies = ["10.0.0.5", "2001:db8::/32"]
        store.url = "sled:/var/lib/tandem"
        zendesk = { url = "http://127.0.0.1:9000", email = "a@b.example", api_token = "zendesk-api-token", webhook_secrets = ["one", "two"], signature_tolerance_seconds = 3_600, requester_match = ["phone"], user_field = "braze_id_2" }
        [braze]
        url = "http://localhost:9001/"
        api_key = "k"
        webhook_tokens = ["a-long-enough-token"]
        on_unconfirmed = "hold"
        confirm_after_seconds = [1, 2, 3, 4, 300]
        recipe_message = "whole"
        gsm7 = true
        subscription_group = "group-1"
        campaigns = { agent_reply = "00000000-0000-4000-8000-000000000001", ticket_solved = "00000000-0000-4000-8000-000000000002" }
    "#;
    let (config, warnings) = read(file, &[]).unwrap();
    let (zendesk, braze) = first(&config);
    assert_eq!(config.listen.to_string(), "[::1]:0");
    assert_eq!(networks(&config), ["10.0.0.5", "2001:db8::/32"]);
    assert_eq!(config.operator_token.unwrap().expose_secret(), "operator-token-secret");
    assert_eq!(config.public_url.unwrap().as_str(), "https://texts.acme.example/bridge");
    for below in ["webhooks/tandem", "console/bridge"] {
        let file = GOOD.replacen("[zendesk]", &format!("public_url = \"https://a.b/{below}\"\n[zendesk]"), 1);
        assert!(read(&file, &[]).unwrap().0.public_url.unwrap().path().ends_with(below), "a proxy's own path");
    }
    assert_eq!(config.console_url.unwrap().as_str(), "http://tandem.internal.example:8081/");
    assert_eq!(config.mappings, Some("/etc/tandem/mine".into()));
    assert_eq!((config.catch_up_minutes, config.reopen_days), (None, 0));
    assert_eq!(config.store.url, StoreUrl::Sled { directory: "/var/lib/tandem".into() });
    let Credentials::ApiToken { email, api_token } = zendesk.credentials else { panic!("not an API token") };
    assert_eq!((email.as_str(), api_token.expose_secret()), ("a@b.example", "zendesk-api-token"));
    assert_eq!(zendesk.webhook_secrets.len(), 2);
    assert_eq!(zendesk.signature_tolerance_seconds, Duration::from_secs(3600));
    assert_eq!(zendesk.requester_match, [UserMatch::Phone]);
    assert_eq!(zendesk.user_field, "braze_id_2");
    assert_eq!(braze.on_unconfirmed, OnUnconfirmed::Hold);
    assert_eq!(braze.confirm_after_seconds.len(), 5);
    assert_eq!(braze.recipe_message, RecipeMessage::Whole);
    assert!(braze.gsm7);
    assert_eq!(braze.subscription_group.as_deref(), Some("group-1"));
    assert_eq!(braze.campaigns.ticket_solved.as_deref(), Some("00000000-0000-4000-8000-000000000002"));
    assert_eq!(warnings.len(), 2);
    let below_a_path = "public_url has a path: webhooks are posted below it, and a proxy has to take it away.";
    assert_eq!(warnings[0].to_string(), below_a_path);
    assert!(warnings[1].to_string().contains("2027-04-30"), "{}", warnings[1]);
}

#[test]
fn the_environment_overrides_the_file() {
    let config = good(&[
        ("TANDEM_LISTEN", "127.0.0.1:1"),
        ("TANDEM_ZENDESK__CLIENT_SECRET", "from the environment"),
        ("TANDEM_ZENDESK__WEBHOOK_SECRETS", "one, two,three"),
        ("TANDEM_ZENDESK__REQUESTER_MATCH", "['email', 'phone']"),
        ("TANDEM_BRAZE__WEBHOOK_TOKENS", r#"["a-long-enough-token\/", "another, with a comma"]"#),
        ("TANDEM_BRAZE__CONFIRM_AFTER_SECONDS", "1,2"),
        ("TANDEM_BRAZE__GSM7", "true"),
        ("TANDEM_BRAZE__CAMPAIGNS__TICKET_SOLVED", "00000000-0000-4000-8000-000000000002"),
        ("TANDEM_CATCH_UP_MINUTES", "7"),
        ("OTHERS_LISTEN", "nonsense"),
    ]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:1");
    let (zendesk, braze) = first(&config);
    let Credentials::OAuth { client_secret, .. } = zendesk.credentials else { panic!("not OAuth") };
    assert_eq!(client_secret.expose_secret(), "from the environment");
    let secrets: Vec<_> = zendesk.webhook_secrets.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(secrets, ["one", "two", "three"]);
    assert_eq!(zendesk.requester_match, [UserMatch::Email, UserMatch::Phone]);
    let tokens: Vec<_> = braze.webhook_tokens.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(tokens, ["a-long-enough-token/", "another, with a comma"]);
    assert_eq!(braze.confirm_after_seconds, [Duration::from_secs(1), Duration::from_secs(2)]);
    assert!(braze.gsm7);
    assert_eq!(braze.campaigns.ticket_solved.as_deref(), Some("00000000-0000-4000-8000-000000000002"));
    assert_eq!(config.catch_up_minutes, Some(Duration::from_secs(420)));
}

#[test]
fn the_environment_alone_is_enough() {
    let env = [
        ("TANDEM_ZENDESK__URL", "https://acme.zendesk.com"),
        ("TANDEM_ZENDESK__CLIENT_ID", "tandem"),
        ("TANDEM_ZENDESK__CLIENT_SECRET", "s"),
        ("TANDEM_ZENDESK__WEBHOOK_SECRETS", "s"),
        ("TANDEM_BRAZE__URL", "https://rest.iad-01.braze.com"),
        ("TANDEM_BRAZE__API_KEY", "k"),
        ("TANDEM_BRAZE__WEBHOOK_TOKENS", "a-long-enough-token"),
        ("TANDEM_BRAZE__CAMPAIGNS__AGENT_REPLY", "00000000-0000-4000-8000-000000000001"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (config, warnings) = parse(None, env, Path::new("")).unwrap();
    assert_eq!(config.store.url, StoreUrl::Sled { directory: "data".into() });
    assert_eq!(warnings, []);
}

/// One change to [`GOOD`] each, and its message: the beginning of the only fault, and a word of its remedy.
#[test]
#[expect(clippy::too_many_lines, reason = "one table, one line for each promise")]
fn every_fault_is_told_with_its_key_and_a_remedy() {
    let cases: &[(&str, &str, &str, &str)] = &[
        // (the text replaced in the good file, the new text, the beginning of the fault, a word of the remedy)
        ("[zendesk]", "listen = \"8080\"\n[zendesk]", "listen (line 2) is not an address", "127.0.0.1:8080"),
        ("[zendesk]", "listen = 8080\n[zendesk]", "listen (line 2) is an integer", "a text"),
        ("[zendesk]", "listen = \"\"\n[zendesk]", "listen (line 2) is blank", "a text"),
        ("[zendesk]", "listen = \"localhost:80\"\n[zendesk]", "listen (line 2) is not an address", "127.0.0.1"),
        (
            "[zendesk]",
            "listen = \"0.0.0.0:8081\"\n[zendesk]",
            "operator_listen is 127.0.0.1:8081, which meets",
            "ports",
        ),
        ("[zendesk]", "operator_listen = \"0.0.0.0:1\"\n[zendesk]", "operator_token is missing", "token"),
        ("[zendesk]", "operator_listen = \"[::]:1\"\n[zendesk]", "operator_token is missing", "token"),
        (
            "[zendesk]",
            "operator_token = \" x\"\n[zendesk]",
            "operator_token (line 2) begins or ends with white",
            "Give",
        ),
        ("[zendesk]", "public_url = \"tandem\"\n[zendesk]", "public_url (line 2) is not a web address", "https"),
        (
            "[zendesk]",
            "public_url = \"http://a.b\"\n[zendesk]",
            "public_url (line 2) does not start with https",
            "https",
        ),
        (
            "[zendesk]",
            "public_url = \"https://a.b/webhooks/zendesk\"\n[zendesk]",
            "public_url (line 2) is the address of one page of the bridge.",
            "End it before /webhooks: the paths are added.",
        ),
        (
            "[zendesk]",
            "public_url = \"https://a.b/in/healthz\"\n[zendesk]",
            "public_url (line 2) is the address of one page of the bridge.",
            "End it before /healthz: the paths are added.",
        ),
        (
            "[zendesk]",
            "public_url = \"https://acme.zendesk.com\"\n[zendesk]",
            "public_url (line 2) is an address of Zendesk.",
            "Set it to the address at which the vendors reach this bridge.",
        ),
        (
            "https://acme.zendesk.com",
            "https://YOUR-SUBDOMAIN.zendesk.com",
            "zendesk.url (line 3) is or holds a placeholder",
            "Put your own value",
        ),
        (
            "https://acme.zendesk.com",
            "acme.zendesk.com",
            "zendesk.url (line 3) is not a web address",
            "https://acme.zendesk.com.",
        ),
        (
            "rest.iad-01.braze.com",
            "sdk.fra-02.braze.eu",
            "braze.url (line 8) is the address of Braze's SDKs, whose API has another",
            "most likely https://rest.fra-02.braze.eu.",
        ),
        ("[zendesk]", "console_url = \"tandem\"\n[zendesk]", "console_url (line 2) is not a web address", "https"),
        (
            "[zendesk]",
            "console_url = \"https://a.b/console\"\n[zendesk]",
            "console_url (line 2) has something behind the host",
            "End it there",
        ),
        ("[zendesk]", "catch_up_minutes = -1\n[zendesk]", "catch_up_minutes (line 2) is -1", "0 to 1440"),
        ("[zendesk]", "catch_up_minutes = 5.0\n[zendesk]", "catch_up_minutes (line 2) is a float", "whole number"),
        ("[zendesk]", "reopen_days = 29\n[zendesk]", "reopen_days (line 2) is 29", "0 to 28"),
        ("[zendesk]", "reopen_days = \"5\"\n[zendesk]", "reopen_days (line 2) is a string", "whole number"),
        ("[zendesk]", "reopen_days = 99999999999999999999\n[zendesk]", "reopen_days (line 2) is", "whole number"),
        (
            "[zendesk]",
            "trusted_proxies = [\"10.0.0.5\", \"proxy\"]\n[zendesk]",
            "trusted_proxies (line 2) holds \"proxy\", which is neither an address nor a network",
            "names are not looked up",
        ),
        ("[zendesk]", "trusted_proxies = \"::1\"\n[zendesk]", "trusted_proxies (line 2) is a string", "10.1.0.0/16"),
        ("[zendesk]", "listn = \"x\"\n[zendesk]", "listn (line 2) is not a key", "Did you mean listen?"),
        ("[zendesk]", "store = \"sled:x\"\n[zendesk]", "store (line 2) is a table", "[store]"),
        ("[zendesk]", "[store]\nurl = \"sled:\"\n[zendesk]", "store.url (line 3) names no directory", "sled:data"),
        ("[zendesk]", "[store]\nurl = \"postgres://x\"\n[zendesk]", "store.url (line 3) does not start", "sled:data"),
        ("[zendesk]", "[store]\npath = \"x\"\n[zendesk]", "store.path (line 3) is not a key", "url"),
        ("[zendesk]", "[sore]\nurl = \"x\"\n[zendesk]", "sore (line 2) is not a key", "store"),
        (
            "https://acme.zendesk.com",
            "http://acme.zendesk.com",
            "zendesk.url (line 3) does not start with https",
            "https",
        ),
        (
            "https://acme.zendesk.com",
            "ftp://acme.zendesk.com",
            "zendesk.url (line 3) does not start with https",
            "https",
        ),
        ("https://acme.zendesk.com", "acme.zendesk.com", "zendesk.url (line 3) is not a web address", "https"),
        ("https://acme.zendesk.com", "http://127.0.0.1.evil.example", "zendesk.url (line 3) does not start", "https"),
        ("https://acme.zendesk.com", "https://acme.zendesk.com/api/v2", "zendesk.url (line 3) has a path", "host"),
        ("https://acme.zendesk.com", "https://acme.zendesk.com?x=1", "zendesk.url (line 3) has a question mark", "End"),
        (
            "https://acme.zendesk.com",
            "https://u:pw@acme.zendesk.com",
            "zendesk.url (line 3) holds a user name",
            "Remove",
        ),
        ("url = \"https://acme.zendesk.com\"", "", "zendesk.url is missing", "address"),
        ("client_id = \"tandem\"", "", "zendesk.client_id is missing", "OAuth"),
        ("client_secret = \"zendesk-client-secret\"", "", "zendesk.client_secret is missing", "OAuth"),
        (
            "client_id = \"tandem\"",
            "client_id = \"tandem\"\nemail = \"a@b\"",
            "zendesk.client_id (line 4) and client_secret stand beside",
            "Choose",
        ),
        (
            "client_id = \"tandem\"\nclient_secret = \"zendesk-client-secret\"",
            "",
            "zendesk.client_id and client_secret are missing",
            "OAuth",
        ),
        (
            "client_id = \"tandem\"\nclient_secret = \"zendesk-client-secret\"",
            "email = \"a@b\"",
            "zendesk.api_token is missing",
            "client_id",
        ),
        (
            "client_id = \"tandem\"\nclient_secret = \"zendesk-client-secret\"",
            "api_token = \"t\"",
            "zendesk.email is missing",
            "e-mail",
        ),
        ("webhook_secrets = [\"zendesk-webhook-secret\"]", "", "zendesk.webhook_secrets is missing", "signing secret"),
        ("[\"zendesk-webhook-secret\"]", "[]", "zendesk.webhook_secrets (line 6) is an empty list", "list"),
        (
            "[\"zendesk-webhook-secret\"]",
            "[\" \"]",
            "zendesk.webhook_secrets (line 6) has an entry that is blank",
            "list",
        ),
        (
            "[\"zendesk-webhook-secret\"]",
            "[\"a\\n\"]",
            "zendesk.webhook_secrets (line 6) has an entry that begins or ends",
            "list",
        ),
        (
            "[\"zendesk-webhook-secret\"]",
            "[\"a\\nb\"]",
            "zendesk.webhook_secrets (line 6) has an entry that contains a line",
            "list",
        ),
        (
            "[\"zendesk-webhook-secret\"]",
            "[1]",
            "zendesk.webhook_secrets (line 6) has an entry that is not a text",
            "list",
        ),
        ("[\"zendesk-webhook-secret\"]", "\"x\"", "zendesk.webhook_secrets (line 6) is a string", "list"),
        (
            "[\"zendesk-webhook-secret\"]",
            "[\"a\", \"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==\"]",
            "zendesk.webhook_secrets (line 6) holds the secret that Zendesk publishes",
            "itself",
        ),
        (
            "client_id",
            "signature_tolerance_seconds = 29\nclient_id",
            "zendesk.signature_tolerance_seconds (line 4) is 29",
            "30 to 3600",
        ),
        (
            "client_id",
            "signature_tolerance_seconds = 3601\nclient_id",
            "zendesk.signature_tolerance_seconds (line 4) is 3601",
            "30 to 3600",
        ),
        (
            "client_id",
            "requester_match = []\nclient_id",
            "zendesk.requester_match (line 4) is an empty list",
            "external_id",
        ),
        (
            "client_id",
            "requester_match = [\"name\"]\nclient_id",
            "zendesk.requester_match (line 4) holds \"name\"",
            "external_id",
        ),
        (
            "client_id",
            "requester_match = [\"email\", \"email\"]\nclient_id",
            "zendesk.requester_match (line 4) names email twice",
            "Remove",
        ),
        (
            "client_id",
            "user_field = \"a b\"\nclient_id",
            "zendesk.user_field (line 4) is not a field key",
            "underscores",
        ),
        ("client_id", "url = \"https://b.example\"\nclient_id", "the file (line 4) is not valid TOML", "Mend"),
        (
            "https://rest.iad-01.braze.com",
            "https://rest.iad-01.braze.com/users/track",
            "braze.url (line 8) has a path",
            "host",
        ),
        ("api_key = \"braze-api-key-secret\"", "", "braze.api_key is missing", "key"),
        ("webhook_tokens = [\"braze-webhook-token-secret\"]", "", "braze.webhook_tokens is missing", "token"),
        (
            "[\"braze-webhook-token-secret\"]",
            "[\"\"]",
            "braze.webhook_tokens (line 10) has an entry that is blank",
            "list",
        ),
        (
            "api_key",
            "on_unconfirmed = \"retry\"\napi_key",
            "braze.on_unconfirmed (line 9) is \"retry\"",
            "resend, hold",
        ),
        (
            "api_key",
            "recipe_message = \"none\"\napi_key",
            "braze.recipe_message (line 9) is \"none\"",
            "third_line, whole",
        ),
        (
            "api_key",
            "confirm_after_seconds = []\napi_key",
            "braze.confirm_after_seconds (line 9) is an empty",
            "1 to 300",
        ),
        ("api_key", "confirm_after_seconds = [0]\napi_key", "braze.confirm_after_seconds (line 9) holds 0", "1 to 300"),
        (
            "api_key",
            "confirm_after_seconds = [301]\napi_key",
            "braze.confirm_after_seconds (line 9) holds 301",
            "1 to 300",
        ),
        (
            "api_key",
            "confirm_after_seconds = [5, 5]\napi_key",
            "braze.confirm_after_seconds (line 9) does not ascend",
            "Order",
        ),
        (
            "api_key",
            "confirm_after_seconds = [15, 5]\napi_key",
            "braze.confirm_after_seconds (line 9) does not ascend",
            "Order",
        ),
        (
            "api_key",
            "confirm_after_seconds = [1,2,3,4,5,6]\napi_key",
            "braze.confirm_after_seconds (line 9) has 6 entries",
            "Remove",
        ),
        (
            "api_key",
            "confirm_after_seconds = [\"5\"]\napi_key",
            "braze.confirm_after_seconds (line 9) has an entry",
            "whole numbers",
        ),
        ("api_key", "gsm7 = \"yes\"\napi_key", "braze.gsm7 (line 9) is a string", "true or false"),
        (
            "api_key",
            "subscription_group = \"a b\"\napi_key",
            "braze.subscription_group (line 9) is not an identifier",
            "hyphens",
        ),
        (
            "agent_reply = \"00000000-0000-4000-8000-000000000001\"",
            "",
            "braze.campaigns.agent_reply is missing",
            "campaign",
        ),
        (
            "\"00000000-0000-4000-8000-000000000001\"",
            "\"campaign 1\"",
            "braze.campaigns.agent_reply (line 12) is not an identifier",
            "hyphens",
        ),
        (
            "\"00000000-0000-4000-8000-000000000001\"",
            "\"00000000-0000-4000-8000-000000000001\"\nticket_solved = \"\"",
            "braze.campaigns.ticket_solved (line 13) is blank",
            "text",
        ),
        (
            "\"00000000-0000-4000-8000-000000000001\"",
            "\"00000000-0000-4000-8000-000000000001\"\nagent_repl = \"c\"",
            "braze.campaigns.agent_repl (line 13) is not a key",
            "Did you mean agent_reply?",
        ),
        ("[zendesk]", "[alarms]\n[zendesk]", "alarms (line 2) is not a key", "Did you mean [alarm]?"),
        (
            "[zendesk]",
            "nothing_known = 1\n[zendesk]",
            "nothing_known (line 2) is not a key",
            "Remove it, or use one of: listen,",
        ),
        (
            "\"00000000-0000-4000-8000-000000000001\"",
            "\"foo\"",
            "braze.campaigns.agent_reply (line 12) is too short to be the API identifier of a campaign",
            "Schedule Delivery: five groups",
        ),
        (
            "\"tandem\"",
            "\"YOUR_CLIENT_ID\"",
            "zendesk.client_id (line 4) is or holds a placeholder",
            "Put your own value",
        ),
        ("\"tandem\"", "\"<client id>\"", "zendesk.client_id (line 4) is or holds a placeholder", "Put your own value"),
        (
            "\"zendesk-client-secret\"",
            "\"…\"",
            "zendesk.client_secret (line 5) is or holds a placeholder",
            "Put your own",
        ),
        ("\"zendesk-webhook-secret\"", "\"...\"", "zendesk.webhook_secrets (line 6) is or holds a", "Put your own"),
        (
            "https://acme.zendesk.com",
            "https://…",
            "zendesk.url (line 3) is or holds a placeholder",
            "Put your own value",
        ),
        (
            "\"braze-webhook-token-secret\"",
            "\"<the entry of braze.webhook_tokens: 40 characters>\"",
            "braze.webhook_tokens (line 10) is or holds a placeholder",
            "Put your own value",
        ),
        (
            "[braze]",
            "[braze]\nsubscription_group = \"GROUP_ID\"",
            "braze.subscription_group (line 8) is or",
            "Put your own",
        ),
        (
            "acme.zendesk.com",
            "acme.zendesk.com/agent/dashboard?brand=1",
            "zendesk.url (line 3) is the address of a page in Zendesk",
            "Set it to https://acme.zendesk.com, the address without the page",
        ),
        (
            "acme.zendesk.com",
            "acme.zendesk.com/admin/home#x",
            "zendesk.url (line 3) is the address of a page in Zendesk",
            "Set it to https://acme.zendesk.com,",
        ),
        (
            "rest.iad-01.braze.com",
            "dashboard-03.braze.com",
            "braze.url (line 8) is the address of Braze's dashboard, whose API has another",
            "shows under APIs and Identifiers, most likely https://rest.iad-03.braze.com.",
        ),
        (
            "rest.iad-01.braze.com",
            "dashboard-01.braze.eu",
            "braze.url (line 8) is the address of Braze's dashboard",
            "most likely https://rest.fra-01.braze.eu.",
        ),
        (
            "rest.iad-01.braze.com",
            "dashboard.us-10.braze.com",
            "braze.url (line 8) is the address of Braze's dashboard",
            "most likely https://rest.us-10.braze.com.",
        ),
        (
            "rest.iad-01.braze.com",
            "dashboard.acme.example",
            "braze.url (line 8) is the address of Braze's dashboard",
            "that Braze shows under APIs and Identifiers.",
        ),
    ];
    for (old, new, begins, remedy) in cases {
        assert!(GOOD.contains(old), "{old}");
        let found = faults(&GOOD.replacen(old, new, 1), &[]);
        assert_eq!(found.len(), 1, "{new}: {found:#?}");
        assert!(found[0].starts_with(begins), "{new}: {}", found[0]);
        assert!(found[0].contains(remedy), "{new}: {}", found[0]);
    }
}

#[test]
fn faults_of_the_environment_name_the_variable() {
    for (name, value, begins) in [
        ("TANDEM_LISTEN", "nowhere", "listen (TANDEM_LISTEN) is not an address"),
        ("TANDEM_LISTEN", "", "listen (TANDEM_LISTEN) is blank"),
        (
            "TANDEM_ZENDESK__CLIENT_SECRET",
            "s\n",
            "zendesk.client_secret (TANDEM_ZENDESK__CLIENT_SECRET) begins or ends",
        ),
        (
            "TANDEM_ZENDESK_CLIENT_SECRET",
            "s",
            "zendesk_client_secret (TANDEM_ZENDESK_CLIENT_SECRET) is not a key of the configuration. Did you mean \
             TANDEM_ZENDESK__CLIENT_SECRET?",
        ),
        (
            "TANDEM_zendesk__client_secret",
            "s",
            "zendesk.client_secret (TANDEM_zendesk__client_secret) is not a key of the configuration. Did you mean \
             TANDEM_ZENDESK__CLIENT_SECRET?",
        ),
        ("TANDEM_", "s", " (TANDEM_) is not a key"),
        ("TANDEM_PORT", "8080", "port (TANDEM_PORT) is not a key"),
        ("TANDEM_CATCH_UP_MINUTES", "five", "catch_up_minutes (TANDEM_CATCH_UP_MINUTES) is not a whole number"),
        ("TANDEM_BRAZE__GSM7", "yes", "braze.gsm7 (TANDEM_BRAZE__GSM7) is neither true nor false"),
        (
            "TANDEM_BRAZE__CONFIRM_AFTER_SECONDS",
            "5,x",
            "braze.confirm_after_seconds (TANDEM_BRAZE__CONFIRM_AFTER_SECONDS) has",
        ),
        (
            "TANDEM_BRAZE__WEBHOOK_TOKENS",
            "[\"a",
            "braze.webhook_tokens (TANDEM_BRAZE__WEBHOOK_TOKENS) starts like an array",
        ),
        ("TANDEM_BRAZE__WEBHOOK_TOKENS", " , ", "braze.webhook_tokens (TANDEM_BRAZE__WEBHOOK_TOKENS) is an empty list"),
    ] {
        let found = faults(GOOD, &[(name, value)]);
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!(found[0].starts_with(begins), "{name}: {}", found[0]);
    }
}

#[test]
fn a_value_with_the_syntax_of_another_tool_is_refused_with_the_remedy_for_its_place() {
    let token = "made-up-token-0123456789";
    let list = format!("[\"{token}\"]");
    for (variable, value, problem, remedy) in [
        ("TANDEM_BRAZE__API_KEY", format!("\"{token}\""), "stands between quotation marks", "--env-file"),
        ("TANDEM_BRAZE__API_KEY", format!("'{token}'"), "stands between quotation marks", "systemd"),
        ("TANDEM_BRAZE__API_KEY", format!("“{token}”"), "stands between quotation marks", "without quotation marks"),
        ("TANDEM_BRAZE__API_KEY", format!("{token} "), "begins or ends with white space", "without white space"),
        ("TANDEM_BRAZE__WEBHOOK_TOKENS", format!("'{list}'"), "stands between quotation marks", "--env-file"),
        (
            "TANDEM_BRAZE__WEBHOOK_TOKENS",
            format!("\"{token}\",\"{token}\""),
            "stands between quotation marks",
            "without",
        ),
        ("TANDEM_BRAZE__WEBHOOK_TOKENS", format!("[\"'{token}'\"]"), "has an entry that stands between", "--env-file"),
        ("TANDEM_BRAZE__URL", "'https://rest.braze.example'".into(), "stands between quotation marks", "--env-file"),
        ("TANDEM_CATCH_UP_MINUTES", "\"5\"".into(), "stands between quotation marks", "--env-file"),
        ("TANDEM_BRAZE__API_KEY", format!("Bearer {token}"), "begins with `bearer `", "the secret alone"),
        ("TANDEM_BRAZE__API_KEY", format!("Authorization: Bearer {token}"), "begins with `authorization:`", "alone"),
        ("TANDEM_BRAZE__WEBHOOK_TOKENS", format!("bearer {token}"), "has an entry that begins with `bearer `", "alone"),
        ("TANDEM_OPERATOR_TOKEN", format!("Basic {token}"), "begins with `basic `", "alone"),
    ] {
        let found = faults(GOOD, &[(variable, &value)]);
        assert_eq!(found.len(), 1, "{variable}={value}: {found:#?}");
        assert!(found[0].contains(&format!("({variable}) {problem}")), "{value}: {}", found[0]);
        assert!(found[0].contains(remedy), "{value}: {}", found[0]);
        assert!(!found[0].contains(token), "{value}: {}", found[0]);
    }
    let in_the_file = faults(&GOOD.replacen("\"braze-api-key-secret\"", "'\"braze-api-key-secret\"'", 1), &[]);
    assert_eq!(in_the_file.len(), 1, "{in_the_file:#?}");
    assert!(in_the_file[0].contains("one pair of quotation marks"), "{}", in_the_file[0]);
    // A mark inside, or at one end alone, may well be part of a secret.
    for value in ["don't", "a\"b", "\"", "5\"", "“x\""] {
        good(&[("TANDEM_ZENDESK__CLIENT_SECRET", value)]);
    }
}

#[test]
fn a_campaign_id_that_cannot_be_one_is_refused_and_one_that_hardly_can_is_warned_about() {
    for value in ["https://dashboard.braze.example/campaigns/1", "{{YOUR_CAMPAIGN_ID}}", "campaign id", "my campaign"] {
        let found = faults(GOOD, &[("TANDEM_BRAZE__CAMPAIGNS__TICKET_SOLVED", value)]);
        assert_eq!(found.len(), 1, "{value}: {found:#?}");
        assert!(found[0].contains("is not an identifier") && found[0].contains("API identifier"), "{}", found[0]);
    }
    for (value, is_warned) in [
        ("no-campaign-of-ours", true),
        ("00000000-0000-4000-8000-0000000a9e7", true),
        ("0F1E2D3C-0000-4000-8000-00000000a9e7", false),
    ] {
        let (_, warnings) = read(GOOD, &[("TANDEM_BRAZE__CAMPAIGNS__AGENT_REPLY", value)]).unwrap();
        let keys: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
        assert_eq!(keys.contains(&"braze.campaigns.agent_reply"), is_warned, "{value}: {keys:?}");
    }
}

#[test]
fn a_word_that_is_too_short_for_a_random_key_is_no_campaign() {
    for (id, is_refused) in [("foo", true), ("change-me", true), ("0123456789abcde", true), ("0123456789abcdef", false)]
    {
        for key in ["AGENT_REPLY", "TICKET_SOLVED"] {
            let read = read(GOOD, &[(&format!("TANDEM_BRAZE__CAMPAIGNS__{key}"), id)]);
            assert_eq!(read.is_err(), is_refused, "{key} {id}");
        }
    }
}

#[test]
fn what_a_cluster_tells_of_its_services_is_not_ours() {
    good(&[
        ("TANDEM_SERVICE_HOST", "10.0.0.1"),
        ("TANDEM_SERVICE_PORT", "8080"),
        ("TANDEM_SERVICE_PORT_HTTP", "8080"),
        ("TANDEM_PORT", "tcp://10.0.0.1:8080"),
        ("TANDEM_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("TANDEM_PORT_8080_TCP_PROTO", "tcp"),
        ("TANDEM_OPERATOR_PORT_8081_TCP_ADDR", "10.0.0.1"),
    ]);
}

#[test]
fn all_faults_are_told_together() {
    let file = "listen = 1\nlisten_too = 2\n[zendesk]\nurl = \"https://a.example/x\"\n[braze]\ngsm7 = 1\n";
    let found = faults(file, &[("TANDEM_REOPEN_DAYS", "x"), ("TANDEM_NOPE", "x")]);
    for part in [
        "listen (line 1)",
        "listen_too (line 2)",
        "zendesk.url (line 4)",
        "zendesk.client_id and",
        "zendesk.webhook_secrets is missing",
        "braze.url is missing",
        "braze.api_key is missing",
        "braze.webhook_tokens is missing",
        "braze.gsm7 (line 6)",
        "braze.campaigns.agent_reply is missing",
        "reopen_days (TANDEM_REOPEN_DAYS)",
        "nope (TANDEM_NOPE)",
    ] {
        assert!(found.iter().any(|fault| fault.starts_with(part)), "{part}: {found:#?}");
    }
    assert_eq!(found.len(), 12, "{found:#?}");
}

#[test]
fn broken_toml_is_told_with_its_line_and_without_its_text() {
    let found = faults("listen = \"0.0.0.0:1\"\noperator_token = \"do-not-show-me\nreopen_days = = 3\n", &[]);
    assert!(found.iter().any(|fault| fault.starts_with("the file (line 2) is not valid TOML")), "{found:#?}");
    assert!(!found.concat().contains("do-not-show-me"), "{found:#?}");
}

#[test]
fn a_key_that_is_out_of_the_ordinary_is_told_in_quotation_marks() {
    for (line, expected) in [
        ("\"\" = 1", "\"\" (line 1) is not a key"),
        ("zendesk.\"\" = 1", "zendesk.\"\" (line 1) is not a key"),
        (r#""a\nb" = 1"#, r#""a\nb" (line 1) is not a key"#),
        ("[", "\"\" (line 1) is not a key"),
    ] {
        let found = faults(line, &[]);
        assert!(found.iter().any(|fault| fault.starts_with(expected)), "{line}: {found:#?}");
        assert!(!found.concat().contains('\n'), "{line}: {found:#?}");
    }
}

#[test]
fn short_tokens_are_warned_about() {
    let (_, warnings) =
        read(GOOD, &[("TANDEM_BRAZE__WEBHOOK_TOKENS", "short"), ("TANDEM_OPERATOR_TOKEN", "short")]).unwrap();
    let keys: Vec<_> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["operator_token", "braze.webhook_tokens"]);
}

#[test]
fn no_secret_is_ever_shown() {
    let secrets =
        ["zendesk-client-secret", "zendesk-webhook-secret", "braze-api-key-secret", "braze-webhook-token-secret"];
    let shown = format!("{:?}", good(&[("TANDEM_OPERATOR_TOKEN", "operator-token-secret")]));
    for secret in secrets.iter().chain(&["operator-token-secret"]) {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
    // Every key has the wrong kind of value, is unknown, or is refused for another reason.
    let spoilt =
        GOOD.replace("client_secret", "client_secrets").replace("api_key", "apikey").replace("-secret\"", "-secret \"");
    let told = faults(&spoilt, &[("TANDEM_BRAZE__URL", "https://user:zendesk-client-secret@host")]).concat();
    for secret in secrets {
        assert!(!told.contains(secret), "{secret} is in {told}");
    }
}

#[test]
fn a_spoilt_override_does_not_leave_the_old_value() {
    let found = faults(GOOD, &[("TANDEM_ZENDESK__CLIENT_SECRET", " ")]);
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn the_example_is_good_once_the_secrets_are_given() {
    let example = include_str!("../../tandem.example.toml");
    let secrets = [
        ("TANDEM_ZENDESK__CLIENT_SECRET", "zendesk-client-secret"),
        ("TANDEM_ZENDESK__WEBHOOK_SECRETS", "zendesk-webhook-secret"),
        ("TANDEM_BRAZE__API_KEY", "braze-api-key-secret"),
        ("TANDEM_BRAZE__WEBHOOK_TOKENS", "braze-webhook-token-secret"),
    ];
    assert_eq!(read(example, &secrets).unwrap().1, []);
    for key in reference::KEYS.iter() {
        let last = key.name.rsplit('.').next().unwrap();
        assert!(example.contains(&format!("{last} = ")), "{} is not in the example", key.name);
    }
}

#[test]
fn files_are_read_from_where_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bridge.toml");
    std::fs::write(&path, format!("mappings = \"mine\"\n{GOOD}")).unwrap();
    let told = load(Some(&path), |_, _| Vec::new()).unwrap_err().to_string();
    assert!(told.contains("mappings") && told.contains("cannot be read"), "{told}");
    let mine = directory.path().join("mine");
    std::fs::create_dir(&mine).unwrap();
    std::fs::write(mine.join("agent_reply.toml"), "body").unwrap();
    std::fs::write(mine.join("README.md"), "not a mapping").unwrap();
    let (config, _) = load(Some(&path), |_, _| Vec::new()).unwrap();
    let files = BTreeMap::from([("agent_reply.toml".to_owned(), "body".to_owned())]);
    assert_eq!(config.mapping_files.as_ref(), Some(&files));
    assert_eq!(config.store.url, StoreUrl::Sled { directory: directory.path().join("data") });
    assert_eq!(glimpse(Some(&path)).unwrap().mapping_files, Some(files));
}

#[test]
fn faults_of_mappings_are_told_with_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bridge.toml");
    std::fs::write(&path, "nonsense = 1\n").unwrap();
    let told = load(Some(&path), |_, _| vec![Fault::new("mappings", "are odd", "Mend them")]).unwrap_err().to_string();
    assert!(told.contains("nonsense (line 1)") && told.contains("mappings are odd. Mend them."), "{told}");
}

#[test]
fn a_file_that_was_named_must_be_there_and_of_a_sane_size() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.toml");
    let told = load(Some(&missing), |_, _| Vec::new()).unwrap_err().to_string();
    assert!(told.contains("missing.toml cannot be read"), "{told}");
    let large = directory.path().join("large.toml");
    std::fs::write(&large, "#".repeat(FILE_MAX_BYTES as usize + 1)).unwrap();
    let told = load(Some(&large), |_, _| Vec::new()).unwrap_err().to_string();
    assert!(told.contains("larger than"), "{told}");
}

#[test]
fn a_glimpse_minds_only_its_own_keys() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("operator.toml");
    std::fs::write(&path, "listen = \"0.0.0.0:9\"\noperator_token = \"t\"\n[braze]\nurl = 5\n").unwrap();
    let seen = glimpse(Some(&path)).unwrap();
    assert_eq!((seen.listen.port(), seen.operator.listen.port()), (9, 8081));
    assert_eq!(seen.operator.token.unwrap().expose_secret(), "t");
    std::fs::write(&path, "operator_listen = 9\n").unwrap();
    assert!(glimpse(Some(&path)).unwrap_err().to_string().contains("operator_listen (line 1)"));
    std::fs::write(&path, "operator_listen = = 9\n").unwrap();
    assert!(glimpse(Some(&path)).unwrap_err().to_string().contains("not valid TOML"));
}

#[test]
fn the_alarm_receiver_is_a_secret_address_and_perhaps_a_token() {
    let alarm = |text: &str| format!("{GOOD}[alarm]\n{text}\n");
    assert!(good(&[]).alarm.url.is_none());
    // Receivers put their credentials into the path and the query.
    let url = "https://hooks.example/T0/s3cret?key=v";
    let (config, warnings) = read(&alarm(&format!("url = \"{url}\"\ntoken = \"t0ken\"")), &[]).unwrap();
    let found = &config.alarm;
    assert_eq!(
        (found.url.as_ref().unwrap().expose_secret(), found.token.as_ref().unwrap().expose_secret()),
        (url, "t0ken")
    );
    assert_eq!(warnings, []);
    let shown = format!("{config:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    assert!(read(&alarm("url = \"http://127.0.0.1:9/\""), &[]).is_ok(), "this machine");
    for (text, key, problem) in [
        ("url = \"http://hooks.example/s3cret\"", "alarm.url", "does not start with https://"),
        ("url = \"s3cret\"", "alarm.url", "is not a web address"),
        ("token = \"s3cret\"", "alarm.token", "stands without alarm.url"),
    ] {
        let told = faults(&alarm(text), &[]);
        assert!(told.len() == 1 && told[0].starts_with(key) && told[0].contains(problem), "{told:?}");
        assert!(!told[0].contains("s3cret"), "{told:?}");
    }
}
