#!/usr/bin/env bash
# Two implementations of Liquid cut a text that fits. Shopify's reference of truncate and truncatewords: the ellipsis is added
# when the number given is less than the length of the text, and a text of exactly that length stays as it is.
# PyPI python-liquid 2.3.6 takes three characters off a text of exactly the length of truncate, so a text of 160 characters
# under `truncate: 160` loses its end though it fits one message, and with a limit of less than the ellipsis it cuts from the
# end. python-liquid and npm liquidjs 10.30.1 add the ellipsis to a text of exactly the words of truncatewords.
#
# Seen: the table below. Ruby's Liquid (5.4.0, Debian's ruby-liquid) gives "Code 123456", "...", "one two three" and "one
# two...".
# Needs Python 3 with venv, Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check python-liquid==2.3.6
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund liquidjs@10.30.1
cat > lengths.py <<'PY'
import subprocess, sys
from liquid import Environment

script = "new (require('liquidjs').Liquid)().parseAndRender(process.argv[1]).then((text) => process.stdout.write(text))"
cases = [
    ("{{ 'Code 123456' | truncate: 11 }}", "Code 123...", "Code 123456"),
    ("{{ 'Code 123456' | truncate: 2 }}", "Code 12345...", "..."),
    ("{{ 'one two three' | truncatewords: 3 }}", "one two three...", "one two three..."),
    ("{{ 'one two three' | truncatewords: 2 }}", "one two...", "one two..."),
]
changed = False
for template, *before in cases:
    seen = [
        Environment().from_string(template).render(),
        subprocess.run(["node", "-e", script, template], capture_output=True, text=True, check=True).stdout,
    ]
    print(f"{template}  ->  python-liquid {seen[0]!r}, liquidjs {seen[1]!r}")
    changed |= seen != before
sys.exit(1 if changed else 0)
PY
venv/bin/python lengths.py
