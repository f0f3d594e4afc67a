#!/usr/bin/env bash
# PyPI zenpy 2.0.57 sends other times than it was given. A datetime in a search keeps its local hour and gets the Z of UTC (ISO
# 8601), so a search from 17:30 in Los Angeles begins eight hours early. A datetime on an object that is saved loses its hour
# and its zone: a task due at that moment, which is 2 December in UTC, the zone of Zendesk's time stamps (its API reference,
# "Data types"), is sent as due on 1 December. Its incremental exports convert the same value rightly.
#
# Seen with 2.0.57, against a server on this machine that keeps every request: due_at 2026-12-01T17:30:00-08:00 is sent as
# 2026-12-01; created_greater_than of it as created>2026-12-01T17:30:00Z, where 2026-12-02T01:30:00Z is that moment; start_time
# of it as 1796175000, which is that moment.
# Needs Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zenpy==2.0.57
"$folder/venv/bin/python" - <<'PY'
import json, os, sys, threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

kept = {}

class Zendesk(BaseHTTPRequestHandler):
    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self):
        ticket = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["ticket"]
        kept["due_at"] = ticket["due_at"]
        self.answer(201, {"ticket": {"id": 1}, "audit": {"id": 2, "events": []}})

    def do_GET(self):
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        if "/incremental/" in address.path:
            kept["start_time"] = query["start_time"][0]
            self.answer(200, {"tickets": [], "count": 0, "end_of_stream": True, "next_page": None})
        else:
            kept["query"] = query["query"][0]
            self.answer(200, {"results": [], "count": 0, "next_page": None})

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Zendesk)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["ZENPY_FORCE_SCHEME"] = "http"
os.environ["ZENPY_FORCE_NETLOC"] = f"127.0.0.1:{server.server_port}"

from zenpy import Zenpy
from zenpy.lib.api_objects import Comment, Ticket

client = Zenpy(subdomain="example", email="agent@example.com", token="secret")
moment = datetime(2026, 12, 1, 17, 30, tzinfo=timezone(timedelta(hours=-8)))
client.tickets.create(Ticket(type="task", subject="Call back", due_at=moment, comment=Comment(body="Call back")))
list(client.search(type="ticket", created_greater_than=moment))
list(client.tickets.incremental(start_time=moment))
expected = {
    "due_at": "2026-12-01",
    "query": "type:ticket created>2026-12-01T17:30:00Z",
    "start_time": str(int(moment.timestamp())),
}
print("given:", moment.isoformat(), "which is", moment.astimezone(timezone.utc).isoformat())
for name, seen in kept.items():
    print(f"{name}: {seen}")
sys.exit(0 if kept == expected else 1)
PY
