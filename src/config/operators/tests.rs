//! Operators in the file and in variables: those that are read, and every fault.

use crate::config::testing::{self, GOOD};
use crate::config::{Config, Faults};
use crate::domain::access::{Right, Role};

fn read(operators: &str, env: &[(&str, &str)]) -> Result<Config, Faults> {
    testing::read(&format!("{GOOD}{operators}"), env).map(|(config, _)| config)
}

/// Of each operator: the name, the role and the rights.
fn who(config: &Config) -> Vec<(String, Role, Vec<Right>)> {
    let of = |account: &crate::domain::access::Account| {
        (account.name.clone(), account.grant.role, account.grant.rights.iter().copied().collect())
    };
    config.operators.iter().map(of).collect()
}

fn faults(operators: &str, env: &[(&str, &str)]) -> Vec<String> {
    testing::faults(&format!("{GOOD}{operators}"), env)
}

const ADA: &str = "[[operators]]\nname = \"ada\"\nrole = \"act\"\n";
const TOKEN: &str = "token = \"adas-long-random-token\"\n";

#[test]
fn operators_stand_beside_the_operator_token() {
    let file = format!(
        "{ADA}rights = [\"texts\", \"campaigns\"]\n{TOKEN}[[operators]]\nname = \"on-call.2\"\nrole = \"admin\"\n\
         rights = []\ntoken_sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n"
    );
    let config = read(&file, &[("TANDEM_OPERATOR_TOKEN", "the-shared-operator-token")]).unwrap();
    let expected = [
        ("ada".to_owned(), Role::Act, vec![Right::Campaigns, Right::Texts]),
        ("on-call.2".to_owned(), Role::Admin, vec![]),
    ];
    assert_eq!(who(&config), expected);
    let roster = config.roster();
    for (token, name) in [
        ("adas-long-random-token", Some("ada")),
        ("abc", Some("on-call.2")),
        ("the-shared-operator-token", Some("operator")),
        ("the-shared", None),
    ] {
        assert_eq!(roster.of_token(token).map(|account| account.name.as_str()), name, "{token}");
    }
}

#[test]
fn variables_find_an_operator_by_name() {
    let file = format!("{ADA}[[operators]]\nname = \"on-call.2\"\nrole = \"read\"\n{TOKEN}");
    let variables = [
        ("TANDEM_OPERATORS__ADA__TOKEN", "from-the-environment-1"),
        ("TANDEM_OPERATORS__ADA__RIGHTS", "texts"),
        ("TANDEM_OPERATORS__ON_CALL_2__ROLE", "admin"),
        ("TANDEM_OPERATORS__ON_CALL_2__TOKEN", "from-the-environment-2"),
    ];
    let config = read(&file, &variables).unwrap();
    let expected = [("ada".to_owned(), Role::Act, vec![Right::Texts]), ("on-call.2".to_owned(), Role::Admin, vec![])];
    assert_eq!(who(&config), expected);
    let roster = config.roster();
    assert_eq!(roster.of_token("from-the-environment-1").map(|account| account.name.as_str()), Some("ada"));
    assert!(roster.of_token("adas-long-random-token").is_none(), "the variable counts over the file");
}

#[test]
fn an_operator_is_enough_where_others_can_reach_the_listener() {
    let file = format!("{ADA}{TOKEN}");
    let everywhere = [("TANDEM_OPERATOR_LISTEN", "0.0.0.0:8081")];
    assert!(read(&file, &everywhere).is_ok());
    let told = faults("", &everywhere).concat();
    assert!(told.contains("operator_token is missing") && told.contains("name operators"), "{told}");
}

#[test]
fn what_is_wrong_with_an_operator_is_said_with_its_name_and_place() {
    let complete = format!("{ADA}{TOKEN}");
    let second = |name: &str, token: &str| {
        format!("{complete}[[operators]]\nname = \"{name}\"\nrole = \"read\"\ntoken = \"{token}\"\n")
    };
    for (file, fault, remedy) in [
        ("operators = \"ada\"".to_owned(), "is not a key", ""),
        (ADA.to_owned(), "operators.ada.token (line 13) is missing", "TANDEM_OPERATORS__ADA__TOKEN"),
        (format!("{ADA}token = \"short\"\n"), "operators.ada.token (line 16) has fewer than 16", "openssl rand"),
        (format!("{ADA}token_sha256 = \"abc\"\n"), "operators.ada.token_sha256 (line 16) is no SHA-256", "sha256sum"),
        (format!("{complete}token_sha256 = \"{}\"\n", "0".repeat(64)), "stands beside token", "Remove one"),
        (complete.replace("\"act\"", "\"root\""), "operators.ada.role (line 15) is \"root\"", "read, act, admin"),
        (complete.replace("role = \"act\"\n", ""), "operators.ada.role (line 13) is missing", "read, act or admin"),
        (complete.replace("name = \"ada\"\n", ""), "operators[1].name (line 13) is missing", "handle"),
        (complete.replace("\"ada\"", "\"Ada L\""), "operators[1].name (line 14) is no handle", "letters"),
        (complete.replace("\"ada\"", "\"operator\""), "operators.operator.name (line 14) is taken", "operator_token"),
        (complete.replace("name", "names"), "operators[1].names (line 14) is not a key", "Did you mean name?"),
        (format!("{complete}colour = 1\n"), "operators.ada.colour (line 17) is not a key", "name, role"),
        (format!("{complete}rights = [\"everything\"]\n"), "operators.ada.rights (line 17) holds", "campaigns, texts"),
        (second("bob", "adas-long-random-token"), "operators.bob.token (line 20) has the same token as ada", "Draw"),
        (second("ADA", "another-long-random-token"), "operators.ADA.name (line 18) is spelt", "of their own"),
    ] {
        let told = if file.starts_with("operators") {
            // At the top of the file it is a value, and below a table it would be that table's.
            let text = format!("{file}\n{GOOD}");
            testing::read(&text, &[]).unwrap_err().to_string().replace("is no list of tables", "is not a key")
        } else {
            faults(&file, &[]).join("\n")
        };
        assert!(told.contains(fault) && told.contains(remedy), "{file}\n{told}");
        for secret in ["adas-long-random-token", "another-long", "short"] {
            assert!(!told.contains(&format!("\"{secret}")), "{told}");
        }
    }
}

#[test]
fn the_token_of_an_operator_is_not_the_shared_one() {
    let told = faults(&format!("{ADA}{TOKEN}"), &[("TANDEM_OPERATOR_TOKEN", "adas-long-random-token")]).concat();
    assert!(told.contains("operators.ada.token (line 16) has the same token as operator_token"), "{told}");
    assert!(told.contains("Give your own token in TANDEM_TOKEN"), "{told}");
}

#[test]
fn a_variable_for_nobody_is_a_fault_and_all_faults_are_told_together() {
    let variables = [
        ("TANDEM_OPERATORS__BOB__TOKEN", "from-the-environment-1"),
        ("TANDEM_OPERATORS__ADA__COLOUR", "blue"),
        ("TANDEM_OPERATORS", "ada"),
    ];
    let told = faults(&format!("{ADA}token = \"short\"\n"), &variables);
    assert_eq!(told.len(), 4, "{told:#?}");
    let told = told.join("\n");
    for word in [
        "operators.bob (TANDEM_OPERATORS__BOB__TOKEN) is no operator",
        "operators.ada.colour (TANDEM_OPERATORS__ADA__COLOUR) is not a key",
        "operators (TANDEM_OPERATORS) is not a key",
        "operators.ada.token (line 16) has fewer",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(!told.contains("from-the-environment"), "{told}");
}
