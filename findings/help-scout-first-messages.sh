#!/usr/bin/env bash
# PyPI helpscout-mailbox 1.2.0 loses the beginning of a long conversation. It asks Help Scout for the threads of one once, and
# never for a second page. Help Scout gives 50 to a page (its page "Pagination"), the newest first ("List Threads"), so the
# customer's first messages are missing, and in the text of all threads that the client joins too. No error is raised, and the
# answer's count of pages is not handed on. An agent, or a program that sums the conversation up, never sees the question.
#
# Seen with 1.2.0, of a server on this machine with 52 threads: it gives 50, and the oldest is the third message. npm helpscout-2.0
# 1.1.5 reads both pages of the same server and gives 52.
# Needs Python 3 with venv, Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund helpscout-2.0@1.1.5
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check helpscout-mailbox==1.2.0
cat > sibling.js <<'JS'
const real = require('request');

const server = process.argv[2];
require.cache[require.resolve('request')].exports = (options, callback) =>
  real({ ...options, url: options.url.replace('https://api.helpscout.net', server) }, callback);
const HelpScout = require('helpscout-2.0');
const client = new HelpScout({ clientId: 'id', clientSecret: 'secret' });
client.list('threads', '', 'conversations', 7).then((threads) => process.stdout.write(JSON.stringify(threads)));
JS
cat > threads.py <<'PY'
import json, os, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from helpscout_mailbox import client as mailbox

SIZE = 50
threads = [{"id": number, "type": "customer", "body": f"message {number}"} for number in range(52, 0, -1)]

class Desk(BaseHTTPRequestHandler):
    def do_POST(self):
        self.answer({"access_token": "token", "expires_in": 7200})

    def do_GET(self):
        number = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
        page = {"size": SIZE, "totalElements": len(threads), "totalPages": 2, "number": number}
        self.answer({"_embedded": {"threads": threads[(number - 1) * SIZE : number * SIZE]}, "page": page})

    def answer(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/hal+json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Desk)
Thread(target=server.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{server.server_port}"
os.environ.update({mailbox.APP_ID_ENVVAR: "id", mailbox.APP_SECRET_ENVVAR: "secret"})
mailbox.BASE_URL, mailbox.TOKEN_URL = f"{here}/v2", f"{here}/v2/oauth2/token"
client = mailbox.HelpScoutClient()
python, joined = client.conversation_threads(7), client.conversation_body(7)
node = json.loads(subprocess.run(["node", "sibling.js", here], capture_output=True, text=True, check=True).stdout)
print(f"PyPI helpscout-mailbox: {len(python)} threads, the oldest is {python[-1]['body']!r}; its text ends with {joined[-9:]!r}")
print(f"npm helpscout-2.0: {len(node)} threads, the oldest is {node[-1]['body']!r}")
server.shutdown()
sys.exit(0 if python == threads[:SIZE] and joined.endswith("message 3") and node == threads else 1)
PY
venv/bin/python threads.py
