#!/usr/bin/env bash
# PyPI py-whatsapp-formatter 1.0.6 makes a WhatsApp text of HTML by patterns that know most tags only without attributes, and leaves
# entities as they are. Desks write attributes on nearly every tag (Zendesk's API returns <div class="zd-comment" dir="auto">), so
# the customer reads two steps of an agent's list as one word, and an attribute on an item deletes the item. The address behind
# words is dropped, as are the ends of <div>, and the customer reads "Q&amp;A".
#
# Seen with 1.0.6: the table below. PyPI html2text 2025.4.15 (body_width 0) keeps the items, the address, the lines and the &.
# Needs Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check py-whatsapp-formatter==1.0.6 html2text==2025.4.15
"$folder/venv/bin/python" - <<'PY'
import sys
import html2text
from whatsapp_formatter import convert_html_to_whatsapp

reader = html2text.HTML2Text(bodywidth=0)
cases = [
    ("<ol><li>Unplug</li><li>Wait</li></ol>", "1. Unplug\n2. Wait", ["Unplug", "Wait"]),
    ('<ol dir="auto"><li>Unplug</li><li>Wait</li></ol>', "UnplugWait", ["Unplug", "Wait"]),
    ('<ol><li dir="auto">Unplug</li><li>Wait</li></ol>', "1. Wait", ["Unplug", "Wait"]),
    ('<strong class="x">Today</strong> only', "Today only", ["**Today** only"]),
    ('Please <a href="https://example.org/pay/7">pay</a>', "Please pay", ["https://example.org/pay/7"]),
    ("<div>Hello Ann</div><div>It is 5 PM</div>", "Hello AnnIt is 5 PM", ["Hello Ann", "It is 5 PM"]),
    ("<p>Q&amp;A at 5 &lt; 6 PM</p>", "Q&amp;A at 5 &lt; 6 PM", ["Q&A at 5 < 6 PM"]),
]
changed = False
for source, before, kept in cases:
    seen = convert_html_to_whatsapp(source)
    other = reader.handle(source)
    lines = [line for line in other.splitlines() if line.strip()]
    whole = len(lines) == len(kept) and all(part in line for part, line in zip(kept, lines))
    print(f"{source}  ->  {seen!r}; html2text {other.strip()!r}")
    changed |= seen != before or not whole
sys.exit(1 if changed else 0)
PY
