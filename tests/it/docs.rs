//! The documentation is true: every page is in the book, every link leads somewhere, every command shown exists and
//! prints the output shown.
//!
//! A block that opens with ```` ```console ```` shows commands. Where a line begins with `$ `, those lines are the
//! commands and the others are their output; else every line is a command. The real command line must understand each,
//! or [`shell::ALLOWED`] must list its program. Beside that, the info string may say
//!
//! * `run`: the commands are run, in order, in a directory with a configuration and beside a running bridge
//!   ([`desk`]), and must print the output shown. `…` stands for anything within a line, a line with nothing but `…` for
//!   any lines. A command must end with 0, or with the number in `exit=1`, which is the last command's.
//!
//! Any block may say `file=PATH`: it is written there, in the same directory, before the commands below it are run. A
//! mapping written so must also pass `tandem check`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod desk;
pub(crate) mod page;
mod shell;

use futures_util::future::join_all;
use page::{anchors, code, fences, links};
use tandem::store::StoreLimits;
use tandem::worker::Retention;

use crate::process::shipped;

/// Everything that people read, by its path in the repository.
pub(crate) fn pages() -> Vec<(String, String)> {
    let beside =
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "mappings/README.md", "findings/README.md"];
    let names = beside.map(str::to_owned).into_iter().chain(book());
    names.map(|name| (name.clone(), shipped(&name))).collect()
}

/// The pages below `docs/`.
fn book() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    names.sort();
    assert!(names.len() > 10, "{names:?}");
    names
}

#[test]
fn every_page_is_in_the_summary_once() {
    let linked: Vec<String> = links(&shipped("docs/SUMMARY.md")).into_iter().map(|(_, page)| page).collect();
    let unique: BTreeSet<&String> = linked.iter().collect();
    assert_eq!(unique.len(), linked.len(), "a page is listed twice: {linked:?}");
    for page in book().iter().map(|page| page.strip_prefix("docs/").unwrap()).filter(|page| *page != "SUMMARY.md") {
        assert!(linked.iter().any(|link| link == page), "docs/SUMMARY.md does not list {page}");
    }
}

#[test]
fn every_page_is_two_links_from_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let linked = |name: &str| -> BTreeSet<PathBuf> {
        let links = links(&shipped(name)).into_iter().map(|(_, link)| link);
        let paths = links.filter(|link| !link.contains("://")).map(|link| link.split('#').next().unwrap().to_owned());
        let beside = root.join(name).parent().unwrap().to_owned();
        paths.filter(|path| path.ends_with(".md")).map(|path| beside.join(path).canonicalize().unwrap()).collect()
    };
    // The table of contents links to every page, so it does not count.
    let first: BTreeSet<PathBuf> =
        linked("README.md").into_iter().filter(|path| !path.ends_with("SUMMARY.md")).collect();
    let at_hand = |path: &PathBuf| linked(path.strip_prefix(root.canonicalize().unwrap()).unwrap().to_str().unwrap());
    let reached: BTreeSet<PathBuf> = first.iter().flat_map(at_hand).chain(first.clone()).collect();
    let counts = |name: &str| !["README.md", "docs/SUMMARY.md", "docs/introduction.md"].contains(&name);
    for (name, _) in pages().iter().filter(|(name, _)| counts(name)) {
        assert!(reached.contains(&root.join(name).canonicalize().unwrap()), "{name} is further than two links away");
    }
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    let mut followed = 0;
    for (name, text) in pages() {
        for (line, link) in links(&text) {
            if link.starts_with("https://") || link.starts_with("http://") {
                continue;
            }
            followed += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target: PathBuf =
                if path.is_empty() { root.join(&name) } else { root.join(&name).parent().unwrap().join(path) };
            let found = if anchor.is_empty() {
                target.exists()
            } else {
                std::fs::read_to_string(&target).is_ok_and(|page| anchors(&page).iter().any(|known| known == anchor))
            };
            if !found {
                faults.push(format!("{name}:{line}: {link}"));
            }
        }
    }
    assert!(followed > 50, "{followed} links only");
    assert!(faults.is_empty(), "these lead nowhere:\n{}", faults.join("\n"));
}

#[test]
fn every_command_shown_exists() {
    let (mut faults, mut checked) = (Vec::new(), 0);
    for (name, text) in pages() {
        for fence in fences(&text).iter().filter(|fence| fence.says("console")) {
            for command in shell::commands(&fence.text) {
                checked += 1;
                faults.extend(shell::fault(command).map(|fault| format!("{name}:{}: {command}: {fault}", fence.line)));
            }
        }
        for command in code(&text).iter().filter(|code| code.starts_with("tandem ")) {
            checked += 1;
            faults.extend(shell::mention_fault(command).map(|fault| format!("{name}: `{command}`: {fault}")));
        }
    }
    assert!(checked > 50, "{checked} commands only");
    assert!(faults.is_empty(), "these cannot be given:\n{}", faults.join("\n"));
}

/// The files below `docs/` whose names end so, also in its folders.
pub(crate) fn files_below(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { files_below(&path, ending) } else { vec![path] };
    entries.flat_map(below).filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
}

