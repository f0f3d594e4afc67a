//! The graph of the modules below `src`, and its circles.
//!
//! A module is a file without its tests. It names another module where it spells a path to an item of that module, in a
//! `use` or in line. A path is followed through imports and re-exports to the module that defines the item; the modules
//! on the way are not named by it. A parent that declares its child, or only re-exports from it, does not name it. A
//! child that names an item of its parent names the parent, so the two make a circle where the parent names the child.
//!
//! It reads paths as [`super::source`] does. It never sees a method call, because no path leads to a method.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{self, Path, Token};

/// The parts of a file that the graph needs.
pub(crate) struct Source<'a> {
    /// Path below `src`.
    pub(crate) file: &'a str,
    /// The modules that lead to it; empty for `lib.rs`.
    pub(crate) modules: &'a [&'a str],
    /// Its words without its tests.
    pub(crate) code: &'a [Token],
}

/// A module: its file, its paths, and the names that its imports bring in.
struct Module<'a> {
    file: &'a str,
    paths: Vec<Path>,
    imports: BTreeMap<String, (Vec<String>, usize)>,
    /// Its words outside of imports, declarations of modules, and names of methods and functions.
    words: BTreeSet<&'a str>,
}

/// A path through modules: the module where it stands, and the segments that are still to follow.
type Way = (Vec<String>, Vec<String>);

/// The modules by their paths.
struct Crate<'a>(BTreeMap<Vec<String>, Module<'a>>);

/// For each module the modules that it names, each with the first line that does.
type Edges = BTreeMap<Vec<String>, BTreeMap<Vec<String>, String>>;

