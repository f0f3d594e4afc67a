//! The voice of comments and pages: the subject of a sentence is a named thing.
//!
//! It counts indefinite subjects in the comments of the sources and in the prose of the pages. It never judges names,
//! strings or code: fenced blocks are left out, and a code span is one word.

use std::cmp::Reverse;
use std::path::Path;

use crate::docs::page::prose;
use crate::docs::{files_below, pages};
use crate::layering::source;

/// Words and pairs of words that stand for a subject without naming it.
const WORDS: [&str; 12] = [
    "what",
    "whatever",
    "whichever",
    "whoever",
    "whomever",
    "nobody",
    "somebody",
    "someone",
    "anybody",
    "anyone",
    "everybody",
    "everyone",
];
const PAIRS: [[&str; 2]; 2] = [["no", "one"], ["that", "which"]];

/// The most of them in 1,000 words: over all, and in one file of more than [`FILE_WORDS`] words.
const MOST: usize = 2;
const MOST_IN_A_FILE: usize = 4;
const FILE_WORDS: usize = 300;

/// The files that a failure lists, the worst first.
const SHOWN: usize = 10;

const ADVICE: &str = "Name the thing as the subject and say one fact (\"An earlier attempt stays in doubt\", \"No module below \
                      `serve` names it\"), without a clause that begins with an indefinite word.";

#[test]
fn comments_and_pages_name_their_subjects() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = ["src", "tests", "benches", "examples", "fuzz/src", "fuzz/fuzz_targets"];
    let sources = directories.iter().flat_map(|directory| files_below(&root.join(directory), ".rs"));
    let comments = sources.map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root).unwrap().display().to_string(), commentary(&text))
    });
    let files: Vec<_> = comments.chain(pages().into_iter().map(|(name, page)| (name, prose(&page)))).collect();
    let words: usize = files.iter().map(|(name, text)| Count::of(name, text).words).sum();
    assert!(files.len() > 300 && words > 100_000, "{} files, {words} words only", files.len());
    let faults = faults(&files);
    assert!(faults.is_empty(), "{faults}");
}

/// The words of a source's comments, each in its line.
fn commentary(source: &str) -> String {
    let mut lines = vec![String::new(); source.lines().count()];
    for comment in source::comments(source) {
        lines[comment.line - 1] = comment.text.trim_start_matches('/').trim_start_matches('!').trim_start().to_owned();
    }
    prose(&lines.join("\n"))
}

/// The words of one file, and the line of each indefinite subject.
struct Count {
    words: usize,
    lines: Vec<String>,
}

impl Count {
    fn of(name: &str, text: &str) -> Self {
        let mut count = Self { words: 0, lines: Vec::new() };
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !is_question(line)) {
            let spans = line.split('`').enumerate().map(|(at, span)| if at % 2 == 0 { span } else { " x " });
            let line_read: String = spans.collect();
            count.words += line_read.split_whitespace().count();
            let found = format!("{name}:{}: {}", number + 1, line.trim());
            count.lines.extend(std::iter::repeat_n(found, subjects(&line_read)));
        }
        count
    }

    fn exceeds(&self, most: usize) -> bool {
        self.lines.len() * 1000 > most * self.words
    }
}

/// A heading that asks in the reader's words.
fn is_question(line: &str) -> bool {
    line.starts_with('#') && line.trim_end().ends_with('?')
}

fn subjects(line: &str) -> usize {
    let lower = line.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).filter(|pair| PAIRS.iter().any(|known| pair == known)).count();
    words.iter().filter(|word| WORDS.contains(word)).count() + pairs
}

/// The files with too many indefinite subjects, each with its lines, and the way out; nothing when there are few enough.
fn faults(files: &[(String, String)]) -> String {
    let mut counts: Vec<Count> = files.iter().map(|(name, text)| Count::of(name, text)).collect();
    let lines = counts.iter().flat_map(|count| count.lines.clone()).collect();
    let all = Count { words: counts.iter().map(|count| count.words).sum(), lines };
    if !all.exceeds(MOST) {
        counts.retain(|count| count.words > FILE_WORDS && count.exceeds(MOST_IN_A_FILE));
    }
    counts.retain(|count| !count.lines.is_empty());
    counts.sort_by_key(|count| Reverse(count.lines.len()));
    let shown: Vec<String> = counts.into_iter().take(SHOWN).flat_map(|count| count.lines).collect();
    if shown.is_empty() { String::new() } else { format!("{ADVICE}\n{}", shown.join("\n")) }
}

#[test]
fn only_comments_and_prose_are_counted() {
    let source = "//! Whoever reads.\nfn what() { f(\"// nobody\", r#\"\n// someone\n\"#, '\"'); } // No\u{2014}what's it?\n\
                  /// `what` and\n/// ```text\n/// anyone\n/// ```\n";
    let count = Count::of("a.rs", &commentary(source));
    assert_eq!((count.words, count.lines.len()), (2 + 2 + 2, 2), "{:?}", count.lines);
    assert_eq!(count.lines, ["a.rs:1: Whoever reads.", "a.rs:4: No\u{2014}what's it?"]);
    let page = "# What is it?\n# What it is\nThat which no one knows, NOBODY does; somewhat.\n```sh\nwhat\n```\n";
    let count = Count::of("a.md", &prose(page));
    assert_eq!((count.words, count.lines.len()), (4 + 8, 1 + 3), "{:?}", count.lines);
}

#[test]
fn too_many_fail_with_their_lines_and_the_way_out() {
    let file = |name: &str, words: usize, what: usize| {
        (name.to_owned(), "word\n".repeat(words - what) + &"what\n".repeat(what))
    };
    let few = [file("a.md", 1000, 4), file("b.md", 1000, 0), file("short.md", 300, 0)];
    assert_eq!(faults(&few), "");
    let one_file = faults(&[file("a.md", 1000, 5), file("b.md", 10_000, 0), file("short.md", 300, 9)]);
    assert!(one_file.starts_with(ADVICE) && one_file.contains("a.md:996: what"), "{one_file}");
    assert!(!one_file.contains("short.md"), "{one_file}");
    let over_all = faults(&[file("short.md", 300, 3), file("b.md", 1000, 0)]);
    assert!(over_all.contains("short.md:298: what\nshort.md:299: what\nshort.md:300: what"), "{over_all}");
}
