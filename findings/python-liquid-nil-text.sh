#!/usr/bin/env bash
# PyPI python-liquid 2.3.6 writes a missing value as the word None where Ruby's Liquid (5.4.0, Debian's ruby-liquid) writes
# nothing: as the argument of append or prepend. A greeting built that way says "Hello None" to a customer without a name,
# while the same variable on its own, or with `| append` on its right, stays empty.
#
# Seen with 2.3.6: {{ "Hello " | append: name }} with name = None gives "Hello None"; {{ name | append: "!" }} gives "!".
# Ruby gives "Hello " and "!". Needs Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-liquid==2.3.6
"$folder/venv/bin/python" - <<'PY'
import sys
from liquid import Environment

expected = {
    '{{ "Hello " | append: name }}': "Hello None",
    '{{ ", dear customer" | prepend: name }}': "None, dear customer",
    '{{ name | append: "!" }}': "!",
    "Hello {{ name }}": "Hello ",
}
changed = False
for template, before in expected.items():
    seen = Environment().from_string(template).render(name=None)
    print(f"{template}  ->  {seen!r}")
    changed |= seen != before
sys.exit(1 if changed else 0)
PY
