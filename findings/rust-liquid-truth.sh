#!/usr/bin/env bash
# crates.io liquid 0.26.11 takes a comparison with true or false for the question whether the other side counts as true:
# nothing equals false, and any text equals true. Ruby's Liquid (5.4.0, Debian's ruby-liquid) compares values: nothing is not
# false and a text is not true. A branch for customers of whom `subscribed` is false also takes those of whom it is unknown.
# Sizes of texts are in bytes where Ruby counts characters.
#
# Seen with 0.26.11: the templates below give "yes", "yes" and 5; Ruby gives "no", "no" and 4.
# Needs cargo. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "truth"
version = "0.0.0"
edition = "2021"

[dependencies]
liquid = "=0.26.11"
kstring = "=2.0.2"
TOML
cat > "$folder/src/main.rs" <<'RUST'
fn main() {
    let parser = liquid::ParserBuilder::with_stdlib().build().unwrap();
    for template in [
        "{% if customer.subscribed == false %}yes{% else %}no{% endif %}",
        "{% if customer.name == true %}yes{% else %}no{% endif %}",
        "{{ customer.name.size }}",
    ] {
        let globals = liquid::object!({ "customer": { "name": "José", "subscribed": liquid::model::Value::Nil } });
        println!("{template}  ->  {}", parser.parse(template).unwrap().render(&globals).unwrap());
    }
}
RUST
seen=$(cd "$folder" && CARGO_TARGET_DIR="$folder/target" cargo run --quiet)
echo "$seen"
[ "$seen" = "{% if customer.subscribed == false %}yes{% else %}no{% endif %}  ->  yes
{% if customer.name == true %}yes{% else %}no{% endif %}  ->  yes
{{ customer.name.size }}  ->  5" ]
