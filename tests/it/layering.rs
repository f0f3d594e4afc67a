//! The house rules that no compiler checks: which module may name which, and the form of a file.
//!
//! It reads the sources under `src`, as text. The rules stand at the top as data, one row a layer: every top-level module
//! has its row. Test code is exempt from the rules on layers, length and panics.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path as FilePath;

mod circles;
mod one_folder;
pub(crate) mod source;
mod vendor_words;

use source::{Path, Token};

/// Which layers a layer may name besides itself. A layer is a top-level module or, with a row of its own, a module below
/// one; the longest row is the one that counts. `lib` is left out: it only declares them.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &[]),
    ("failpoint", &[]),
    ("policy", &["domain"]),
    ("intake", &["domain"]),
    ("keys", &["domain"]),
    ("mapping", &["domain"]),
    ("store", &["domain", "clock", "failpoint"]),
    // Callers and the vendors' folders meet there.
    ("ports", &["domain", "intake"]),
    // It only declares its folders, so that no path leads round their rows.
    ("vendors", &[]),
    ("vendors/http", &["domain", "clock", "ports"]),
    ("vendors/checkup", &["domain", "ports", "vendors/http"]),
    ("vendors/setup", &[]),
    ("vendors/shorthand", &[]),
    // The contents of each vendor's folder, in words that name no vendor.
    ("vendors/folder", &["domain", "clock", "intake", "keys", "ports", "vendors/http", "vendors/checkup"]),
    // No vendor names another.
    ("vendors/zendesk", OF_A_VENDOR),
    ("vendors/braze", OF_A_VENDOR),
    ("vendors/bird", OF_A_VENDOR),
    // A pack's file holds templates.
    (
        "vendors/pack",
        &["domain", "clock", "intake", "keys", "mapping", "ports", "vendors/http", "vendors/checkup", "vendors/folder"],
    ),
    ("vendors/sunshine", OF_A_VENDOR),
    // The only way from the configuration and the bridge to an account's vendor.
    (
        "vendors/registry",
        &[
            "domain",
            "intake",
            "keys",
            "ports",
            "vendors/checkup",
            "vendors/folder",
            "vendors/zendesk",
            "vendors/braze",
            "vendors/bird",
            "vendors/pack",
            "vendors/sunshine",
        ],
    ),
    ("vendors/sources", &["domain", "intake", "vendors/zendesk", "vendors/braze"]),
    ("telemetry", &["domain", "clock"]),
    // They meet in the store only: one never calls a vendor, the other never sees a request.
    ("http", &["domain", "clock", "failpoint", "intake", "mapping", "store", "telemetry"]),
    ("worker", &["domain", "policy", "clock", "failpoint", "mapping", "ports", "store", "telemetry", "vendors/http"]),
    // It plays the vendors, so it must know them from outside, as the vendors' pages tell.
    ("sandbox", &["domain", "clock", "telemetry"]),
    // It hands every module its own options, so it knows them all; no module below `serve` knows it.
    (
        "config",
        &[
            "domain",
            "clock",
            "failpoint",
            "intake",
            "keys",
            "mapping",
            "store",
            "telemetry",
            "vendors/folder",
            "vendors/registry",
            "http",
            "worker",
        ],
    ),
    ("serve", ALL_BUT_COMMANDS),
    (
        "demo",
        &[
            "domain",
            "clock",
            "intake",
            "mapping",
            "store",
            "telemetry",
            "vendors/http",
            "http",
            "worker",
            "sandbox",
            "config",
            "serve",
        ],
    ),
    ("drill", &["clock", "sandbox", "demo"]),
    (
        "cli",
        &[
            "domain",
            "clock",
            "failpoint",
            "intake",
            "mapping",
            "ports",
            "store",
            "telemetry",
            "vendors/http",
            "vendors/zendesk",
            "vendors/braze",
            "vendors/sunshine",
            "vendors/sources",
            "vendors/checkup",
            "vendors/setup",
            "vendors/folder",
            "http",
            "worker",
            "sandbox",
            "config",
            "serve",
            "demo",
            "drill",
        ],
    ),
    ("main", &["cli"]),
];

