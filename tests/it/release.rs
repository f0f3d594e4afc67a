//! `deploy/release` makes an archive whose binary plays a conversation, packages with every file in its place, a bill of
//! the binary's materials, and checksums of them all.
//!
//! The program is not optimised as one whole here, because that alone takes as long as the rest of the tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The output of a command, which must have ended well.
fn output(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}

/// The release, made once, and the folder that its archive was unpacked to.
fn released(into: &Path) -> PathBuf {
    let (release, target) = (sources().join("deploy/release"), [TARGET]);
    output(Command::new(release).args(["--quick", "--out"]).arg(into).args(target));
    let archive = into.join(format!("tandem-{VERSION}-{TARGET}.tar.gz"));
    output(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(into));
    into.join(format!("tandem-{VERSION}-{TARGET}"))
}

/// The files of a list of paths, without folders.
fn files(listing: &str) -> BTreeSet<String> {
    let paths = listing.lines().filter_map(|line| line.split_whitespace().last());
    paths.filter(|path| !path.ends_with('/')).map(|path| path.trim_start_matches('.').to_owned()).collect()
}

fn assert_checksums(release: &Path) {
    let listed = std::fs::read_to_string(release.join("SHA256SUMS")).unwrap();
    let mut names = BTreeSet::new();
    for line in listed.lines() {
        let (digest, name) = line.split_once("  ").unwrap();
        let found = Sha256::digest(std::fs::read(release.join(name)).unwrap());
        let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, digest, "{name}");
        names.insert(name.to_owned());
    }
    let expected = [
        "image/Dockerfile".to_owned(),
        "image/tandem-amd64".to_owned(),
        format!("tandem-{VERSION}-1.x86_64.rpm"),
        format!("tandem-{VERSION}-{TARGET}.tar.gz"),
        format!("tandem-{VERSION}.cdx.json"),
        format!("tandem_{VERSION}_amd64.deb"),
    ];
    assert_eq!(names, BTreeSet::from(expected));
}

/// The package has the binary, the unit that starts it, the manual and the completions where a system looks for them.
fn assert_package(deb: &Path) {
    let field = |name: &str| output(Command::new("dpkg-deb").arg("--field").arg(deb).arg(name)).trim().to_owned();
    assert_eq!((field("Package"), field("Architecture")), ("tandem".to_owned(), "amd64".to_owned()));
    assert_eq!((field("Version"), field("Depends")), (VERSION.to_owned(), "ca-certificates".to_owned()));
    let inside = files(&output(Command::new("dpkg-deb").arg("--contents").arg(deb)));
    for path in [
        "/usr/bin/tandem",
        "/usr/lib/systemd/system/tandem.service",
        "/usr/lib/sysusers.d/tandem.conf",
        "/usr/share/man/man1/tandem.1",
        "/usr/share/man/man1/tandem-serve.1",
        "/usr/share/bash-completion/completions/tandem",
        "/usr/share/doc/tandem/copyright",
    ] {
        assert!(inside.contains(path), "{path} is not in {inside:#?}");
    }
    let root = tempfile::tempdir().unwrap();
    output(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(root.path()));
    let unit = std::fs::read_to_string(root.path().join("usr/lib/systemd/system/tandem.service")).unwrap();
    let starts: Vec<&str> = unit.lines().filter(|line| line.starts_with("ExecStart=")).collect();
    assert_eq!(starts, ["ExecStart=/usr/bin/tandem serve --config /etc/tandem/tandem.toml"]);
}

/// The bill names the crates that are linked in, the allocator of packaged binaries included, and none that only tests use.
fn assert_materials(bill: &Path) {
    let bill: Value = serde_json::from_slice(&std::fs::read(bill).unwrap()).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().unwrap();
    let names: BTreeSet<&str> = components.iter().filter_map(|component| component["name"].as_str()).collect();
    for name in ["axum", "sled", "rustls", "tikv-jemallocator"] {
        assert!(names.contains(name), "{name} is missing");
    }
    for name in ["criterion", "proptest", "insta"] {
        assert!(!names.contains(name), "{name} is no part of the binary");
    }
    let unlicensed = components.iter().filter(|component| component["licenses"].is_null()).count();
    assert_eq!(unlicensed, 0, "every component has a licence");
    let text = bill.to_string();
    assert!(!text.contains(sources().to_str().unwrap()), "the bill tells nobody where it was made");
}

#[test]
#[ignore = "builds a release, which takes minutes and the tools of deploy/release"]
fn everything_that_a_release_consists_of_is_made_and_works() {
    let place = tempfile::tempdir().unwrap();
    let release = place.path();
    let unpacked = released(release);
    assert_checksums(release);
    assert_package(&release.join(format!("tandem_{VERSION}_amd64.deb")));
    assert_materials(&release.join(format!("tandem-{VERSION}.cdx.json")));

    let binary = unpacked.join("tandem");
    assert_eq!(output(Command::new(&binary).arg("--version")), format!("tandem {VERSION}\n"));
    output(Command::new(&binary).args(["demo", "--script"]));
    for name in ["LICENSE", "tandem.example.toml", "tandem.service", "man/tandem.1", "completions/tandem.bash"] {
        assert!(unpacked.join(name).is_file(), "{name} is not in the archive");
    }
}

#[test]
fn a_release_of_nothing_known_is_refused_before_anything_is_built() {
    let release = |arguments: &[&str]| {
        let output = Command::new(sources().join("deploy/release")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = release(&["sparc64-unknown-linux-gnu"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("sparc64-unknown-linux-gnu is neither an option nor a target"), "{said}");
    let (code, said) = release(&["--out"]);
    assert_eq!((code, said.as_str()), (Some(1), "deploy/release: --out wants a directory\n"));
}
