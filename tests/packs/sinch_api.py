# A Sinch of the REST API for SMS on 127.0.0.1, made of Sinch's own client. It is asked by the tests.
#
#   python tests/packs/sinch_api.py PLAN TOKEN SECRET
#
# A call is taken where the client, given the same facts, would have sent the same: its models read the body, its endpoint makes the
# path, its transport the headers. Answers, texts and reports are the client's models, written out. Webhooks are signed by the
# client's function, and its own check has to take each before it goes.
#
# It prints its port, and then answers each line of JSON on the standard input by one:
#   {"text": {"from", "to", "body", "type"}, "url", "at"}    a customer's text to this address, signed at this second
#   {"report": [BATCH, STATUS, CODE], "url", "at"}           a report on a batch
#   {"answer": [STATUS, CODE, IS_TAKEN]}                     one answer to come in the place of 201
#   {"sent": true}                                           the batches
import datetime
import http.server
import json
import sys
import threading
import urllib.error
import urllib.request
import uuid

from pydantic import TypeAdapter
from sinch import SinchClient
from sinch.domains.authentication.sinch_events.v1.authentication_validation import (
    calculate_sinch_event_signature, compute_signed_data)
from sinch.domains.sms.api.v1.internal import ListBatchesEndpoint, SendSMSEndpoint
from sinch.domains.sms.models.v1.internal import ListBatchesRequest, SendSMSRequest
from sinch.domains.sms.models.v1.response import RecipientDeliveryReport
from sinch.domains.sms.models.v1.response.list_batches_response import ListBatchesResponse
from sinch.domains.sms.models.v1.shared.mo_binary_message import MOBinaryMessage
from sinch.domains.sms.models.v1.shared.mo_media_message import MOMediaMessage
from sinch.domains.sms.models.v1.shared.mo_text_message import MOTextMessage
from sinch.domains.sms.models.v1.shared.text_response import TextResponse

PLAN, TOKEN, SECRET = sys.argv[1:4]
CLIENT = SinchClient(service_plan_id=PLAN, sms_api_token=TOKEN, sms_region="us")
CLIENT.configuration.validate_authentication_parameters()
EVENTS = CLIENT.sms.sinch_events(SECRET)
TEXTS = {"mo_text": MOTextMessage, "mo_media": MOMediaMessage, "mo_binary": MOBinaryMessage}
batches, answers, lock = {}, [], threading.Lock()


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def written(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def msisdn(number):
    """All numbers of Sinch's are without + and 00."""
    return number.removeprefix("+").removeprefix("00")


def own(endpoint, request):
    """The request that the client makes of these facts."""
    endpoint = endpoint(PLAN, request)
    endpoint.set_authentication_method(CLIENT)
    transport = CLIENT.configuration.transport
    return transport.authenticate(endpoint, transport.prepare_request(endpoint))


def place(request):
    return request.http_method, request.url.split("sms.api.sinch.com")[1]


def read(method, path, headers, body):
    """The request that the client reads, or the status and the code of a refusal."""
    path, _, query = path.partition("?")
    listing = own(ListBatchesEndpoint, ListBatchesRequest(page_size=1))
    if headers.get("Authorization") != listing.headers["Authorization"]:
        return 401, None
    if (method, path) == place(listing):
        expected = "&".join(f"{name}={value}" for name, value in listing.query_params.items())
        return (200, None) if query == expected else (400, "syntax_constraint_violation")
    try:
        facts = json.loads(body or "null")
        request = TypeAdapter(SendSMSRequest).validate_python(facts)
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 400, "syntax_constraint_violation"
    sending = own(SendSMSEndpoint, request)
    if (method, path) != place(sending):
        return 404, None
    if headers.get("Content-Type") != sending.headers["Content-Type"]:
        return 415, None
    if json.loads(sending.request_body) != facts or request.model_extra:
        print(f"the client would send {sending.request_body}, and not {body}", file=sys.stderr)
        return 400, "syntax_constraint_violation"
    if not all(msisdn(to).isdigit() for to in request.to):
        return 400, "syntax_invalid_parameter_format"
    return request


def take(request):
    own = {"id": uuid.uuid4().hex.upper()[:26], "canceled": False, "to": list(map(msisdn, request.to)),
           "from": msisdn(request.from_), "created_at": now(), "modified_at": now()}
    batch = TextResponse(**{**request.model_dump(by_alias=True), **own})
    batches[batch.id] = batch
    return batch


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        found = read(self.command, self.path, self.headers, body)
        with lock:
            if found == (200, None):
                return self.reply(200, written(ListBatchesResponse(count=0, page=0, page_size=0, batches=[])))
            if isinstance(found, tuple):
                status, code, is_taken = *found, False
            else:
                status, code, is_taken = answers.pop(0) if answers else (201, None, True)
            batch = take(found) if is_taken else None
        if status == 201:
            return self.reply(status, written(batch))
        self.reply(status, {"code": code, "text": "a refusal"} if code else None)

    do_GET = do_POST

    def reply(self, status, body):
        raw = json.dumps(body).encode() if body else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_):
        pass


def post(order, event):
    """Posts an event as Sinch signs it, and gives back the status."""
    body, nonce, stamp = json.dumps(written(event)), uuid.uuid4().hex, str(order["at"])
    signature = calculate_sinch_event_signature(compute_signed_data(body, nonce, stamp), SECRET)
    headers = {"Content-Type": "application/json", "x-sinch-webhook-signature": signature,
               "x-sinch-webhook-signature-nonce": nonce, "x-sinch-webhook-signature-timestamp": stamp,
               "x-sinch-webhook-signature-algorithm": "HmacSHA256"}
    assert EVENTS.validate_authentication_header(headers, body)
    assert type(EVENTS.parse_event(body)) is type(event)
    try:
        with urllib.request.urlopen(urllib.request.Request(order["url"], body.encode(), headers), timeout=30) as answer:
            return {"status": answer.status}
    except urllib.error.HTTPError as refused:
        return {"status": refused.code}


def obey(order):
    if "text" in order:
        facts = {"type": "mo_text", "id": uuid.uuid4().hex.upper()[:26], "received_at": now(), **order["text"]}
        facts["from"], facts["to"] = msisdn(facts["from"]), msisdn(facts["to"])
        return post(order, TEXTS[facts["type"]](**facts))
    if "report" in order:
        batch, status, code = order["report"]
        batch = batches[batch]
        return post(order, RecipientDeliveryReport(
            type="recipient_delivery_report_sms", batch_id=batch.id, client_reference=batch.client_reference,
            recipient=batch.to[0], status=status, code=code, at=now(), operator_status_at=now()))
    if "answer" in order:
        with lock:
            answers.append(order["answer"])
        return {}
    return {"sent": [written(batch) for batch in batches.values()]}


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
for line in sys.stdin:
    print(json.dumps(obey(json.loads(line))), flush=True)