const OF_A_VENDOR: &[&str] = &[
    "domain",
    "clock",
    "intake",
    "keys",
    "ports",
    "vendors/http",
    "vendors/checkup",
    "vendors/setup",
    "vendors/shorthand",
    "vendors/folder",
];

const ALL_BUT_COMMANDS: &[&str] = &[
    "domain",
    "clock",
    "intake",
    "mapping",
    "ports",
    "store",
    "telemetry",
    "vendors/http",
    "vendors/zendesk",
    "vendors/folder",
    "vendors/registry",
    "http",
    "worker",
    "config",
];

/// Names that a pure module never has: of all that waits, reads, writes or tells the time.
const IMPURE: &[&str] = &[
    "tokio",
    "axum",
    "reqwest",
    "sled",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "Timestamp::now",
    "Zoned::now",
    "SystemTime::now",
    "Instant::now",
    "async",
    "await",
];

/// Names outside the crate that a module and those below it never have: the beginning or the end of a path, or a single
/// word.
const NEVER_NAMES: &[(&str, &[&str])] = &[
    ("domain", IMPURE),
    ("policy", IMPURE),
    ("intake", IMPURE),
    ("mapping", IMPURE),
    ("store", &["axum", "reqwest"]),
    // Rules are the same for every medium.
    ("store/rules", IMPURE),
    ("store/rules", &["crate::store::embedded", "super::embedded", "super::super::embedded"]),
    // The engine knows no medium.
    ("store/engine", &["sled"]),
    ("store/embedded/memory", &["sled"]),
    // A port names the abilities of an account, and has none.
    ("ports", &["tokio", "axum", "reqwest", "sled", "std::fs", "std::net", "std::env"]),
    ("vendors", &["axum", "sled"]),
    ("vendors/sources", IMPURE),
    ("vendors/checkup", IMPURE),
    ("vendors/shorthand", IMPURE),
    ("vendors/setup", IMPURE),
    // A checkup judges the objects that the client has read, and makes no call.
    ("vendors/zendesk/checkup", IMPURE),
    ("vendors/braze/checkup", IMPURE),
    ("vendors/sunshine/checkup", IMPURE),
    ("vendors/sunshine/setup", IMPURE),
    ("vendors/zendesk/source", IMPURE),
    ("vendors/zendesk/signature", IMPURE),
    ("vendors/zendesk/setup", IMPURE),
    ("vendors/braze/source", IMPURE),
    ("vendors/braze/campaigns", IMPURE),
    ("vendors/braze/installation", IMPURE),
    ("vendors/braze/lines", IMPURE),
    ("vendors/zendesk/installation", IMPURE),
    ("vendors/zendesk/recipe", IMPURE),
    ("vendors/braze/recipe", IMPURE),
    ("vendors/braze/setup", IMPURE),
    ("vendors/bird/checkup", IMPURE),
    ("vendors/pack/checkup", IMPURE),
    ("vendors/pack/source", IMPURE),
    ("vendors/pack/signature", IMPURE),
    ("vendors/pack/call", IMPURE),
    ("vendors/bird/signature", IMPURE),
    ("vendors/bird/source", IMPURE),
    ("vendors/sunshine/checkup", IMPURE),
    ("vendors/sunshine/source", IMPURE),
    ("vendors/sunshine/shorthand", IMPURE),
    ("worker", &["axum", "reqwest", "sled"]),
    ("http", &["reqwest", "sled"]),
    ("sandbox", &["sled"]),
];

/// Calls that end in a panic. Nothing but a test may do that.
const PANICS: &[&[&str]] = &[
    &[".", "unwrap", "("],
    &[".", "unwrap_err", "("],
    &[".", "expect", "("],
    &[".", "expect_err", "("],
    &["panic", "!"],
    &["todo", "!"],
    &["unimplemented", "!"],
    &["unreachable", "!"],
];

/// Marks of unfinished work.
const PROMISES: &[&str] = &["TODO", "FIXME", "XXX"];

/// A longer file is split in two.
const LINES_MAX: usize = 500;

#[test]
fn the_sources_keep_the_house_rules() {
    let sources = sources();
    assert!(sources.contains_key("lib.rs") && sources.contains_key("main.rs"), "the sources were not found");
    let faults = faults(&sources);
    assert!(faults.is_empty(), "the house rules are broken:\n{}", faults.join("\n"));
}

