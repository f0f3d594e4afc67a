//! Command lines as the documentation shows them, read as a shell would read them.

use std::path::Path;

use clap::error::ErrorKind;

/// Other programs that may be shown, by their first words.
pub(super) const ALLOWED: &[&str] = &[
    "cargo bench",
    "cargo build",
    "cargo install --path",
    "cargo run",
    "cargo test",
    "cargo +nightly fuzz run",
    "cp",
    "curl",
    "echo",
    "docker build",
    "docker cp",
    "docker exec",
    "docker kill",
    "docker logs",
    "docker push",
    "docker rm",
    "docker run",
    "docker stop",
    "fly apps create",
    "fly deploy",
    "fly logs",
    "fly proxy",
    "fly secrets set",
    "fly ssh console",
    "fly status",
    "fly volumes create",
    "grep",
    "install",
    "journalctl",
    "jq",
    "kubectl apply -f",
    "kubectl create secret generic",
    "kubectl exec",
    "kubectl get pod",
    "kubectl logs",
    "kubectl port-forward",
    "kubectl rollout",
    "kubectl scale",
    "kubectl wait",
    "man",
    "mdbook build docs",
    "mdbook serve docs",
    "promtool check rules",
    "sed",
    "systemctl",
    "tests/power-loss",
    "useradd",
];

/// The commands in a block: the lines behind `$ `, or all of them.
pub(super) fn commands(block: &str) -> impl Iterator<Item = &str> {
    let prompted = block.lines().any(|line| line.starts_with("$ "));
    let lines = block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines.filter_map(move |line| if prompted { line.strip_prefix("$ ") } else { Some(line) })
}

/// Why a command line could not be given; `None` when it could.
pub(super) fn fault(line: &str) -> Option<String> {
    words(line).split(|word| word == "|" || word == "&&").find_map(|words| {
        let words = without_redirections(words);
        match words.first().map(String::as_str) {
            None => Some("there is no command".to_owned()),
            Some("tandem" | "target/release/tandem") => {
                tandem::cli::command().try_get_matches_from(&words).err().and_then(|error| {
                    let asks = [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&error.kind());
                    (!asks).then(|| error.to_string())
                })
            }
            Some(_) => other_fault(&words),
        }
    })
}

/// The same for a command in prose: it may leave out required arguments, but must have no other fault.
pub(super) fn mention_fault(line: &str) -> Option<String> {
    let error = tandem::cli::command().try_get_matches_from(without_redirections(&words(line))).err()?;
    let incomplete = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::DisplayHelp,
        ErrorKind::DisplayVersion,
    ];
    (!incomplete.contains(&error.kind())).then(|| error.to_string())
}

fn other_fault(words: &[String]) -> Option<String> {
    let line = words.join(" ");
    if !ALLOWED.iter().any(|form| line == *form || line.starts_with(&format!("{form} "))) {
        return Some("this program is not on the list of tests/it/docs/shell.rs".to_owned());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).map(String::as_str);
        let missing = match (word.as_str(), next) {
            ("--bench", Some(name)) => Some(format!("benches/{name}.rs")),
            ("--example", Some(name)) => Some(format!("examples/{name}.rs")),
            ("--test", Some(name)) => Some(format!("tests/{name}/main.rs")),
            (path, _) if ["deploy/", "docs/", "mappings/", "tests/"].iter().any(|place| path.starts_with(place)) => {
                Some(path.to_owned())
            }
            _ => None,
        };
        if let Some(path) = missing.filter(|path| !root.join(path).exists()) {
            return Some(format!("there is no {path}"));
        }
    }
    // `cargo run … -- ARGUMENTS` runs tandem, unless it names an example.
    let arguments = words.iter().position(|word| word == "--");
    if words[..2] == ["cargo", "run"] && !words.iter().any(|word| word == "--example") {
        let arguments = arguments.map(|at| &words[at + 1..]).unwrap_or_default();
        let line = [&["tandem".to_owned()], arguments].concat();
        return tandem::cli::command().try_get_matches_from(&line).err().map(|error| error.to_string());
    }
    // `docker exec NAME tandem …`, `kubectl exec NAME -- tandem …` and `fly ssh console --command "tandem …"` run it
    // somewhere else.
    let elsewhere = words.iter().find(|word| word.starts_with("tandem ")).cloned();
    let behind = match words[0].as_str() {
        "docker" => Some(3),
        _ => arguments.map(|at| at + 1),
    };
    let inside = behind.and_then(|at| words.get(at..)).filter(|_| words.get(1).is_some_and(|word| word == "exec"));
    elsewhere.or(inside.map(|words| words.join(" "))).and_then(|line| fault(&line))
}

/// The words without variables in front and without redirections.
fn without_redirections(words: &[String]) -> Vec<String> {
    let is_variable = |word: &&String| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit()))
    };
    let mut kept = Vec::new();
    let mut words = words.iter().skip_while(is_variable);
    while let Some(word) = words.next() {
        if word == "<" || word == ">" {
            words.next();
        } else {
            kept.push(word.clone());
        }
    }
    kept
}

/// A line in words: quotation marks hold them together, `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn a_line_is_read_as_a_shell_reads_it() {
    assert_eq!(words(r#"A=1 tandem  x --reason "a 'b'" '' # why"#), ["A=1", "tandem", "x", "--reason", "a 'b'", ""]);
    for (line, good) in [
        ("tandem deliveries list --state dead --json | jq .total", true),
        ("RUST_LOG=debug tandem serve", true),
        ("tandem sign zendesk --secret x < body.json > headers.txt", true),
        ("tandem deliveries list --state lost", false),
        ("tandem deliveries redrive", false),
        ("tandem nonsense", false),
        ("target/release/tandem check", true),
        ("target/release/tandem nonsense", false),
        ("cargo run -- drill lost-store", true),
        ("cargo run -- nonsense", false),
        ("cargo bench --bench accept", true),
        ("cargo bench --bench nonsense", false),
        ("KILLS=1000 cargo test --test it killed_again -- --nocapture", true),
        ("cargo test --test nonsense", false),
        ("fly ssh console --command \"tandem deliveries list\"", true),
        ("fly ssh console --command \"tandem nonsense\"", false),
        ("docker exec bridge tandem audit", true),
        ("docker exec bridge tandem nonsense", false),
        ("kubectl exec tandem-0 -- tandem audit", true),
        ("kubectl exec tandem-0 -- tandem nonsense", false),
        ("promtool check rules deploy/nothing.yml", false),
        ("rm -rf /", false),
        ("", false),
    ] {
        assert_eq!(fault(line).is_none(), good, "{line}: {:?}", fault(line));
    }
    for (line, good) in [
        ("tandem deliveries redrive", true),
        ("tandem destinations pause", true),
        ("tandem deliveries redrive …", true),
        ("tandem deliveries --bogus", false),
        ("tandem deliveries lits", false),
    ] {
        assert_eq!(mention_fault(line).is_none(), good, "{line}: {:?}", mention_fault(line));
    }
}
