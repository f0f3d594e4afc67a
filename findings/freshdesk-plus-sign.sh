#!/usr/bin/env bash
# Two clients of Freshdesk, npm freshdesk-api 3.1.0 and PyPI python-freshdesk 1.3.9, search for a contact by another number than
# the one they are given. Freshdesk's page "Filter contacts" wants the query encoded for an address, and both leave its plus
# sign as it is, which is read there as a space: a search for `+15550100123` asks for ` 15550100123`. Their lists by number
# encode it. A bridge that looks for the sender of a text finds no contact, and makes a second contact of a known customer.
#
# Seen with both, of a server on this machine with one contact: each finds it by the list, and none by the search. The same
# happens to an address such as ann+orders@example.com, and a tag such as R&D is cut at its `&`.
# Needs Node.js, npm and Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund freshdesk-api@3.1.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check python-freshdesk==1.3.9
cat > ask.js <<'JS'
const { promisify } = require('node:util');
const Freshdesk = require('freshdesk-api');

const [server, kind, value] = process.argv.slice(2);
const client = new Freshdesk(server, 'key');
const ask = {
  list: () => promisify(client.listAllContacts).call(client, { mobile: value }),
  search: () => promisify(client.filterContacts).call(client, value),
};
ask[kind]().then((found) => process.stdout.write(String((found.results ?? found).length)));
JS
cat > contacts.py <<'PY'
import json, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from freshdesk.v2.api import API

at = "2026-11-30T10:00:00Z"
contact = {"id": 1, "name": "Ann Doe", "mobile": "+15550100123", "email": "ann+orders@example.com", "tag": "R&D", "created_at": at, "updated_at": at}
asked = []

class Desk(BaseHTTPRequestHandler):
    def do_GET(self):
        address = urlsplit(self.path)
        fields = {name: values[0] for name, values in parse_qs(address.query).items()}
        if "/search/" in address.path:
            asked.append(fields["query"])
            known = {f"\"{name}:'{contact[name]}'\"" for name in ("mobile", "email", "tag")}
            found = [contact] if fields["query"] in known else []
            answer = {"total": len(found), "results": found}
        else:
            answer = [contact] if fields["mobile"] == contact["mobile"] else []
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Desk)
Thread(target=server.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{server.server_port}"
python = API("demo.freshdesk.com", "key")
python._api_prefix = f"{here}/api/v2/"

def node(kind, value):
    return int(subprocess.run(["node", "ask.js", here, kind, value], capture_output=True, text=True, check=True).stdout)

number = contact["mobile"]
lists = node("list", number), len(python.contacts.list_contacts(mobile=number))
print(f"list by {number}: npm finds {lists[0]}, PyPI {lists[1]}")
changed = lists != (1, 1)
cases = [
    (f"mobile:'{number}'", "\"mobile:' 15550100123'\""),
    (f"email:'{contact['email']}'", "\"email:'ann orders@example.com'\""),
    ("tag:'R&D'", "\"tag:'R"),
]
for query, wrong in cases:
    asked.clear()
    found = node("search", query), len(python.contacts.filter_contacts(query))
    print(f"search for {query}: npm finds {found[0]}, PyPI {found[1]}; asked: {' and '.join(asked)}")
    changed |= found != (0, 0) or asked != [wrong, wrong]
server.shutdown()
sys.exit(1 if changed else 0)
PY
venv/bin/python contacts.py