/// Every source file, by its path below `src`.
fn sources() -> BTreeMap<String, String> {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    read(&root, &root, &mut sources);
    sources
}

/// Reads the source files of a directory, by their paths below `src`.
fn read(root: &FilePath, directory: &FilePath, sources: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(directory).expect("the directory can be read") {
        let path = entry.expect("the directory can be read").path();
        if path.is_dir() {
            read(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name =
                path.strip_prefix(root).expect("the path is below the root").to_string_lossy().replace('\\', "/");
            sources.insert(name, std::fs::read_to_string(&path).expect("the file can be read"));
        }
    }
}

/// One source file, read.
struct File<'a> {
    /// Path below `src`.
    name: &'a str,
    /// The modules that lead to it: `http/webhooks.rs` is `http`, `webhooks`. Empty for `lib.rs`.
    modules: Vec<&'a str>,
    text: &'a str,
    /// Its words without its tests.
    code: Vec<Token>,
    /// Its lines that are tests.
    test_lines: Vec<Range<usize>>,
    /// The files below it that hold nothing but tests, as lists of modules.
    test_modules: Vec<String>,
}

impl<'a> File<'a> {
    fn new(name: &'a str, text: &'a str) -> Self {
        let stem = name.strip_suffix(".rs").unwrap_or(name);
        let modules: Vec<&str> = if stem == "lib" { Vec::new() } else { stem.split('/').collect() };
        let (code, test_lines, names) = source::without_tests(&source::tokens(text));
        let test_modules = names.iter().map(|name| [&modules[..], &[name]].concat().join("/")).collect();
        Self { name, modules, text, code, test_lines, test_modules }
    }

    fn layer(&self) -> &'a str {
        if self.modules.is_empty() { "lib" } else { layer_of(&self.modules) }
    }
}

/// Every breach of every rule, each with its file and, where it has one, its line.
fn faults(sources: &BTreeMap<String, String>) -> Vec<String> {
    let files: Vec<File<'_>> = sources.iter().map(|(name, text)| File::new(name, text)).collect();
    let tests: Vec<&String> = files.iter().flat_map(|file| &file.test_modules).collect();
    let (mut faults, mut modules) = (Vec::new(), Vec::new());
    for file in &files {
        check_words(file, &mut faults);
        let path = file.modules.join("/");
        if tests.iter().any(|test| path == **test || path.starts_with(&format!("{test}/"))) {
            continue;
        }
        check_layer(file, &mut faults);
        check_length_and_panics(file, &mut faults);
        faults.extend(vendor_words::faults(file.name, file.text, &file.test_lines));
        faults.extend(one_folder::faults(file.name, file.text, &file.test_lines));
        modules.push(circles::Source { file: file.name, modules: &file.modules, code: &file.code });
    }
    faults.extend(circles::circles(&modules));
    check_map(&files, &mut faults);
    // One line that breaks one rule twice is told once.
    faults.dedup();
    faults
}

/// A file opens with its purpose, and leaves no work for later.
fn check_words(file: &File<'_>, faults: &mut Vec<String>) {
    if !file.text.starts_with("//! ") {
        faults.push(format!("{}: does not open with a //! that says what it is for", file.name));
    }
    for (index, line) in file.text.lines().enumerate() {
        for word in line.split(|c: char| !c.is_alphanumeric()).filter(|word| PROMISES.contains(word)) {
            faults.push(format!("{}:{}: {word}: do it, or open an issue", file.name, index + 1));
        }
    }
}

/// A layer names only the layers of its row.
fn check_layer(file: &File<'_>, faults: &mut Vec<String>) {
    let layer = file.layer();
    if layer == "lib" {
        return;
    }
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == layer) else {
        faults.push(format!("{}: {layer} has no row in MAY_USE", file.name));
        return;
    };
    let rows = NEVER_NAMES.iter().filter(|(name, _)| leads(name, &file.modules));
    let never: Vec<&str> = rows.flat_map(|(_, words)| *words).copied().collect();
    let paths = source::paths(&file.code);
    for path in &paths {
        let target = target(file, path);
        if let Some(target) = target.as_deref().map(layer_of)
            && target != layer
            && !allowed.contains(&target)
        {
            faults.push(format!("{}:{}: {layer} may not name {target}", file.name, path.line));
        }
        if let Some(name) = never.iter().find(|name| spells(path, name)) {
            faults.push(format!("{}:{}: {layer} may not name {name}", file.name, path.line));
        }
    }
    // A single word is no path: `async fn`, `.await`, `use tokio;`.
    for token in file.code.iter().filter(|token| never.contains(&token.text.as_str())) {
        if !paths.iter().any(|path| path.line == token.line && path.segments.contains(&token.text)) {
            faults.push(format!("{}:{}: {layer} may not name {}", file.name, token.line, token.text));
        }
    }
}

