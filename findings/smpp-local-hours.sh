#!/usr/bin/env bash
# Two SMPP libraries on PyPI write the hour of a scheduled text so that it goes out at another time. SMPP 3.4 (7.1.1) gives the
# difference from UTC in quarters of an hour, from 00 to 48, and a sign. aiosmpplib 0.7.4 turns a zone behind UTC round the
# clock: 10:00 in New York, five hours behind, is written as `76-`, nineteen hours behind. It also reads one hour ahead of UTC as
# four, and 2026 as the year 26 of the first century. smpp.pdu3 0.6 asks the zone for its difference today, so in a zone with
# summer time one of two texts, for January and for July, is an hour off. A reminder that was scheduled for the morning comes at
# another hour.
#
# Seen with both: the table below. At a fixed difference smpp.pdu3 writes and reads every hour as it should.
# Needs Python 3.11 or newer with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check aiosmpplib==0.7.4 smpp.pdu3==0.6 tzdata==2026.6
cat > hours.py <<'PY'
import io, sys
from contextlib import redirect_stdout
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo
from aiosmpplib import SubmitSm
from smpp.pdu import smpp_time

def pdu3_reads(text):
    with redirect_stdout(io.StringIO()):
        return smpp_time.parse(text)

changed = False
for hours, right, wrong in [(5.5, "22+", "22+"), (1, "04+", "04+"), (-5, "20-", "76-"), (-8, "32-", "64-")]:
    at = datetime(2026, 12, 1, 10, tzinfo=timezone(timedelta(hours=hours)))
    aio, pdu3 = SubmitSm.datetime_to_smpp_time(at), smpp_time.unparse(at).decode()
    print(f"{at}: aiosmpplib writes {aio[-3:]}, smpp.pdu3 {pdu3[-3:]}")
    changed |= (aio, pdu3) != (f"2612011000000{wrong}", f"2612011000000{right}") or pdu3_reads(pdu3) != at

text = "261201100000004+"
aio, pdu3 = SubmitSm.smpp_time_to_datetime(text), pdu3_reads(text)
print(f"{text}: aiosmpplib reads the year {aio.year} and {aio.utcoffset()}, smpp.pdu3 {pdu3.year} and {pdu3.utcoffset()}")
changed |= (aio.year, aio.utcoffset()) != (26, timedelta(hours=4)) or (pdu3.year, pdu3.utcoffset()) != (2026, timedelta(hours=1))

new_york = ZoneInfo("America/New_York")
wrong = 0
for month, right in [(1, "20-"), (7, "16-")]:
    at = datetime(2027, month, 1, 10, tzinfo=new_york)
    seen = smpp_time.unparse(at).decode()[-3:]
    print(f"{at}: smpp.pdu3 writes {seen}, where {right} is right")
    wrong += seen != right
sys.exit(1 if changed or wrong != 1 else 0)
PY
venv/bin/python hours.py
