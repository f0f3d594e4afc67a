#!/usr/bin/env bash
# crates.io phonenumber 0.3.10, a port of Google's libphonenumber, adds an area code that was never typed: seven digits
# behind +1 become a "valid" number in one of the islands that share the code, because the rule by which Grenada completes
# its local numbers is applied to every number with the code. A text to it goes to a stranger.
#
# Seen with 0.3.10: +1 473-0000 becomes +14734730000, valid. PyPI phonenumbers 9.0.43 (the same metadata's port to Python)
# keeps +14730000 and says invalid.
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
    let number = phonenumber::parse(None, "+1 473-0000").unwrap();
    println!("valid {}, {}", number.is_valid(), number.format().mode(phonenumber::Mode::E164));
}
RUST
rust=$(cd "$folder/port" && CARGO_TARGET_DIR="$folder/target" cargo run --quiet)
python=$("$folder/venv/bin/python" -c '
from phonenumbers import PhoneNumberFormat, format_number, is_valid_number, parse
number = parse("+1 473-0000", None)
print(f"valid {str(is_valid_number(number)).lower()}, {format_number(number, PhoneNumberFormat.E164)}")')
echo "phonenumber 0.3.10 (Rust): $rust"
echo "phonenumbers 9.0.43 (Python): $python"
[ "$rust" = "valid true, +14734730000" ] && [ "$python" = "valid false, +14730000" ]
