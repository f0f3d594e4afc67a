#!/usr/bin/env bash
# PyPI python-liquid 2.3.6 rounds halves to the even neighbour and takes the sign of a remainder from Python's decimals, where
# Ruby's Liquid (5.4.0, Debian's ruby-liquid) rounds halves away from zero and takes the divisor's sign. A price of 2.5 is
# 2 in one and 3 in the other.
#
# Seen with 2.3.6: 2.5 | round is 2 (Ruby 3), -2.5 | round is -2 (Ruby -3), 7.5 | modulo: -2 is 1.5 (Ruby -0.5), while
# 7 | modulo: -3, of whole numbers, is -2 in both. Needs Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-liquid==2.3.6
"$folder/venv/bin/python" - <<'PY'
import sys
from liquid import Environment

expected = {
    "{{ 2.5 | round }}": "2",
    "{{ 3.5 | round }}": "4",
    "{{ -2.5 | round }}": "-2",
    "{{ 7.5 | modulo: -2 }}": "1.5",
    "{{ 7 | modulo: -3 }}": "-2",
}
changed = False
for template, before in expected.items():
    seen = Environment().from_string(template).render()
    print(f"{template}  ->  {seen}")
    changed |= seen != before
sys.exit(1 if changed else 0)
PY
