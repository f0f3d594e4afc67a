#!/usr/bin/env bash
# A price with raised cents, as shops write it in HTML, becomes a hundred times the price in three libraries that make plain text
# of HTML, because the raised digits are joined to the others without a mark.
#
# Seen: PyPI html2text 2025.4.15, PyPI inscriptis 2.7.6 and npm html-to-text 10.0.1 all make "1999 EUR" of 19<sup>99</sup> EUR.
# inscriptis and html-to-text also drop the line through a former price, so that two prices stand side by side; html2text
# writes it between tildes.
# Needs Python 3 with venv, Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check html2text==2025.4.15 inscriptis==2.7.6
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund html-to-text@10.0.1
cat > prices.py <<'PY'
import subprocess, sys
import html2text, inscriptis

sources = {
    "<p>19<sup>99</sup> EUR</p>": {"html2text": "1999 EUR", "inscriptis": "1999 EUR", "html-to-text": "1999 EUR"},
    "<p><del>30 EUR</del> 20 EUR</p>": {"html2text": "~~30 EUR~~ 20 EUR", "inscriptis": "30 EUR 20 EUR", "html-to-text": "30 EUR 20 EUR"},
}
script = "process.stdout.write(require('html-to-text').convert(process.argv[1]))"
changed = False
for source, before in sources.items():
    texts = {
        "html2text": html2text.html2text(source),
        "inscriptis": inscriptis.get_text(source),
        "html-to-text": subprocess.run(["node", "-e", script, source], capture_output=True, text=True, check=True).stdout,
    }
    print(source)
    for name, text in texts.items():
        print(f"  {name}: {text.strip()}")
        changed |= text.strip() != before[name]
sys.exit(1 if changed else 0)
PY
venv/bin/python prices.py
