//! The generated pages: the configuration reference, the example, and the API with its description.
//!
//! `RENEW=1 cargo test --test it generated` writes them; without `RENEW` they are compared.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use tandem::config::reference::{
    ACCOUNT_KEYS, About, Example, Item, KEYS, Kind, LINE_KEYS, OPERATOR_KEYS, OnReload, name_in_file, variable_in_file,
};

use crate::api::document;
use crate::process::shipped;

/// The remedy for a page that is old.
pub(crate) const RENEW: &str = "write it anew with: RENEW=1 cargo test --test it generated";

/// Compares a file of the repository with the generated one, or writes it.
fn is_current(path: &str, made: &str) {
    if std::env::var_os("RENEW").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), made).unwrap();
    }
    assert!(shipped(path) == made, "{path} is not what the code says; {RENEW}");
}

#[test]
fn the_configuration_reference_is_what_the_code_reads() {
    is_current("docs/configuration.md", &configuration());
}

#[test]
fn the_example_has_every_key_of_the_code() {
    is_current("tandem.example.toml", &example());
}

#[test]
fn the_api_description_is_what_the_code_serves() {
    is_current("docs/openapi.json", &format!("{:#}\n", document()));
    is_current("docs/api.md", &reference(&document()));
}

// ---------------------------------------------------------------------------------------------------- configuration

const CONFIGURATION: &str = "\
# Configuration

One TOML file: `tandem.toml` in the working directory, or the one that `--config FILE` names. `tandem init` writes it,
[`tandem.example.toml`](../tandem.example.toml) shows every key with a comment, and `tandem check` reports every fault
with its key and its remedy. Unknown keys are faults. A faulty configuration ends with exit code 78.

Every key can be given, or overridden, by an environment variable: `TANDEM_` and the key in capital letters, with two
underscores between levels (`zendesk.client_secret` is `TANDEM_ZENDESK__CLIENT_SECRET`). Lists are written with commas
between, or as in the file. A misspelt key is a fault that names the nearest key.

## The secrets file