/// The row that counts for a module: the longest that leads to it, or else its top-level module.
fn layer_of<'a>(modules: &[&'a str]) -> &'a str {
    let rows = MAY_USE.iter().map(|(row, _)| *row).filter(|row| leads(row, modules));
    rows.max_by_key(|row| row.len()).unwrap_or(modules.first().copied().unwrap_or_default())
}

/// Whether a row's name is a module or a module above it.
fn leads(row: &str, modules: &[&str]) -> bool {
    let mut modules = modules.iter();
    row.split('/').all(|name| modules.next() == Some(&name))
}

/// The modules below the crate's root that a path leads through, when it leads out of its file. Another name there (a
/// re-export, a glob) is returned too, and no row allows it, because it would hide its own module.
fn target<'a>(file: &File<'a>, path: &'a Path) -> Option<Vec<&'a str>> {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    match segments.first().copied()? {
        "crate" | "tandem" => segments.get(1..).filter(|rest| !rest.is_empty()).map(<[&str]>::to_vec),
        "super" | "self" => {
            let names = segments.iter().position(|segment| !matches!(*segment, "super" | "self"))?;
            let ups = segments[..names].iter().filter(|segment| **segment == "super").count();
            let left = (file.modules.len() + path.depth).checked_sub(ups)?;
            let above = file.modules.get(..left)?;
            Some([above, &segments[names..]].concat())
        }
        _ => None,
    }
}

/// Whether a path begins with a name of `NEVER_NAMES` or ends in it.
fn spells(path: &Path, name: &str) -> bool {
    let wanted: Vec<&str> = name.split("::").collect();
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    if segments.starts_with(&wanted) { true } else { wanted.len() > 1 && segments.ends_with(&wanted) }
}

fn check_length_and_panics(file: &File<'_>, faults: &mut Vec<String>) {
    let lines = file.text.lines().count().saturating_sub(file.test_lines.iter().map(Range::len).sum());
    if lines > LINES_MAX {
        faults.push(format!("{}: has {lines} lines without its tests, more than {LINES_MAX}", file.name));
    }
    for (index, token) in file.code.iter().enumerate() {
        if let Some(call) = PANICS.iter().find(|call| source::starts_with(&file.code[index..], call)) {
            faults.push(format!("{}:{}: {} panics", file.name, token.line, call.concat()));
        }
    }
}

