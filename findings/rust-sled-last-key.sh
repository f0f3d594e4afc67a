#!/usr/bin/env bash
# crates.io sled 0.34.7 makes every program larger by 1 MiB that asks a tree for its last entry, or for the one before a key:
# the key beyond all keys, from which it looks backward, is written into the program as 1,048,576 bytes of 255. A program
# that asks for the first entry has none of them.
#
# Seen with 0.34.7: the longest run of 255 is shorter than 65,536 bytes with `first`, and exactly 1,048,576 with `last`
# and with `get_lt`.
# Needs cargo and Python 3. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/tree/src/bin"
cat > "$folder/tree/Cargo.toml" <<'TOML'
[package]
name = "tree"
version = "0.0.0"
edition = "2021"

[dependencies]
sled = "=0.34.7"

[profile.release]
lto = "fat"
codegen-units = 1
TOML
for ask in 'first()' 'last()' 'get_lt("b")'; do
    cat > "$folder/tree/src/bin/${ask%%(*}.rs" <<RUST
fn main() {
    let db = sled::Config::new().temporary(true).open().unwrap();
    db.insert("a", "one").unwrap();
    let (key, _) = db.$ask.unwrap().unwrap();
    println!("{}", std::str::from_utf8(&key).unwrap());
}
RUST
done
(cd "$folder/tree" && CARGO_TARGET_DIR="$folder/target" cargo build --quiet --release)
seen=""
for ask in first last get_lt; do
    program="$folder/target/release/$ask"
    [ "$("$program")" = a ]
    run=$(python3 -c '
import re, sys
print(max((len(found) for found in re.findall(rb"\xff+", open(sys.argv[1], "rb").read())), default=0))' "$program")
    echo "sled 0.34.7, $ask: the longest run of 255 in the program has $run bytes"
    case $ask in
        first) [ "$run" -lt 65536 ] ;;
        *) [ "$run" -eq 1048576 ] ;;
    esac && seen+="$ask "
done
[ "$seen" = "first last get_lt " ]