Secrets belong into `tandem.env` beside `tandem.toml` (`NAME.env` beside `NAME.toml`). `tandem init` writes it, for you alone; every
command reads it, and a [reload](operating.md#rotating-secrets-without-a-restart) reads it again. It holds one variable a line, in
either of two syntaxes, so that other programs can read it as well:

| syntax | written by | a line | read by |
|---|---|---|---|
| systemd | `tandem init` | `TANDEM_BRAZE__API_KEY='…'` | tandem, systemd's `EnvironmentFile=`, a shell |
| docker | `tandem init --secrets docker` | `TANDEM_BRAZE__API_KEY=…` | tandem, `docker run --env-file`, `kubectl create secret … --from-env-file` |

A value without quotation marks is the rest of the line as it stands. Between single quotation marks nothing is special; between
double ones a backslash stands before `\"`, `\\`, `$` and `` ` ``. Lines that begin with `#` or `;` are comments. Variables of the process
count over those of the file, and both over `tandem.toml`. tandem warns about a file that every user of the machine may read, and
leaves a file that its own user may not read to systemd, which reads it as root.

## Optional keys

A key without a default may be left out, unless `tandem check` says otherwise. The column *reload* says whether a
[reload](operating.md#rotating-secrets-without-a-restart) takes a new value, or a restart only.
`RUST_LOG` sets the level of the log: `info` when it is not set.
";

fn configuration() -> String {
    let mut page = CONFIGURATION.to_owned();
    let mut table = None;
    for key in KEYS.iter() {
        let (above, name) = key.name.rsplit_once('.').unwrap_or(("", &key.name));
        if table != Some(above) {
            let title = if above.is_empty() { "At the top".to_owned() } else { format!("`[{}]`", name_in_file(above)) };
            write!(page, "\n## {title}\n{TABLE}").unwrap();
            table = Some(above);
        }
        write_key(&mut page, name, key);
    }
    page.push_str(OIDC);
    for (about, keys) in [(OPERATORS, &OPERATOR_KEYS), (ACCOUNTS, &ACCOUNT_KEYS), (LINES, &LINE_KEYS)] {
        page.push_str(about);
        page.push_str(TABLE);
        for key in keys.iter() {
            write_key(&mut page, &key.name, key);
        }
    }
    page
}

const TABLE: &str = "\n| key | takes | default | reload | purpose |\n|---|---|---|---|---|\n";

const OIDC: &str = "
`[oidc]` is for the console of a build with `cargo build --release --features oidc`; without any of its keys operators sign in with tokens
only. Register a confidential client at the provider (`client_secret_basic` or `client_secret_post`) for the authorization code flow, with the
redirect address `CONSOLE_URL/console/sign-in/callback`. `console_url` must then be https, and `operator_token` or an operator must be
configured, for the day on which the provider is down. The ID token itself must hold both claims. Microsoft Entra ID, Keycloak and Okta put groups into it
when the client is told to. `tandem check --live` says whether the provider describes itself as `issuer`. A reload takes over `[oidc.roles]`; the rest waits for a
restart. [How a sign-in is bound](security.md#roles).
";

const OPERATORS: &str = "
## Operators

`[[operators]]`, once for each person, at the end of the file. The [role](security.md#roles) gives the operator's rights, and the
token proves the name that stands in the audit. `operator_token` stays valid beside them: it is an admin's. Variables find an operator by name,
in capital letters and with `_` for `-` and `.`: `TANDEM_OPERATORS__ON_CALL__TOKEN` is the token of `on-call`, whose table
then needs `name` and `role` only. Names and tokens are unique. A reload takes over every change: a removed operator is out at once.
";

const ACCOUNTS: &str = "
## Further accounts

`[zendesk]` and `[braze]` are the accounts of these names. Every further account has a table `[accounts.NAME]` with its vendor and the keys of
the vendor's own table, such as `[accounts.support-eu]` and `[accounts.canada.campaigns]`. The vendor's own table is needed only where no other
account of the vendor is given. [Several accounts and lines](accounts.md) has a complete example.

A name has the characters a-z and 0-9 with single hyphens between them, and it never changes, because it is part of stored keys. Variables spell a
hyphen as `_`: `TANDEM_ACCOUNTS__SUPPORT_EU__CLIENT_SECRET` is the secret of `support-eu`. Where the file has no such table, the variable with the
vendor makes the account. The names `zendesk` and `braze` belong to accounts of these vendors. No two accounts of a vendor may share a webhook
secret or token, because one sender could then speak for both. A reload takes the keys of an account as it takes those of the vendor's own table;
an account that is new or removed waits for a restart.
";

const LINES: &str = "
## Lines

`[[lines]]`, once for each line, at the end of the file. A line is a number or a sender to which customers write, with the desk that answers it.
Lines have no variables, and every change waits for a restart. Each carrier has a default line for every text that names no described
line. It is called `default` for the account `braze` and like the account for others, and its desk is the only Zendesk account, or `zendesk` where
there are several. A line without `address` describes it instead. Two lines of one carrier with the same address must differ in channel.
";

fn write_key(page: &mut String, name: &str, key: &About) {
    let default = key.default.map_or("none".to_owned(), |default| format!("`{default}`"));
    let reload = match key.on_reload {
        OnReload::Taken => "yes",
        OnReload::Waits => "no",
    };
    writeln!(page, "| `{name}` | {} | {default} | {reload} | {} |", takes(key.kind), key.doc).unwrap();
}

fn takes(kind: Kind) -> String {
    match kind {
        Kind::One(Item::Text) => "a text".to_owned(),
        Kind::One(Item::Secret) => "a secret text".to_owned(),
        Kind::List { of: Item::Secret, .. } => "a list of secret texts".to_owned(),
        Kind::One(Item::Word(words)) => words.map_code(" or "),
        Kind::List { of: Item::Word(words), .. } => format!("a list of {}", words.map_code(", ")),
        Kind::Flag | Kind::One(_) | Kind::List { .. } => kind.to_string(),
    }
}

trait MapCode {
    fn map_code(&self, between: &str) -> String;
}

impl MapCode for [&'static str] {
    fn map_code(&self, between: &str) -> String {
        self.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(between)
    }
}

// ---------------------------------------------------------------------------------------------------------- example

const EXAMPLE: &str = "\
# An example configuration of tandem. Copy it to tandem.toml, put in your own values, and run `tandem check`.
#
# Every key can be given, or overridden, by an environment variable: TANDEM_, then the key in capital letters with two
# underscores between levels. Keep secrets there rather than in this file, or as such variables in tandem.env beside it:
#
#   TANDEM_ZENDESK__CLIENT_SECRET      TANDEM_BRAZE__API_KEY
#   TANDEM_ZENDESK__WEBHOOK_SECRETS    TANDEM_BRAZE__WEBHOOK_TOKENS     (lists: with commas between, or as [\"…\", \"…\"])
#
# A key that is commented out below shows its default, or may be left out. So may a table that is.
";

/// The words above some tables.
const ABOUT_TABLES: [(&str, &str); 2] = [
    ("alarm", "An alarm receiver: https:// only, or http:// on this machine. A JSON body is posted to it."),
    (
        "oidc",
        "An identity provider at which operators sign in to the console (OpenID Connect), in a build with `cargo build \
         --release --features oidc` only. Its redirect address is CONSOLE_URL/console/sign-in/callback.",
    ),
];

const EXAMPLE_OPERATORS: &str = "
# Operators by name, one for each person: each has a token of their own, which proves the name in the audit. Roles: read
# (lists, with personal data hidden), act (read words, move single deliveries, pause), admin (all). The token may stand in
# TANDEM_OPERATORS__ADA__TOKEN instead.
# [[operators]]
";

const EXAMPLE_ACCOUNTS: &str = "
# Further accounts, each with its vendor and the keys of [zendesk] or [braze]. The name never changes. Its secrets may
# stand in variables, such as TANDEM_ACCOUNTS__SUPPORT_EU__CLIENT_SECRET. docs/accounts.md has a complete example.
# [accounts.support-eu]
";

const EXAMPLE_LINES: &str = "
# Lines: the numbers and senders to which customers write, each with the desk that answers. Without any, every text of a
# carrier goes over its default line.
# [[lines]]
";

fn example() -> String {
    let mut page = EXAMPLE.to_owned();
    let mut table = "";
    for key in KEYS.iter() {
        let (above, name) = key.name.rsplit_once('.').unwrap_or(("", &key.name));
        page.push('\n');
        if table != above {
            table = above;
            if let Some((_, about)) = ABOUT_TABLES.iter().find(|(named, _)| *named == above) {
                push_comment(&mut page, about);
            }
            let in_file = name_in_file(above);
            writeln!(page, "{}[{in_file}]", off(key)).unwrap();
            if in_file != above {
                writeln!(page, "# vendor = \"{above}\"\n").unwrap();
            }
        }
        let is_secret = key.kind.is_secret();
        let variable = if is_secret { format!(" As a variable: {}.", variable_in_file(key)) } else { String::new() };
        push_comment(&mut page, &format!("{}{variable}", key.doc));
        match key.example {
            Example::Set(value) => writeln!(page, "{}{name} = {value}", off(key)).unwrap(),
            Example::SuchAs(value) => writeln!(page, "# {name} = {value}").unwrap(),
            Example::Default => writeln!(page, "# {name} = {}", default(key)).unwrap(),
        }
    }
    for (about, keys) in
        [(EXAMPLE_OPERATORS, &OPERATOR_KEYS), (EXAMPLE_ACCOUNTS, &ACCOUNT_KEYS), (EXAMPLE_LINES, &LINE_KEYS)]
    {
        page.push_str(about);
        for key in keys.iter() {
            push_comment(&mut page, key.doc);
            match key.example {
                Example::Set(value) | Example::SuchAs(value) => writeln!(page, "# {} = {value}", key.name).unwrap(),
                Example::Default => writeln!(page, "# {} = {}", key.name, default(key)).unwrap(),
            }
        }
    }
    page
}

/// The sign of a comment before a key whose table only some bridges have.
fn off(key: &About) -> &'static str {
    if name_in_file(&key.name) != key.name { "# " } else { "" }
}

/// The default of a key as TOML; an ellipsis stands for a secret.
fn default(key: &About) -> String {
    let text = key.default.unwrap_or("…");
    let quoted = |item: &str| format!("\"{item}\"");
    match key.kind {
        Kind::Flag | Kind::One(Item::Integer { .. }) => text.to_owned(),
        Kind::One(_) => quoted(text),
        Kind::List { of: Item::Integer { .. }, .. } => format!("[{text}]"),
        Kind::List { .. } => format!("[{}]", text.split(", ").map(quoted).collect::<Vec<_>>().join(", ")),
    }
}

/// A comment in lines of at most 120 characters.
fn push_comment(page: &mut String, text: &str) {
    let mut line = "#".to_owned();
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > 120 {
            writeln!(page, "{line}").unwrap();
            line = "#".to_owned();
        }
        line = format!("{line} {word}");
    }
    writeln!(page, "{line}").unwrap();
}

// -------------------------------------------------------------------------------------------------------------- api

const API: &str = "\
# HTTP and operator API

Made of [`openapi.json`](openapi.json), which the code generates (OpenAPI 3.1). Two listeners: `listen` takes webhooks and
answers health checks; `operator_listen` has the operator's API, metrics, health and the [console](console.md), and is
never public. The commands of [Operating it](operating.md) use this API and nothing else.

Every refusal has the form `{\"error\": \"…\"}`, and none is in 3xx. A 503 has `Retry-After` between 5 and
55 seconds. The operator's answers are never cached. Unknown parameters are refused, because a mistyped filter must not
return the whole list.

A token is presented as bearer token: an operator's own, which has a [role](security.md#roles), or the shared `operator_token`. Where
neither is configured, `operator_listen` is a loopback address, and only requests to a loopback host are served. Requests from another web site are refused in either case.
";

fn reference(document: &Value) -> String {
    let mut page = API.to_owned();
    for tag in document["tags"].as_array().unwrap() {
        let name = tag["name"].as_str().unwrap();
        let title = format!("{}{}", name[..1].to_uppercase(), &name[1..]);
        write!(page, "\n## {title}\n\n{}\n", text(&tag["description"])).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if operation["tags"][0] == *name {
                    write_operation(&mut page, method, path, operation);
                }
            }
        }
    }
    page.push_str("\n## Bodies\n\nA field that is not marked *optional* is always there.\n");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        write_schema(&mut page, document, name, schema);
    }
    page
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn write_operation(page: &mut String, method: &str, path: &str, operation: &Value) {
    write!(page, "\n### {} `{path}`\n\n{}", method.to_uppercase(), text(&operation["summary"])).unwrap();
    if let Some(description) = operation["description"].as_str() {
        write!(page, " {description}").unwrap();
    }
    page.push('\n');
    let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        page.push_str("\n| parameter | in | |\n|---|---|---|\n");
    }
    for parameter in parameters {
        let needed = if parameter["required"] == true { "" } else { "*optional* " };
        let words = parameter["schema"]["enum"].as_array();
        let words = words.map(|words| words.iter().map(|word| format!("`{}`", text(word))).collect::<Vec<_>>());
        let words = words.map_or(String::new(), |words| format!(" One of {}.", words.join(", ")));
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        writeln!(page, "| `{name}` | {place} | {needed}{}{words} |", text(&parameter["description"])).unwrap();
    }
    if let Some(body) = operation["requestBody"].as_object() {
        let kinds: Vec<String> = body["content"].as_object().unwrap().keys().map(|kind| format!("`{kind}`")).collect();
        let schema = body["content"].as_object().unwrap().values().next().unwrap();
        write!(page, "\nBody ({}): {}", kinds.join(" or "), text(&body["description"])).unwrap();
        if schema["schema"].get("$ref").is_some() {
            write!(page, " {}", link(&schema["schema"])).unwrap();
        }
        page.push('\n');
    }
    page.push_str("\n| answer | | |\n|---|---|---|\n");
    for (status, response) in operation["responses"].as_object().unwrap() {
        let schema = &response["content"]["application/json"]["schema"];
        let shape = if schema.is_null() { "text".to_owned() } else { link(schema) };
        writeln!(page, "| {status} | {shape} | {} |", text(&response["description"])).unwrap();
    }
}

