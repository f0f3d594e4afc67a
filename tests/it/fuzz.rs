//! The smoke run of the fuzz targets: every seed, and a bounded number of mutations of each, through every property of
//! `fuzz/src`, on the stable toolchain and in seconds.
//!
//! The same lots are drawn each time, so a change is to blame for a failure and not chance. `FUZZ_SEED` draws others,
//! `FUZZ_ROUNDS` sets how many mutations a target gets; a failure names its seed and prints its input.

#[path = "../../fuzz/src/lib.rs"]
mod properties;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use properties::{TARGETS, Target};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Mutations a target by default.
const ROUNDS: u64 = 300;

/// The longest mutation. Inputs of many kilobytes are the fuzzer's own business.
const LENGTH_MAX: usize = 4096;

/// Pieces with a meaning to one of the readers.
const PIECES: [&str; 44] = [
    "\"",
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\",\"",
    "\"},\"",
    "\":{\"",
    "\":[\"",
    "{{",
    "}}",
    "{%",
    "%}",
    "|",
    "=",
    "&",
    "%",
    "%00",
    "&#x",
    ";",
    "<",
    ">",
    "</",
    "<a href=\"https://",
    "<li>",
    "<pre>",
    "\n",
    "\r\n",
    "\0",
    "\u{1b}",
    "\\u0000",
    "\\ud83d",
    "\u{feff}",
    "\u{200b}",
    "👍🏽",
    "0",
    "1e999",
    "99999999999999999999",
    "external_id",
    "null",
];

#[test]
fn every_property_holds_of_every_seed_and_its_mutations() {
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let rounds = number("FUZZ_ROUNDS").unwrap_or(ROUNDS);
    println!("FUZZ_SEED={seed} FUZZ_ROUNDS={rounds}");
    for target in &TARGETS {
        run(target, b"", "nothing");
        let seeds = seeds(target.name);
        for (file, input) in &seeds {
            run(target, input, &format!("the seed {}", file.display()));
        }
        let mut lots = StdRng::seed_from_u64(seed);
        for round in 0..rounds.div_ceil(target.cost) {
            let input = mutation(&seeds, &mut lots);
            run(target, &input, &format!("FUZZ_SEED={seed}, mutation {round}"));
        }
    }
}

/// A target without its binary is never fuzzed, and a directory of seeds without its target is never run.
#[test]
fn targets_binaries_and_seeds_are_the_same() {
    let names = |directory: &str| {
        let mut names: Vec<String> = entries(&root().join(directory))
            .iter()
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let mut targets = TARGETS.map(|target| target.name.to_owned());
    targets.sort();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
    let manifest: toml::Table = toml::from_str(&std::fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    let mut binaries: Vec<&str> =
        manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap()).collect();
    binaries.sort();
    assert_eq!(binaries, targets);
}

/// Runs one input, and says how to run it again when it breaks the property.
fn run(target: &Target, input: &[u8], from: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.check)(input))).is_err() {
        panic!("{} breaks with {from}:\n{}", target.name, input.escape_ascii());
    }
}

/// One seed with a few changes, some of them taken from another one.
fn mutation(seeds: &[(PathBuf, Vec<u8>)], lots: &mut StdRng) -> Vec<u8> {
    let mut input = seeds[lots.random_range(0..seeds.len())].1.clone();
    for _ in 0..lots.random_range(1..=4) {
        let at = lots.random_range(0..=input.len());
        let end = (at + lots.random_range(0..=16)).min(input.len());
        match lots.random_range(0..6) {
            0 if at < input.len() => input[at] ^= 1 << lots.random_range(0..8),
            1 => drop(input.drain(at..end)),
            2 => {
                let copy = input[at..end].repeat(lots.random_range(1..=8));
                drop(input.splice(at..at, copy));
            }
            3 => {
                let other = &seeds[lots.random_range(0..seeds.len())].1;
                let from = lots.random_range(0..=other.len());
                drop(input.splice(at.., other[from..].iter().copied()));
            }
            _ => {
                let piece = PIECES[lots.random_range(0..PIECES.len())];
                drop(input.splice(at..at, piece.bytes()));
            }
        }
    }
    input.truncate(LENGTH_MAX);
    input
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = entries(&root().join("seeds").join(target));
    assert!(!files.is_empty(), "{target} has no seeds");
    files.into_iter().map(|file| (file.clone(), std::fs::read(&file).unwrap())).collect()
}

/// In the order of their names, so that the same lots mean the same everywhere.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

#[expect(clippy::disallowed_methods, reason = "the bridge's configuration has no say in how long its tests run")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} must be a number")))
}
