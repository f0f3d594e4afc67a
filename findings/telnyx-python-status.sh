#!/usr/bin/env bash
# PyPI telnyx 4.189.0, Telnyx's own client, makes "a link was clicked" of the report that a text failed. Its `unwrap` checks the
# signature and then takes a type that fits the event. Every field of ReplacedLinkClickWebhookEvent may be missing, so it fits an
# event that fits no other type, with an empty time, number and address. A status that the type of a report does not list makes
# such an event, and Telnyx's page "Message Detail Records" names three that end a text: failed, gw_timeout and dlr_timeout. The
# reports on its codes by text, such as verify.delivered (its page "Receiving webhooks" of Verify), have no type of their own. A
# bridge that asks for the type counts a click, and its agent never learns that the text failed.
#
# Seen with 4.189.0: the table below. npm telnyx 7.24.0 hands each event on as it came.
# Needs Python 3 with venv, Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund telnyx@7.24.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'telnyx[webhooks]==4.189.0'
cat > sibling.js <<'JS'
const Telnyx = require('telnyx').default;

const [body, key, signature, timestamp] = process.argv.slice(2);
const headers = { 'telnyx-signature-ed25519': signature, 'telnyx-timestamp': timestamp };
new Telnyx({ apiKey: 'key' }).webhooks.unwrap(body, { headers, key }).then((event) => process.stdout.write(JSON.stringify(event)));
JS
cat > reports.py <<'PY'
import json, subprocess, sys, time
from base64 import b64encode
from nacl.signing import SigningKey
from telnyx import Telnyx

secret = SigningKey.generate()
key = b64encode(bytes(secret.verify_key)).decode()
client = Telnyx(api_key="key", public_key=key)

def text(status):
    return {
        "id": "40385f64-5717-4562-b3fc-2c963f66afa6",
        "record_type": "message",
        "direction": "outbound",
        "type": "SMS",
        "from": {"phone_number": "+15550100100", "carrier": "Telnyx", "line_type": "VoIP"},
        "to": [{"phone_number": "+15550100123", "carrier": "Example", "line_type": "Wireless", "status": status}],
        "text": "On its way",
        "errors": [],
        "completed_at": "2026-11-30T10:00:05.000+00:00",
    }

code = {"id": "1", "record_type": "verification", "type": "sms", "phone_number": "+15550100123", "delivery_status": "delivered"}
report, click = "DeliveryUpdateWebhookEvent", "ReplacedLinkClickWebhookEvent"
cases = [
    ("message.finalized", "delivered", text("delivered"), report),
    ("message.finalized", "delivery_failed", text("delivery_failed"), report),
    ("message.finalized", "failed", text("failed"), click),
    ("message.finalized", "gw_timeout", text("gw_timeout"), click),
    ("message.finalized", "dlr_timeout", text("dlr_timeout"), click),
    ("verify.delivered", "delivered", code, click),
]
changed = False
for kind, status, payload, before in cases:
    event = {"data": {"record_type": "event", "id": "2", "event_type": kind, "occurred_at": "2026-11-30T10:00:05.100Z", "payload": payload}}
    body, now = json.dumps(event), str(int(time.time()))
    signature = b64encode(secret.sign(f"{now}|{body}".encode()).signature).decode()
    read = client.webhooks.unwrap(body, headers={"telnyx-signature-ed25519": signature, "telnyx-timestamp": now})
    seen = type(read).__name__
    empty = seen != click or (read.data.time_clicked, read.data.to, read.data.url) == (None, None, None)
    sibling = subprocess.run(["node", "sibling.js", body, key, signature, now], capture_output=True, text=True, check=True).stdout
    print(f"{kind}, {status}: {seen}; npm telnyx: {'as it came' if json.loads(sibling) == event else sibling}")
    changed |= seen != before or not empty or json.loads(sibling) != event
sys.exit(1 if changed else 0)
PY
venv/bin/python reports.py