/// A schema's name, as a link to its description.
fn link(schema: &Value) -> String {
    let name = text(&schema["$ref"]).rsplit('/').next().unwrap_or_default();
    format!("[{name}](#{})", name.to_lowercase())
}

fn write_schema(page: &mut String, document: &Value, name: &str, schema: &Value) {
    write!(page, "\n### {name}\n\n").unwrap();
    if let Some(description) = schema["description"].as_str() {
        write!(page, "{description}\n\n").unwrap();
    }
    page.push_str("| field | type | |\n|---|---|---|\n");
    for form in schema["oneOf"].as_array().into_iter().flatten() {
        let word = &form["properties"]["status"]["enum"][0];
        let fields: Vec<String> = form["properties"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| *name != "status")
            .map(|(name, field)| format!("`{name}`: {}", text(&field["description"])))
            .collect();
        writeln!(page, "| `status` | `{}` | {} {} |", text(word), text(&form["description"]), fields.join(" "))
            .unwrap();
    }
    for part in schema["allOf"].as_array().into_iter().flatten().chain([schema]) {
        let target = text(&part["$ref"]).rsplit('/').next().unwrap_or_default();
        if !target.is_empty() {
            writeln!(page, "| | | all fields of {} |", link(part)).unwrap();
            assert!(document["components"]["schemas"].get(target).is_some(), "{target}");
        }
        for (field, about) in part["properties"].as_object().into_iter().flatten() {
            let required = part["required"].as_array().is_some_and(|names| names.iter().any(|name| name == field));
            let optional = if required { "" } else { "*optional* " };
            writeln!(page, "| `{field}` | {} | {optional}{} |", kind(about), text(&about["description"])).unwrap();
        }
    }
}

fn kind(schema: &Value) -> String {
    match &schema["type"] {
        Value::String(word) if word == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(word) if schema["format"] == "date-time" && word == "string" => "time".to_owned(),
        Value::String(word) => word.clone(),
        Value::Array(words) => {
            let single = words.iter().find(|word| *word != "null").cloned().unwrap_or_default();
            let mut plain = schema.clone();
            plain["type"] = single;
            format!("{} or null", kind(&plain))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => link(schema),
    }
}