/// One circle for each set of modules that lead to each other, drawn, with the lines that close it.
pub(crate) fn circles(sources: &[Source<'_>]) -> Vec<String> {
    let edges = Crate::read(sources).edges();
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for module in edges.keys() {
        if told.contains(module) {
            continue;
        }
        let Some(circle) = shortest_way_back(&edges, module) else { continue };
        let together = reached(&edges, module).into_iter().filter(|other| reached(&edges, other).contains(module));
        told.extend(together);
        circles.push(drawn(&edges, &circle));
    }
    circles
}

/// As in `store -> store::find -> store`, with the place of each step and a hint.
fn drawn(edges: &Edges, circle: &[Vec<String>]) -> String {
    let names: Vec<String> = circle.iter().map(|module| spelt(module)).collect();
    let steps: Vec<String> = circle
        .windows(2)
        .filter_map(|pair| edges.get(&pair[0])?.get(&pair[1]).map(|place| format!("\n    {place}")))
        .collect();
    let hint = "move the item that both ends need into a module below them";
    format!("a circle of modules: {}; {hint}{}", names.join(" -> "), steps.concat())
}

fn spelt(module: &[String]) -> String {
    if module.is_empty() { "lib".to_owned() } else { module.join("::") }
}

/// The modules that a module leads to.
fn reached(edges: &Edges, from: &[String]) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![from.to_vec()];
    while let Some(module) = open.pop() {
        for next in edges.get(&module).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    found
}

/// The shortest circle through a module, which begins and ends with it.
fn shortest_way_back(edges: &Edges, module: &[String]) -> Option<Vec<Vec<String>>> {
    let mut ways = VecDeque::from([vec![module.to_vec()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in way.last().and_then(|last| edges.get(last)).into_iter().flat_map(BTreeMap::keys) {
            let longer: Vec<_> = way.iter().chain([next]).cloned().collect();
            if next == module {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push_back(longer);
            }
        }
    }
    None
}

impl<'a> Crate<'a> {
    fn read(sources: &[Source<'a>]) -> Self {
        let module = |source: &Source<'a>| {
            let paths = source::paths(source.code);
            let imports = paths.iter().filter_map(|path| {
                let import = path.import.as_ref()?;
                Some((import.name.clone(), (item_of(path).to_vec(), path.depth)))
            });
            let imports = imports.collect();
            Module { file: source.file, paths, imports, words: words(source.code) }
        };
        let name = |source: &Source<'_>| source.modules.iter().map(|&name| name.to_owned()).collect();
        Self(sources.iter().map(|source| (name(source), module(source))).collect())
    }

    fn edges(&self) -> Edges {
        let edges = self.0.iter().map(|(name, module)| {
            let mut named = BTreeMap::new();
            for path in &module.paths {
                let is_placed_only = path
                    .import
                    .as_ref()
                    .is_some_and(|import| import.is_public && !module.words.contains(&*import.name));
                if let Some(definer) = self.definer(name, item_of(path), path.depth)
                    && definer != *name
                    && !is_placed_only
                {
                    let place = || format!("{}:{} names {}", module.file, path.line, path.segments.join("::"));
                    named.entry(definer).or_insert_with(place);
                }
            }
            (name.clone(), named)
        });
        edges.collect()
    }

    /// The module that defines the item at the end of a path; `None` for another crate's, for a local name, and for a
    /// path that ends at a module.
    fn definer(&self, from: &[String], segments: &[String], depth: usize) -> Option<Vec<String>> {
        // Each import is followed once, because two may lead to each other.
        let mut followed = BTreeSet::new();
        let (mut module, mut rest) = self.begin(from, segments, depth)?;
        loop {
            let (next, behind) = rest.split_first()?;
            let child: Vec<String> = module.iter().chain([next]).cloned().collect();
            if self.0.contains_key(&child) {
                (module, rest) = (child, behind.to_vec());
                continue;
            }
            match self.0.get(&module)?.imports.get(next) {
                Some((path, depth)) if followed.insert(child) => {
                    let path: Vec<String> = path.iter().chain(behind).cloned().collect();
                    (module, rest) = self.begin(&module, &path, *depth)?;
                }
                Some(_) | None => return Some(module),
            }
        }
    }

    /// The module where a path begins, and the segments behind it.
    fn begin(&self, from: &[String], segments: &[String], depth: usize) -> Option<Way> {
        let first = segments.first()?;
        let ups = segments.iter().skip(usize::from(first == "self")).take_while(|segment| *segment == "super").count();
        let child = || from.iter().chain([first]).cloned().collect::<Vec<_>>();
        match first.as_str() {
            "crate" | "tandem" => Some((Vec::new(), segments[1..].to_vec())),
            "self" | "super" => {
                let left = (from.len() + depth).checked_sub(ups)?.min(from.len());
                Some((from[..left].to_vec(), segments[ups + usize::from(first == "self")..].to_vec()))
            }
            name => {
                let is_known = self.0.contains_key(&child()) || self.0.get(from)?.imports.contains_key(name);
                is_known.then(|| (from.to_vec(), segments.to_vec()))
            }
        }
    }
}

/// The path without the `self` at its end, which stands for the module before it.
fn item_of(path: &Path) -> &[String] {
    match path.segments.as_slice() {
        [before @ .., last] if last == "self" && !before.is_empty() => before,
        all => all,
    }
}

/// The words that a file uses. A name behind `mod`, `fn` or a dot is another thing than an imported one.
fn words(code: &[Token]) -> BTreeSet<&str> {
    let mut words = BTreeSet::new();
    let (mut before, mut imports) = ("", false);
    for token in code {
        imports = (imports && before != ";") || token.text == "use";
        if !imports && !["mod", "fn", "."].contains(&before) {
            words.insert(token.text.as_str());
        }
        before = &token.text;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The drawings of the circles among these files, each without its places.
    fn drawings(files: &[(&'static str, &str)]) -> Vec<String> {
        let read = |(name, text): &(&'static str, &str)| {
            let stem = name.strip_suffix(".rs").unwrap();
            let modules: Vec<&str> = if stem == "lib" { Vec::new() } else { stem.split('/').collect() };
            (*name, modules, source::without_tests(&source::tokens(text)).0)
        };
        let files: Vec<_> = files.iter().map(read).collect();
        let sources: Vec<_> = files.iter().map(|(file, modules, code)| Source { file, modules, code }).collect();
        let drawing = |told: String| {
            let (_, drawing) = told.split_once(": ").unwrap();
            drawing.split_once(';').unwrap().0.to_owned()
        };
        circles(&sources).into_iter().map(drawing).collect()
    }

    #[test]
    fn modules_that_name_each_other_make_a_circle() {
        for (files, circle) in [
            (&[("a.rs", "use crate::b::B;"), ("b.rs", "fn f(a: crate::a::A) {}")][..], "a -> b -> a"),
            (
                &[("a.rs", "use super::b::B;"), ("b.rs", "use crate::{c::C};"), ("c.rs", "use crate::a::A;")],
                "a -> b -> c -> a",
            ),
            (&[("a.rs", "mod b; use b::B;"), ("a/b.rs", "use super::A;")], "a -> a::b -> a"),
            (&[("a.rs", "mod b; fn f() { b::g() }"), ("a/b.rs", "fn g() { super::h() }")], "a -> a::b -> a"),
            (
                &[
                    ("a.rs", "mod b; mod c;"),
                    ("a/b.rs", "use super::c::C;"),
                    ("a/c.rs", "use super::b;\nfn f() { b::g() }"),
                ],
                "a::b -> a::c -> a::b",
            ),
            // Through a re-export, and through the import of a parent.
            (
                &[("a.rs", "pub use b::B;"), ("a/b.rs", "use crate::c::C;"), ("c.rs", "use crate::a::B;")],
                "a::b -> c -> a::b",
            ),
            (
                &[("a.rs", "use crate::c::C;"), ("a/b.rs", "use super::C;"), ("c.rs", "use crate::a::b::B;")],
                "a::b -> c -> a::b",
            ),
            (
                &[("a.rs", "use crate::b; fn f() { b::c::g() }"), ("b/c.rs", "use crate::a::A;"), ("b.rs", "")],
                "a -> b::c -> a",
            ),
            // A parent that re-exports a name and uses it.
            (&[("a.rs", "pub use b::B;\nfn f(b: B) {}"), ("a/b.rs", "use super::A;")], "a -> a::b -> a"),
            (&[("a.rs", "mod x { use super::super::b::B; }"), ("b.rs", "use tandem::a::A;")], "a -> b -> a"),
            (&[("lib.rs", "use a::A;"), ("a.rs", "use crate::B;")], "lib -> a -> lib"),
        ] {
            assert_eq!(drawings(files), [circle], "{files:?}");
        }
    }

    #[test]
    fn modules_that_name_each_other_one_way_make_none() {
        for files in [
            &[("a.rs", "use crate::b::B;"), ("b.rs", "use crate::c::C;"), ("c.rs", "")][..],
            // A parent places its child and the child's names.
            &[("a.rs", "mod b; pub use b::{B, find}; fn f(x: &X) { x.find(); }"), ("a/b.rs", "use super::A;")],
            // A path through a module does not name it, and neither does an import of the module alone.
            &[("a.rs", "mod b; mod c; use c::C;"), ("a/b.rs", ""), ("a/c.rs", "use super::b::B; use crate::a;")],
            &[("a.rs", "use crate::b::B;"), ("b.rs", "#[cfg(test)]\nmod tests { use crate::a::A; }\n// crate::a::A")],
            // Other crates, and two imports that lead to each other.
            &[("a.rs", "use serde::{self, A}; use tokio; fn f() { serde::b() }"), ("b.rs", "use crate::a::A;")],
            &[("a.rs", "use crate::b::X;"), ("b.rs", "pub use crate::a::X;")],
        ] {
            assert_eq!(drawings(files), Vec::<String>::new(), "{files:?}");
        }
    }

    #[test]
    fn a_circle_is_told_once_with_its_places() {
        let (a, b) = (source::tokens("use crate::b::B;"), source::tokens("\nuse crate::a::A;"));
        let sources =
            [Source { file: "a.rs", modules: &["a"], code: &a }, Source { file: "b.rs", modules: &["b"], code: &b }];
        let told = circles(&sources);
        assert_eq!(told.len(), 1);
        assert!(told[0].ends_with("\n    a.rs:1 names crate::b::B\n    b.rs:2 names crate::a::A"), "{}", told[0]);
    }
}
