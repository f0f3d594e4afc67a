#!/usr/bin/env bash
# Two encoders of the GSM alphabet put ASCII characters where other characters stand. By 3GPP TS 23.038 (6.2.1) the septet 0x5F
# is §, 0x40 is ¡, 0x24 is ¤, and the grave accent is not in the alphabet, so that a text with one must go in UCS-2.
# PyPI smpplib 2.2.4 has the grave accent in its table at 0x5F, and so sends it as § and takes § itself for foreign: a text of
# 160 letters with a § costs three messages in UCS-2. PyPI GSMEncoding 0.0.2 packs the ASCII numbers as they are.
#
# Seen, read back with PyPI pygsm7 1.0.6 and gsm0338 1.1.0: of smpplib "Use `code` SAVE5" arrives as "Use §code§ SAVE5"; of
# GSMEncoding the address "a_b@example.com" arrives as "a§b¡example.com" and "$5" as "¤5".
# Needs Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  smpplib==2.2.4 GSMEncoding==0.0.2 pygsm7==1.0.6 gsm0338==1.1.0
"$folder/venv/bin/python" - <<'PY'
import sys
import gsm0338, pygsm7
from GSMEncoding import gsm7bitencode
from smpplib.gsm import make_parts

def smpplib(text):
    parts, coding, _ = make_parts(text)
    read = gsm0338.Codec().decode(parts[0])[0] if coding == 0 else "in UCS-2"
    return f"{read}, {len(parts)} message(s)"

def gsmencoding(text):
    return pygsm7.decode_gsm7(gsm7bitencode(text), len(text))

cases = [
    (smpplib, "Use `code` SAVE5", "Use §code§ SAVE5, 1 message(s)"),
    (smpplib, "§" + "a" * 159, "in UCS-2, 3 message(s)"),
    (gsmencoding, "a_b@example.com", "a§b¡example.com"),
    (gsmencoding, "$5", "¤5"),
    (gsmencoding, "Hello", "Hello"),
]
changed = False
for encoder, text, before in cases:
    seen = encoder(text)
    shown = text if len(text) < 20 else f"{text[:2]}... of {len(text)} characters"
    print(f"{encoder.__name__}: {shown}  ->  {seen}")
    changed |= seen != before
sys.exit(1 if changed else 0)
PY
