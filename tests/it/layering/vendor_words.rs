//! The never of the house: config, domain, failpoint, intake, keys, policy, ports, store and worker name no vendor, in code or
//! comments. Test code is exempt. The vendors are those of the registry.

use std::ops::Range;

/// The modules that know desks and carriers only.
const LAYERS: &[&str] = &["config", "domain", "failpoint", "intake", "keys", "policy", "ports", "store", "worker"];

/// Words of records, and of examples, that name a vendor, each once in its file. Other words of records stand in
/// `#[serde(rename = "…")]`.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The accounts of records before accounts had names.
    ("domain/account.rs", r#"["zendesk", "braze"]"#),
    // Causes are kept as text, and read back.
    ("domain/cause.rs", r#""the requester has no Braze user id""#),
    ("domain/cause.rs", r#""Zendesk does not show comment""#),
    ("domain/cause.rs", r#""Braze answered 400 Invalid Campaign ID""#),
    ("domain/cause.rs", r#"const DESKS: [&str; 1] = ["Zendesk"]"#),
    // The values of the example.
    ("config/accounts.rs", r##"set_to(r#""zendesk""#)"##),
    ("config/lines.rs", r##"set_to(r#""braze""#)"##),
    ("config/lines.rs", r##"such_as(r#""zendesk""#)"##),
    // Users at desks keep it for good.
    ("worker/steps/lookup/users.rs", r#"const ANONYMOUS: &str = "braze:";"#),
    // An attribute in drop-in bodies, which are kept as they came.
    ("policy/outbound/rules.rs", r#""zendesk_ticket_open""#),
];

/// The words of the vendors, in lower case. A new line of the registry extends the never.
pub(super) fn vendors() -> Vec<&'static str> {
    let registry = include_str!("../../../src/vendors/registry.rs");
    let (_, listed) = registry.split_once("\nvendors! {\n").expect("the registry lists the vendors");
    let word = |line: &'static str| Some(line.split_once(" = \"")?.1.split_once("\", ")?.0);
    let mut vendors: Vec<&str> = listed.lines().take_while(|line| *line != "}").filter_map(word).collect();
    vendors.sort_unstable();
    vendors
}

/// Words that have a vendor's name in them by chance.
const BY_CHANCE: [&str; 3] = ["package", "packaging", "packed"];

/// A line in small letters, without the words that have a vendor's name in them by chance.
pub(super) fn in_small(line: &str) -> String {
    BY_CHANCE.iter().fold(line.to_lowercase(), |line, word| line.replace(word, ""))
}

/// Every vendor in a file of these layers, and every exception that excuses nothing.
pub(super) fn faults(file: &str, text: &str, tests: &[Range<usize>]) -> Vec<String> {
    let layer = file.split(['/', '.']).next().unwrap_or_default();
    if !LAYERS.contains(&layer) {
        return Vec::new();
    }
    let vendors = vendors();
    let mut stored: Vec<&str> =
        EXCEPTIONS.iter().filter(|(place, _)| *place == file).map(|(_, words)| *words).collect();
    let mut faults = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if tests.iter().any(|lines| lines.contains(&line)) || is_renaming(text) {
            continue;
        }
        let mut rest = text.to_owned();
        stored.retain(|words| {
            let found = rest.contains(words);
            rest = rest.replacen(words, "", usize::from(found));
            !found
        });
        let rest = in_small(&rest);
        let named = vendors.iter().filter(|vendor| rest.contains(**vendor));
        faults.extend(named.map(|vendor| format!("{file}:{line}: {layer} may not name {vendor}")));
    }
    faults.extend(stored.iter().map(|words| format!("{file}: has no {words}; take the exception out")));
    faults
}

/// Whether the line gives an item its word in records, and nothing else.
fn is_renaming(line: &str) -> bool {
    line.trim().strip_prefix("#[serde(rename = \"").and_then(|rest| rest.strip_suffix("\")]")).is_some_and(is_word)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_below_the_ports_is_found_in_code_and_comments() {
        for file in [
            "domain.rs",
            "domain/event.rs",
            "store/engine/core.rs",
            "policy/inbound.rs",
            "ports/desk.rs",
            "worker/inbound.rs",
            "config/near.rs",
            "failpoint.rs",
        ] {
            for (line, vendor) in [
                ("use crate::vendors::zendesk::Client;", "zendesk"),
                ("pub braze_id: Option<String>,", "braze"),
                ("struct ZendeskId(u64);", "zendesk"),
                ("const PATH: &str = \"/webhooks/braze\";", "braze"),
                ("/// What Braze tells.", "braze"),
                ("//! As ZENDESK does.", "zendesk"),
                ("f(); // Zendesk's limit", "zendesk"),
                ("#[serde(rename = \"braze_id\")] braze: u8,", "braze"),
                ("#[serde(alias = \"braze_id\")]", "braze"),
                ("const A: [&str; 2] = [\"zendesk\", \"x\"];", "zendesk"),
            ] {
                let layer = file.split(['/', '.']).next().unwrap();
                let fault = format!("{file}:2: {layer} may not name {vendor}");
                assert_eq!(faults(file, &format!("//! X.\n{line}\n"), &[]), [fault], "{line}");
            }
        }
    }

    #[test]
    fn words_of_records_tests_and_other_layers_are_left_alone() {
        let renamed = "//! X.\n    #[serde(rename = \"braze_id\")]\n    pub carrier_id: u8,\n";
        assert_eq!(faults("domain/event.rs", renamed, &[]), Vec::<String>::new());
        let tested = "//! X.\n#[cfg(test)]\nmod tests {\n    // Zendesk\n}\n";
        assert_eq!(faults("domain/event.rs", tested, std::slice::from_ref(&(2..6))), Vec::<String>::new());
        assert_eq!(faults("mapping/context.rs", "// Braze\n", &[]), Vec::<String>::new());
    }

    #[test]
    fn the_vendors_are_those_of_the_registry_and_each_has_a_folder() {
        let vendors = vendors();
        assert!(["braze", "zendesk"].iter().all(|first| vendors.contains(first)) && vendors.len() > 2, "{vendors:?}");
        for vendor in &vendors {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vendors").join(vendor);
            assert!(folder.is_dir(), "{vendor}");
            let fault = format!("policy/inbound.rs:1: policy may not name {vendor}");
            let told = faults("policy/inbound.rs", &format!("//! As {} does.\n", vendor.to_uppercase()), &[]);
            assert_eq!(told, [fault]);
        }
    }

    #[test]
    fn an_exception_counts_once_and_only_where_it_is_needed() {
        let first = "const FIRST: [&str; 2] = [\"zendesk\", \"braze\"];\n";
        assert_eq!(faults("domain/account.rs", first, &[]), Vec::<String>::new());
        let twice = faults("domain/account.rs", &first.repeat(2), &[]);
        assert_eq!(
            twice,
            ["braze", "zendesk"].map(|vendor| format!("domain/account.rs:2: domain may not name {vendor}"))
        );
        assert_eq!(faults("domain/find.rs", first, &[]).len(), 2, "another file's");
        let needless = faults("domain/account.rs", "//! X.\n", &[]);
        assert_eq!(needless, [r#"domain/account.rs: has no ["zendesk", "braze"]; take the exception out"#]);
    }
}
