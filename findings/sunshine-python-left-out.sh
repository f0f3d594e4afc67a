#!/usr/bin/env bash
# PyPI sunshine-conversations-client 17.0.1, Zendesk's own client of Sunshine Conversations, leaves out of a request what it was
# given: a participant that is named by `userExternalId` goes out without any name, although the API takes either name, and
# the page and the filter of a list go out as JSON in one parameter, where the API's description has `page[size]=5` and
# `filter[userId]=u1`.
#
# Seen with 17.0.1 against a server on this machine that writes down what comes. Needs Python 3 with venv. Exits with 0 while
# the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sunshine-conversations-client==17.0.1
"$folder/venv/bin/python" - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import sunshine_conversations_client as sunco
from sunshine_conversations_client.exceptions import ApiException
from sunshine_conversations_client.model.conversation_create_body import ConversationCreateBody
from sunshine_conversations_client.model.conversation_list_filter import ConversationListFilter
from sunshine_conversations_client.model.page import Page

came = []


class Writer(BaseHTTPRequestHandler):
    def do_GET(self):
        came.append(parse_qs(urlsplit(self.path).query))
        self.refuse()

    def do_POST(self):
        came.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.refuse()

    def refuse(self):
        self.send_response(404)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Writer)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}"
conversations = sunco.ConversationsApi(sunco.ApiClient(sunco.Configuration(host=address, username="key", password="secret")))

given = {"type": "personal", "participants": [{"userExternalId": "customer-7", "subscribeSDKClient": False}]}
for call in (
    lambda: conversations.create_conversation("app", ConversationCreateBody.from_dict(given)),
    lambda: conversations.list_conversations("app", filter=ConversationListFilter(user_id="u1"), page=Page(size=5)),
):
    try:
        call()
    except ApiException:
        pass

made, listed = came
print(f"given: {given['participants']}")
print(f"sent:  {made['participants']}")
print(f"query: {listed}")
as_seen = made["participants"] == [{"subscribeSDKClient": False}] and listed == {
    "page": ['{"size": 5}'],
    "filter": ['{"userId": "u1"}'],
}
sys.exit(0 if as_seen else 1)
PY
