#!/usr/bin/env bash
# npm vcf 2.1.2 misreads two things of a contact card. It ends the parameters of a line at the first colon, also inside
# quotation marks, where RFC 6350 (3.3) allows one and its own example of an address (6.3.1) has one in LABEL: the rest of the
# label becomes the first field of the address. And it leaves the escapes of a text in its value, also in the jCard that it
# makes, where RFC 7095 (3.1) wants them undone: a note of two lines is shown with a backslash and an n.
#
# Seen with 2.1.2: of the card below the address begins with ` 2":`, the label is `"Door`, and the note `Ring\nthen wait\,
# please`. PyPI vobject 0.9.9 reads an empty first field, the label `Door: 2`, and the note on two lines with its comma.
# Needs Node.js, npm and Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund vcf@2.1.2
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check vobject==0.9.9
cat > card.py <<'PY'
import json, subprocess, sys
import vobject

card = "\r\n".join([
    "BEGIN:VCARD",
    "VERSION:4.0",
    "FN:Ann Doe",
    "N:Doe;Ann;;;",
    'ADR;LABEL="Door: 2":;;1 Main Street;Springfield;;12345;',
    r"NOTE:Ring\nthen wait\, please",
    "END:VCARD",
    "",
])
script = "process.stdout.write(JSON.stringify(new (require('vcf'))().parse(process.argv[1]).toJSON()))"
jcard = json.loads(subprocess.run(["node", "-e", script, card], capture_output=True, text=True, check=True).stdout)
lines = {name: (parameters, value) for name, parameters, _, value in jcard[1]}
vcf = [lines["adr"][1][0], lines["adr"][0]["label"], lines["note"][1]]
right = vobject.readOne(card)
other = [right.adr.value.box, right.adr.params["LABEL"][0], right.note.value]
for name, mine, theirs in zip(["first field", "label", "note"], vcf, other):
    print(f"{name}: vcf {mine!r}, vobject {theirs!r}")
changed = vcf != [' 2":', '"Door', r"Ring\nthen wait\, please"] or other != ["", "Door: 2", "Ring\nthen wait, please"]
sys.exit(1 if changed else 0)
PY
venv/bin/python card.py