/// The map in `lib.rs` names every top-level module.
fn check_map(files: &[File<'_>], faults: &mut Vec<String>) {
    let Some(lib) = files.iter().find(|file| file.name == "lib.rs") else {
        faults.push("lib.rs: is missing".to_owned());
        return;
    };
    let map: String = lib.text.lines().filter(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
    for pair in lib.code.windows(2) {
        if pair[0].text == "mod" && !map.contains(&format!("`{}`", pair[1].text)) {
            faults.push(format!("lib.rs:{}: the map does not name `{}`", pair[1].line, pair[1].text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of a crate that is sound but for this one file.
    fn planted(name: &str, text: &str) -> Vec<String> {
        let mut sources = BTreeMap::from([
            ("lib.rs".to_owned(), "//! Map: [`domain`], [`store`].\n\npub mod domain;\npub mod store;\n".to_owned()),
            ("domain.rs".to_owned(), "//! Rules.\n".to_owned()),
        ]);
        sources.insert(name.to_owned(), text.to_owned());
        faults(&sources)
    }

    /// The faults of one line of code in one file.
    fn line(name: &str, code: &str) -> Vec<String> {
        planted(name, &format!("//! What it is for.\n{code}\n"))
    }

    #[test]
    fn what_is_allowed_is_left_alone() {
        for (name, code) in [
            ("domain.rs", "use crate::domain::event::Event;"),
            ("domain/event.rs", "use super::phone::Phone; use std::time::Duration; use jiff::Timestamp;"),
            ("store.rs", "use crate::domain::event::Event; use sled::Config; async fn f() {}"),
            ("store/sled.rs", "use super::{Store, super::clock::Clock}; fn f() { sled::open(x) }"),
            ("http/webhooks.rs", "use crate::intake::accept; use axum::Router;"),
            ("worker.rs", "use crate::{store::Store, ports::Desk, vendors::http::Attempt};"),
            ("serve/options.rs", "use crate::vendors::registry::Client;"),
            ("vendors/zendesk/client.rs", "use super::views::View; use super::super::http::exchange::Request;"),
            ("main.rs", "fn main() { tandem::cli::run() }"),
            ("serve.rs", "use crate::config::Config;"),
            // Words are no names, and tests may do what they need.
            (
                "domain.rs",
                "/// Never [`crate::store`], nor `unwrap()`.\nfn f() { g(\"crate::store tokio::x panic!\"); }",
            ),
            ("domain.rs", "#[cfg(test)]\nmod tests { use crate::store::Store; fn f() { g().unwrap(); panic!(); } }"),
            ("store.rs", "fn f() { g().unwrap_or(1); h().unwrap_or_else(i); #[expect(x)] j(); }"),
            // A path that ends below the root is no layer.
            ("domain/event.rs", "mod x { use super::http; }"),
            ("domain.rs", "fn f(tokio_like: u8, x: http::Uri) {}"),
        ] {
            assert_eq!(line(name, code), Vec::<String>::new(), "{name}: {code}");
        }
    }

    #[test]
    fn a_layer_that_reaches_up_or_sideways_is_found() {
        for (name, code, target) in [
            ("domain.rs", "use crate::store::Store;", "store"),
            ("domain/event.rs", "use crate::clock::Clock;", "clock"),
            ("domain/event.rs", "use super::super::store::Store;", "store"),
            ("domain/event.rs", "mod x { use super::super::super::store::Store; }", "store"),
            ("domain.rs", "use self::super::store::Store;", "store"),
            ("domain.rs", "use crate::{domain::event::Event, store::{self, Store}};", "store"),
            ("domain.rs", "fn f() -> Result<crate::worker::X, ()> {}", "worker"),
            ("intake.rs", "use crate::store::Store;", "store"),
            ("mapping.rs", "use crate::intake::accept;", "intake"),
            ("store/sled.rs", "use crate::vendors::http::Failure;", "vendors/http"),
            ("http/webhooks.rs", "use crate::vendors::zendesk::Client;", "vendors/zendesk"),
            ("serve/accounts.rs", "use crate::vendors::{registry::Client, braze::Braze};", "vendors/braze"),
            ("intake.rs", "use crate::vendors::sources::FirstAccounts;", "vendors/sources"),
            // A module whose rows lead further down gives no way round them.
            ("worker.rs", "use crate::vendors;", "vendors"),
            ("worker.rs", "use crate::vendors::*;", "vendors"),
            ("http.rs", "use super::worker::Worker;", "worker"),
            ("worker.rs", "use crate::http::Router;", "http"),
            ("worker/inbound.rs", "use crate::intake::Verified;", "intake"),
            ("worker/inbound.rs", "use crate::vendors::sources;", "vendors/sources"),
            ("http/webhooks.rs", "use crate::vendors::registry::Vendor;", "vendors/registry"),
            ("ports/desk.rs", "use crate::vendors::http::Transport;", "vendors/http"),
            ("sandbox.rs", "use crate::mapping::Mapping;", "mapping"),
            ("http.rs", "use crate::config::Config;", "config"),
            ("worker.rs", "fn f(config: &crate::config::Config) {}", "config"),
            ("serve.rs", "use crate::cli::Args;", "cli"),
            ("main.rs", "fn main() { tandem::serve::serve() }", "serve"),
            // Round about, through the root.
            ("worker.rs", "use crate::Config;", "Config"),
            ("worker.rs", "use crate::*;", "*"),
        ] {
            let layer = name.split(['/', '.']).next().unwrap();
            assert_eq!(line(name, code), [format!("{name}:2: {layer} may not name {target}")], "{name}: {code}");
        }
    }

    #[test]
    fn the_configuration_reaches_a_vendor_by_the_registry_only() {
        for (code, target) in [
            ("use crate::vendors::braze::keys::CAMPAIGN;", "vendors/braze"),
            ("use crate::vendors::zendesk::keys::Zendesk;", "vendors/zendesk"),
        ] {
            let fault = format!("config/sources.rs:2: config may not name {target}");
            assert!(line("config/sources.rs", code).contains(&fault), "{code}");
        }
        assert_eq!(line("config/sources.rs", "use crate::vendors::registry::Vendor;"), [""; 0]);
    }

    #[test]
    fn a_vendor_that_names_another_is_found() {
        for (name, code, layer, target) in [
            ("vendors/zendesk/client.rs", "use crate::vendors::braze::Braze;", "vendors/zendesk", "vendors/braze"),
            ("vendors/zendesk.rs", "use super::braze::Braze;", "vendors/zendesk", "vendors/braze"),
            ("vendors/zendesk/client.rs", "use super::super::braze::Braze;", "vendors/zendesk", "vendors/braze"),
            ("vendors/braze/source.rs", "use crate::vendors::{http, zendesk};", "vendors/braze", "vendors/zendesk"),
            ("vendors/braze/client.rs", "fn f(x: super::super::zendesk::X) {}", "vendors/braze", "vendors/zendesk"),
            ("vendors/braze/client.rs", "use crate::store::Store;", "vendors/braze", "store"),
            ("vendors/http/exchange.rs", "use crate::vendors::braze::Braze;", "vendors/http", "vendors/braze"),
            ("vendors/http.rs", "use crate::mapping::Request;", "vendors/http", "mapping"),
            ("vendors/sources.rs", "use crate::vendors::http::Failure;", "vendors/sources", "vendors/http"),
            ("vendors/folder.rs", "use super::registry::Vendor;", "vendors/folder", "vendors/registry"),
        ] {
            assert_eq!(line(name, code), [format!("{name}:2: {layer} may not name {target}")], "{name}: {code}");
        }
    }

    #[test]
    fn impurity_is_found() {
        for (code, target) in [
            ("use tokio::sync::Mutex;", "tokio"),
            ("use tokio;", "tokio"),
            ("use axum::Router;", "axum"),
            ("fn f() { reqwest::get(x) }", "reqwest"),
            ("use sled::Db;", "sled"),
            ("use std::fs::File;", "std::fs"),
            ("use std::{net::IpAddr, time::Duration};", "std::net"),
            ("fn f() { jiff::Timestamp::now(); }", "Timestamp::now"),
            ("fn f() { let now = Timestamp::now; }", "Timestamp::now"),
            ("async fn f() {}", "async"),
            ("fn f() { g().await; }", "await"),
        ] {
            for layer in ["domain", "intake", "mapping"] {
                let name = format!("{layer}.rs");
                assert_eq!(line(&name, code), [format!("{name}:2: {layer} may not name {target}")], "{code}");
            }
            for name in ["store/rules.rs", "store/rules/lanes.rs"] {
                assert_eq!(line(name, code), [format!("{name}:2: store may not name {target}")], "{code}");
            }
        }
        for (name, code, target) in [
            ("store/rules.rs", "use super::embedded::sled::SledStore;", "super::embedded"),
            ("store/rules/lanes.rs", "use super::super::embedded::sled::SledStore;", "super::super::embedded"),
            ("store/rules/lanes.rs", "use crate::store::embedded::memory::Medium;", "crate::store::embedded"),
        ] {
            assert_eq!(line(name, code), [format!("{name}:2: store may not name {target}")], "{code}");
        }
        for name in ["store/engine/journal.rs", "store/embedded/memory.rs"] {
            assert_eq!(line(name, "use sled::IVec;"), [format!("{name}:2: store may not name sled")]);
        }
        assert_eq!(line("store/embedded/sled/pages.rs", "use sled::IVec;"), [""; 0]);
        assert_eq!(line("worker.rs", "use reqwest::Client;"), ["worker.rs:2: worker may not name reqwest"]);
        // A source is as pure as intake, and as bound as its vendor.
        for (code, target) in [("async fn f() {}", "async"), ("use sled::Db;", "sled"), ("use axum::Router;", "axum")] {
            let fault = format!("vendors/zendesk/source.rs:2: vendors/zendesk may not name {target}");
            assert_eq!(line("vendors/zendesk/source.rs", code), [fault], "{code}");
        }
    }

    #[test]
    fn a_file_that_looks_wrong_is_found() {
        for (text, fault) in [
            ("fn f() {}\n", "store.rs: does not open with a //! that says what it is for"),
            ("//!\n//! Late.\n", "store.rs: does not open with a //! that says what it is for"),
            ("// Not a doc.\n", "store.rs: does not open with a //! that says what it is for"),
            ("//! X.\n// TODO: more\n", "store.rs:2: TODO: do it, or open an issue"),
            ("//! X.\n#[cfg(test)]\nmod tests { /* FIXME */ }\n", "store.rs:3: FIXME: do it, or open an issue"),
            ("//! X.\nfn f() { g().unwrap(); }\n", "store.rs:2: .unwrap( panics"),
            ("//! X.\nfn f() {\n    g()\n        .expect(\"x\");\n}\n", "store.rs:4: .expect( panics"),
            ("//! X.\nfn f() { panic!(\"x\") }\n", "store.rs:2: panic! panics"),
            ("//! X.\n#[cfg(test)]\nmod tests {}\nfn f() { unreachable!() }\n", "store.rs:4: unreachable! panics"),
        ] {
            assert_eq!(planted("store.rs", text), [fault], "{text}");
        }
    }

    #[test]
    fn length_is_counted_without_tests() {
        let long = |code: usize, tests: usize| {
            let lines = |count| "const X: u8 = 0;\n".repeat(count);
            planted("store.rs", &format!("//! X.\n{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(code), lines(tests)))
        };
        assert_eq!(long(499, 1000), Vec::<String>::new());
        assert_eq!(long(500, 0), ["store.rs: has 501 lines without its tests, more than 500"]);
    }

    #[test]
    fn a_module_off_the_map_or_without_a_row_is_found() {
        assert_eq!(
            planted("lib.rs", "//! [`domain`].\npub mod domain;\nmod store;\n"),
            ["lib.rs:3: the map does not name `store`"]
        );
        // A name elsewhere in the file is not on the map.
        assert_eq!(
            planted("lib.rs", "//! Map.\n/// `domain`\npub mod domain;\n"),
            ["lib.rs:3: the map does not name `domain`"]
        );
        assert_eq!(line("utils.rs", ""), ["utils.rs: utils has no row in MAY_USE"]);
    }

    #[test]
    fn files_of_tests_are_exempt_as_tests() {
        let mut sources = BTreeMap::from([
            ("lib.rs".to_owned(), "//! [`domain`].\npub mod domain;\n".to_owned()),
            ("domain.rs".to_owned(), "//! Rules.\n#[cfg(test)]\nmod tests;\n".to_owned()),
            (
                "domain/tests.rs".to_owned(),
                "//! Tests.\nuse crate::store::Store;\nfn f() { g().unwrap() }\n".to_owned(),
            ),
            ("domain/tests/more.rs".to_owned(), "//! Tests.\nuse crate::store::Store;\n".to_owned()),
        ]);
        assert_eq!(faults(&sources), Vec::<String>::new());
        sources.insert("domain.rs".to_owned(), "//! Rules.\nmod tests;\n".to_owned());
        assert_eq!(
            faults(&sources),
            [
                "domain/tests.rs:2: domain may not name store",
                "domain/tests.rs:3: .unwrap( panics",
                "domain/tests/more.rs:2: domain may not name store",
            ]
        );
    }

    /// The table itself: no layer may name a layer that may name it back.
    #[test]
    fn the_rows_allow_no_circle() {
        let row = |name: &str| MAY_USE.iter().find(|(layer, _)| *layer == name).map(|(_, allowed)| *allowed);
        for (layer, allowed) in MAY_USE {
            for below in *allowed {
                let back = row(below).unwrap_or_else(|| panic!("{layer} may use {below}, which has no row"));
                assert!(!back.contains(layer), "{layer} and {below} may name each other");
            }
        }
    }
}
