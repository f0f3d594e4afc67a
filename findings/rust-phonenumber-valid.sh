#!/usr/bin/env bash
# crates.io phonenumber 0.3.10, a port of Google's libphonenumber, calls a number valid when it begins like a valid one:
# digits too many at the end change nothing. A number with two digits appended by mistake is "valid", and a text to it goes
# nowhere. Of a Russian number written with the national 8 behind the country code it drops two digits too many.
#
# Seen with 0.3.10: +97233142764978 and +880271112334 are valid; +7 8 800 123-45-67 becomes +7001234567. PyPI phonenumbers
# 9.0.43 (the same metadata's port to Python) says invalid, invalid, and +78001234567.
# Needs cargo and Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check phonenumbers==9.0.43
mkdir -p "$folder/port/src"
cat > "$folder/port/Cargo.toml" <<'TOML'
[package]
name = "port"
version = "0.0.0"
edition = "2021"

[dependencies]
phonenumber = "=0.3.10"
TOML
cat > "$folder/port/src/main.rs" <<'RUST'
fn main() {
    for typed in ["+97233142764978", "+880271112334", "+7 8 800 123-45-67"] {
        let number = phonenumber::parse(None, typed).unwrap();
        let e164 = number.format().mode(phonenumber::Mode::E164).to_string();
        println!("{typed}: valid {}, {e164}", number.is_valid());
    }
}
RUST
rust=$(cd "$folder/port" && CARGO_TARGET_DIR="$folder/target" cargo run --quiet)
python=$("$folder/venv/bin/python" - <<'PY'
import phonenumbers
from phonenumbers import PhoneNumberFormat, format_number, is_valid_number, parse

for typed in ["+97233142764978", "+880271112334", "+7 8 800 123-45-67"]:
    number = parse(typed, None)
    valid = str(is_valid_number(number)).lower()
    print(f"{typed}: valid {valid}, {format_number(number, PhoneNumberFormat.E164)}")
PY
)
echo "phonenumber 0.3.10 (Rust):"; echo "$rust"
echo "phonenumbers 9.0.43 (Python):"; echo "$python"
[ "$rust" = "+97233142764978: valid true, +97233142764978
+880271112334: valid true, +880271112334
+7 8 800 123-45-67: valid false, +7001234567" ] && [ "$python" = "+97233142764978: valid false, +97233142764978
+880271112334: valid false, +880271112334
+7 8 800 123-45-67: valid true, +78001234567" ]
