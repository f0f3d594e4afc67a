#!/usr/bin/env bash
# PyPI edx-braze-client 1.1.4 saves half of a call to /users/track and then raises an IndexError of its own. Braze takes 75
# attributes and 75 events in one request, and the client cuts longer lists into requests. Where the attributes need one request
# more than the events, it looks for the next events in a list that is empty already. The first 75 attributes and the events are
# saved by then, the other attributes never: a call with the same lists fails in the same way, and counts each event once more.
#
# Seen with 1.1.4, of a server on this machine, with 76 attributes, such as the opt-outs of a night, and 1 event: the table below.
# With as many of both, or with fewer attributes than events, all is saved. Its module braze.client needs requests alone, so the
# package's other dependencies are left out.
# Needs Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check requests==2.34.2
venv/bin/pip install --quiet --disable-pip-version-check --no-deps edx-braze-client==1.1.4
cat > track.py <<'PY'
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from braze.client import BrazeClient

saved = {"attributes": 0, "events": 0}

class Braze(BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for kind, items in request.items():
            saved[kind] += len(items)
        body = b'{"message": "success"}'
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Braze)
Thread(target=server.serve_forever, daemon=True).start()
client = BrazeClient(api_key="key", api_url=f"http://127.0.0.1:{server.server_port}", app_id="app")

opted_out = [{"subscription_group_id": "6c8bdb8f-3a38-4c5b-8f0a-2d8d3c1f9e11", "subscription_state": "unsubscribed"}]

def track(attributes, events):
    try:
        client.track_user(
            attributes=[{"external_id": f"customer-{n}", "subscription_groups": opted_out} for n in range(attributes)],
            events=[{"external_id": "customer-0", "name": "answered", "time": "2026-11-30T10:00:00Z"} for _ in range(events)],
        )
        return "no error"
    except Exception as error:
        return type(error).__name__

cases = [
    ((76, 76, 1), (76, 76), "no error"),
    ((1, 76, 1), (1, 76), "no error"),
    ((76, 1, 1), (75, 1), "IndexError"),
    ((76, 1, 2), (150, 2), "IndexError"),
]
changed = False
for (attributes, events, calls), before, error in cases:
    saved.update(attributes=0, events=0)
    ends = {track(attributes, events) for _ in range(calls)}
    seen = saved["attributes"], saved["events"]
    print(f"{attributes} attributes and {events} events, tracked {calls} times: {seen[0]} and {seen[1]} saved, {' and '.join(ends)}")
    changed |= seen != before or ends != {error}
server.shutdown()
sys.exit(1 if changed else 0)
PY
venv/bin/python track.py
