#!/usr/bin/env bash
# Three libraries that make plain text of HTML number one ordered list in three ways. HTML's own rule: `start` gives the first
# number, `value` on an item sets it from there on, so the list below reads 3, 7, 8, and a `reversed` list of two 2, 1.
#
# Seen: PyPI html2text 2025.4.15 and npm html-to-text 10.0.1 heed `start` and not `value` (3, 4, 5); PyPI inscriptis 2.7.6 heeds
# `value` and not `start` (1, 7, 8); none of them counts a `reversed` list down (1, 2).
# Needs Python 3 with venv, Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check html2text==2025.4.15 inscriptis==2.7.6
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund html-to-text@10.0.1
cat > numbers.py <<'PY'
import re, subprocess, sys
import html2text, inscriptis

lists = {
    '<ol start="3"><li>x</li><li value="7">y</li><li>z</li></ol>': {"html2text": "3 4 5", "inscriptis": "1 7 8", "html-to-text": "3 4 5"},
    "<ol reversed><li>a</li><li>b</li></ol>": {"html2text": "1 2", "inscriptis": "1 2", "html-to-text": "1 2"},
}
script = "process.stdout.write(require('html-to-text').convert(process.argv[1]))"
changed = False
for source, before in lists.items():
    texts = {
        "html2text": html2text.html2text(source),
        "inscriptis": inscriptis.get_text(source),
        "html-to-text": subprocess.run(["node", "-e", script, source], capture_output=True, text=True, check=True).stdout,
    }
    print(source)
    for name, text in texts.items():
        seen = " ".join(re.findall(r"(\d+)\.", text))
        print(f"  {name}: {seen}")
        changed |= seen != before[name]
sys.exit(1 if changed else 0)
PY
venv/bin/python numbers.py