#[test]
fn every_drawing_is_shown_and_can_be_read_in_light_and_dark_and_aloud() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages: String = pages().into_iter().map(|(_, text)| text).collect();
    let drawings = files_below(&root.join("docs"), ".svg");
    assert!(drawings.len() > 5, "{drawings:?}");
    for path in drawings {
        let (name, drawing) = (path.file_name().unwrap().to_str().unwrap(), std::fs::read_to_string(&path).unwrap());
        assert!(pages.contains(&format!("{name})")), "no page shows {name}");
        for part in ["<title id=", "<desc id=", "role=\"img\"", "<rect "] {
            assert!(drawing.contains(part), "{name} has no {part}");
        }
        let own_paper = drawing.contains("fill=\"#ffffff\"/>") || drawing.contains("prefers-color-scheme: dark");
        assert!(own_paper, "{name} has letters for one kind of paper and does not bring it");
        for foreign in ["<script", "<image", "<foreignObject", "href", "@import", "url(http"] {
            assert!(!drawing.contains(foreign), "{name} brings {foreign}");
        }
    }
}

/// Everything that tandem can say: its sources and pages, with each text that goes on in the next line in one piece.
fn sayable() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files_below(&root.join("src"), ".rs").into_iter().chain(files_below(&root.join("templates"), ".html"));
    let files = files.chain([root.join("mappings/notes.en.toml")]);
    let text: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut pieces = text.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    let said = pieces.fold(first, |whole, piece| whole + piece.trim_start());
    // The worker names a desk by its vendor's title, and the page speaks of Zendesk.
    ["{vendor}", "{}"].iter().fold(said, |said, title| said.replace(&format!("\"{title}"), "\"Zendesk"))
}

/// Whether these fragments stand in the text in this order, near each other.
fn stands(fragments: &[&str], text: &str) -> bool {
    let Some((first, more)) = fragments.split_first() else { return false };
    text.match_indices(first).any(|(at, _)| {
        let near: String = text[at + first.len()..].chars().take(300).collect();
        more.iter().try_fold(near.as_str(), |rest, next| Some(rest.split_once(next)?.1)).is_some()
    })
}

#[test]
fn every_word_that_troubleshooting_quotes_is_one_that_tandem_says() {
    let (page, said) = (page::prose(&shipped("docs/troubleshooting.md")), sayable());
    let (mut faults, mut quoted) = (Vec::new(), 0);
    for (number, line) in page.lines().enumerate() {
        let quotes: Vec<&str> = line.split('"').collect();
        assert!(quotes.len() % 2 == 1, "docs/troubleshooting.md:{}: a quotation does not end", number + 1);
        for quote in quotes.into_iter().skip(1).step_by(2) {
            quoted += 1;
            let fragments: Vec<&str> = quote.split('…').map(str::trim).filter(|piece| !piece.is_empty()).collect();
            if !stands(&fragments, &said) {
                faults.push(format!("docs/troubleshooting.md:{}: {quote}", number + 1));
            }
        }
    }
    assert!(quoted > 25, "{quoted} quotations only");
    assert!(faults.is_empty(), "tandem says none of these:\n{}", faults.join("\n"));
}

#[test]
fn the_security_review_says_how_long_things_are_kept() {
    let page = shipped("docs/security-review.md");
    let (kept, limits) = (Retention::default(), StoreLimits::default());
    let row = |begins: &str| {
        let row = page.lines().find(|line| line.starts_with(&format!("| {begins}")));
        row.unwrap_or_else(|| panic!("there is no row {begins}")).to_owned()
    };
    let days = |kept: Duration| format!(" {} days", kept.as_secs() / 86_400);
    assert!(row("settled deliveries").contains(&days(kept.settled)), "{}", row("settled deliveries"));
    assert!(row("dedupe keys").contains(&days(kept.dedupe)), "{}", row("dedupe keys"));
    let entries = format!("{},{:03} entries", limits.audit_max / 1000, limits.audit_max % 1000);
    assert!(row("audit").contains(&entries), "{}", row("audit"));
}

/// Plays one page on a desk of its own; returns the number of commands, and each difference from the page.
async fn read_through(name: &str, text: &str) -> (usize, Vec<String>) {
    let fences = fences(text);
    let (mut run, mut faults) = (0, Vec::new());
    if !fences.iter().any(|fence| fence.says("run")) {
        return (run, faults);
    }
    let desk = desk::Desk::set_up(!text.contains("$ tandem setup zendesk")).await;
    for fence in &fences {
        let told = if let Some(path) = fence.value("file") {
            desk.write(path, &fence.text).await
        } else if fence.says("run") {
            run += shell::commands(&fence.text).count();
            desk.run(fence).await
        } else {
            Ok(())
        };
        faults.extend(told.err().map(|fault| format!("{name}:{}: {fault}", fence.line)));
    }
    desk.clear_away();
    (run, faults)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_is_what_happens() {
    let pages = pages();
    let read = join_all(pages.iter().map(|(name, text)| read_through(name, text))).await;
    let run: usize = read.iter().map(|(run, _)| run).sum();
    let faults: Vec<String> = read.into_iter().flat_map(|(_, faults)| faults).collect();
    assert!(run > 20, "{run} commands only");
    assert!(faults.is_empty(), "what is shown is not what happens:\n{}", faults.join("\n\n"));
}
