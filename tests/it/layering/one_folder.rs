//! The promise of the registry: a carrier costs one folder, and one line that lists it. Every vendor beyond the first two is
//! named nowhere else in the sources, be it in code or comments. Test code is exempt.

use std::ops::Range;

use super::vendor_words::{in_small, vendors};

/// The vendors whose names stand in records, in the recipe and in commands.
const FIRST: [&str; 2] = ["zendesk", "braze"];

/// The beginnings of the files that may name one: the folders with the registry, the sandbox that plays the vendors, the demo on
/// it, and the commands that set one up.
const PLACES: [&str; 5] = ["vendors/", "sandbox/", "demo/", "demo.rs", "cli/setup"];

/// The files that declare the modules of the vendors, one line each.
const DECLARE: [&str; 2] = ["vendors.rs", "sandbox.rs"];

/// Every line that names a vendor beyond the first two outside of its places.
pub(super) fn faults(file: &str, text: &str, tests: &[Range<usize>]) -> Vec<String> {
    if PLACES.iter().any(|place| file.starts_with(place)) {
        return Vec::new();
    }
    let vendors: Vec<_> = vendors().into_iter().filter(|vendor| !FIRST.contains(vendor)).collect();
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(number, _)| !tests.iter().any(|test| test.contains(number)))
    {
        let small = in_small(line);
        let declares = |vendor: &str| DECLARE.contains(&file) && line == format!("pub mod {vendor};");
        let named = vendors.iter().filter(|vendor| small.contains(**vendor) && !declares(vendor));
        faults.extend(named.map(|vendor| format!("{file}:{number}: {vendor} is named outside of its folder")));
    }
    faults
}

#[test]
fn a_carrier_costs_one_folder_and_one_line_of_the_registry() {
    let faults = super::faults(&super::sources());
    let named: Vec<_> = faults.iter().filter(|fault| fault.ends_with("outside of its folder")).collect();
    assert!(named.is_empty(), "{named:#?}");
    let further = vendors().into_iter().filter(|vendor| !FIRST.contains(vendor)).count();
    assert!(further > 0, "no vendor beyond the first two puts the promise to the test");
}

#[test]
fn a_vendor_outside_of_its_folder_is_found() {
    for (file, line) in [
        ("domain/cause.rs", "(End::Carrier, \"Bird answered \"),"),
        ("config/lines.rs", "Vendor::Bird => {}"),
        ("cli/check.rs", "// As BIRD has it."),
        ("vendors.rs", "pub use bird::Bird;"),
        ("sandbox.rs", "    pub mod bird;"),
    ] {
        let fault = format!("{file}:2: bird is named outside of its folder");
        assert_eq!(faults(file, &format!("//! X.\n{line}\n"), &[]), [fault], "{line}");
    }
    for (file, line) in [
        ("vendors/registry.rs", "Bird = \"bird\", Carrier, super::bird::Bird;"),
        ("vendors/bird/client.rs", "//! Bird."),
        ("sandbox/bird/api.rs", "//! Bird."),
        ("vendors.rs", "pub mod bird;"),
        ("domain/cause.rs", "\"Braze answered \""),
    ] {
        assert_eq!(faults(file, &format!("{line}\n"), &[]), Vec::<String>::new(), "{line}");
    }
    let tested = "//! X.\n#[cfg(test)]\nmod tests {\n    // Bird\n}\n";
    assert_eq!(faults("config/near.rs", tested, std::slice::from_ref(&(2..6))), Vec::<String>::new());
}
