#!/usr/bin/env bash
# Two client libraries make three of one message when the answer is late: they post the same call again, though it creates
# something and the vendor may have taken it.
# PyPI braze-client 2.3.3 waits two seconds and posts up to three times. Braze's reference of /campaigns/trigger/schedule/create
# names no key by which a repeated call is known, and each call gets a schedule_id of its own, so the customer gets three texts.
# PyPI python-zendesk-sdk 0.16.2 posts up to four times (30 seconds each, unless told otherwise) and leaves out the header
# Idempotency-Key, which Zendesk has for this (its Ticketing API's introduction, "Idempotency"), so three tickets are opened.
# braze-client also raises on the message "queued", which its own `success` counts in one line earlier.
#
# Seen, against a server on this machine that keeps every request and answers two calls late and the third at once: each
# library reports one success, three schedules and three tickets are kept; 202 "queued" raises BrazeClientError, and the
# schedule is kept. python-zendesk-sdk is told to wait two seconds. (tenacity is put in as 8.5.0, because braze-client asks for
# 5, which cannot be imported since Python 3.11.)
# Needs Python 3 with venv. Exits with 0 while the behaviour is the one above; takes about fifteen seconds.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
pip requests==2.34.2 tenacity==8.5.0 python-zendesk-sdk==0.16.2
pip --no-deps braze-client==2.3.3
"$folder/venv/bin/python" - <<'PY'
import asyncio, json, logging, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from braze.client import BrazeClient, BrazeClientError
from zendesk_sdk import ZendeskClient, ZendeskConfig

logging.disable()
kept = []
answers = []

class Vendor(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        kept.append(self.headers.get("Idempotency-Key"))
        seconds, status, body = answers.pop(0)
        time.sleep(seconds)
        content = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            pass

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"

def braze():
    try:
        response = BrazeClient(api_key="secret", api_url=address).campaign_trigger_schedule_create(
            campaign_id="campaign",
            schedule={"time": "2026-12-01T17:30:00Z"},
            recipients=[{"external_user_id": "ann"}],
        )
        return f"success {response['success']}"
    except BrazeClientError as error:
        return f"raises {type(error).__name__}: {error.args[0]}"

class Here(ZendeskConfig):
    @property
    def endpoint(self):
        return f"{address}/api/v2"

async def create():
    config = Here(subdomain="example", email="agent@example.com", token="secret", timeout=2)
    async with ZendeskClient(config) as client:
        return f"ticket {(await client.tickets.create('Hello')).id}"

def zendesk():
    return asyncio.run(create())

def scheduled(seconds):
    return seconds, 201, {"schedule_id": "schedule", "message": "success"}

def opened(seconds, id):
    return seconds, 201, {"ticket": {"id": id}}

cases = [
    ("braze-client, at once", braze, [scheduled(0)], "success True, 1 kept"),
    ("braze-client, late", braze, [scheduled(4), scheduled(4), scheduled(0)], "success True, 3 kept"),
    ("braze-client, queued", braze, [(0, 202, {"message": "queued"})], "raises BrazeClientError: queued, 1 kept"),
    ("python-zendesk-sdk, at once", zendesk, [opened(0, 1)], "ticket 1, 1 kept"),
    ("python-zendesk-sdk, late", zendesk, [opened(4, 1), opened(4, 2), opened(0, 3)], "ticket 3, 3 kept"),
]
changed = False
for name, call, planned, before in cases:
    kept.clear()
    answers[:] = planned
    seen = f"{call()}, {len(kept)} kept"
    print(f"{name}: {seen}")
    changed |= seen != before or any(kept)
sys.exit(1 if changed else 0)
PY
