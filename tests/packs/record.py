"""Records the samples beside the packs with the vendors' own clients.

    pip install --target /tmp/clients twilio==9.13.0 vonage==4.9.1 sinch==2.3.0
    PYTHONPATH=/tmp/clients python3 tests/packs/record.py

The client makes each call, and signs or verifies each webhook; the answers are in the shapes that it reads. The secrets are
made up. The files are committed, so that the plain tests need no client.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2] / "packs"
AT = 1795857302
WHEN = "2026-11-28T09:15:02Z"
FROM, TO = "+15550123456", "+15550100100"


def quoted(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {quoted(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(quoted(v) for v in value) + "]"
    if isinstance(value, str) and "'" not in value and '"' in value:
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False)


def write(name, head, samples):
    lines = ["# " + line for line in head]
    for kind, fields in samples:
        lines += ["", f"[[{kind}]]"] + [f"{key} = {quoted(value)}" for key, value in fields.items() if value is not None]
    (ROOT / f"{name}.samples.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def versions(*packages):
    return ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)


def twilio():
    from twilio.http import HttpClient
    from twilio.http.response import Response
    from twilio.request_validator import RequestValidator
    from twilio.rest import Client
    from twilio.base.exceptions import TwilioRestException

    account, token, url = "AC" + "0" * 32, "12345", "https://bridge.example.org/webhooks/twilio"
    sid = "SM" + "1" * 32
    calls = []

    class Recorder(HttpClient):
        def __init__(self, status, body):
            self.status, self.body = status, body

        def request(self, method, uri, params=None, data=None, headers=None, auth=None, **_):
            assert (method, auth) == ("POST", (account, token)), (method, auth)
            assert headers["Content-Type"] == "application/x-www-form-urlencoded", headers
            calls.append((urllib.parse.urlsplit(uri).path, urllib.parse.urlencode(data)))
            return Response(self.status, self.body)

    text = "Hi Ada & Bob: 50 % off, naïve 👋"
    taken = json.dumps({"sid": sid, "status": "queued", "to": FROM, "from": TO, "body": text, "error_code": None})

    def send(status, body):
        return Client(account, token, http_client=Recorder(status, body)).messages.create(
            to=FROM, from_=TO, body=text, status_callback=url
        )

    assert send(201, taken).sid == sid
    path, body = calls[-1]
    samples = [("call", {"name": "a text", "account_id": account, "webhook_url": url, "to": FROM, "from": TO,
                         "text": text, "path": path, "body": body})]
    samples.append(("answer", {"name": "taken", "status": 201, "body": taken, "is": "sent", "id": sid}))
    for name, status, code, fate in [
        ("opted out", 400, 21610, "opted_out"), ("no such number", 400, 21211, "unreachable"),
        ("not our number", 400, 21606, "operator"), ("another refusal", 400, 21617, "reject"),
        ("wrong token", 401, 20003, "pause"), ("wrong account", 404, 20404, "forbid"),
        ("too many", 429, 20429, "retry"), ("a fault of Twilio's", 500, 20500, "unknown"), ("away", 503, 20503, "unknown"),
    ]:
        body = json.dumps({"code": code, "message": f"to {FROM}", "more_info": f"https://www.twilio.com/docs/errors/{code}",
                           "status": status})
        try:
            send(status, body)
            raise AssertionError(name)
        except TwilioRestException as error:
            assert (error.status, error.code) == (status, code)
        samples.append(("answer", {"name": name, "status": status, "body": body, "is": fate}))

    validator = RequestValidator(token)

    def posted(name, fields, kind, algorithm=None, port=False, **told):
        address = url.replace(".org/", ".org:443/") if port else url
        signature = validator.compute_signature(address, fields, algorithm)
        assert validator.validate(url, fields, signature, algorithm)
        headers = {"X-Twilio-Signature": signature}
        if algorithm:
            headers["X-Twilio-Webhooks-Signature-Settings"] = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
        samples.append(("webhook", {"name": name, "secret": token, "webhook_url": url, "at": WHEN, "headers": headers,
                                    "body": urllib.parse.urlencode(fields), "is": kind, **told}))

    inbound = {"ToCountry": "US", "MessageSid": sid, "SmsStatus": "received", "Body": "Où est mon colis ? 👋 a=b&c",
               "From": FROM, "To": TO, "NumMedia": "0", "AccountSid": account, "ApiVersion": "2010-04-01"}
    told = {"id": sid, "from": FROM, "to": TO}
    posted("a customer's text", inbound, "text", words=inbound["Body"], media=[], **told)
    posted("signed with the port", inbound, "text", port=True, **told)
    posted("signed by a shared key", inbound, "text", algorithm="HMAC_SHA256", **told)
    media = {**inbound, "Body": "", "NumMedia": "2", "MediaUrl0": "https://api.twilio.com/m/0", "MediaUrl1": "https://api.twilio.com/m/1"}
    posted("two pictures", media, "text", words="", media=[media["MediaUrl0"], media["MediaUrl1"]], **told)
    status = {"MessageSid": sid, "SmsSid": sid, "AccountSid": account, "From": TO, "To": FROM, "ApiVersion": "2010-04-01"}
    told = {"id": sid, "from": TO, "to": FROM}
    for state, kind in [("sent", "ignored"), ("delivered", "delivered"), ("read", "read"), ("partially_delivered", "ignored")]:
        posted(f"the state {state}", {**status, "SmsStatus": state, "MessageStatus": state}, kind,
               **(told if kind not in ("ignored",) else {}))
    posted("a failure", {**status, "MessageStatus": "undelivered", "ErrorCode": "30003"}, "failed", code="30003", **told)
    posted("an opt-out told late", {**status, "MessageStatus": "failed", "ErrorCode": "21610"}, "failed", code="21610", **told)
    posted("nobody's text", {key: value for key, value in inbound.items() if key != "From"}, "unreadable")
    forged = dict(samples[-1][1], name="a changed body", body=urllib.parse.urlencode({**inbound, "Body": "other"}))
    samples.append(("webhook", {**forged, "is": "refused"}))
    samples.append(("webhook", {**forged, "name": "no signature", "headers": {}, "is": "refused"}))
    write("twilio", [f"Samples of Twilio Programmable Messaging, recorded with {versions('twilio')} by tests/packs/record.py."],
          samples)


def vonage():
    import jwt
    import requests
    from vonage import Auth, Vonage
    from vonage_http_client import errors
    from vonage_jwt import verify_signature
    from vonage_messages import Sms

    key, password, secret = "a1b2c3d4", "abcdef0123456789", "a-signature-secret-of-32-letters"
    url, uuid, mark = "https://bridge.example.org/webhooks/vonage", "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab", "evt_000000000000000100000002-1"
    text, calls = "Hi Ada & Bob: 50 % off, naïve 👋", []

    def send(status, body):
        def request(self, method, url, **named):
            head = {**self.headers, **(named.get("headers") or {})}
            assert requests.auth._basic_auth_str(key, password) == head["Authorization"], head
            assert method == "POST", method
            calls.append((urllib.parse.urlsplit(url).path, json.dumps(named["json"])))
            answer = requests.Response()
            answer.status_code, answer._content, answer.url = status, json.dumps(body).encode(), url
            answer.headers["Content-Type"] = "application/json"
            return answer

        requests.Session.request = request
        message = Sms(to=FROM[1:], from_=TO[1:], text=text, client_ref=mark, webhook_url=url, webhook_version="v1")
        return Vonage(Auth(api_key=key, api_secret=password)).messages.send(message)

    assert send(202, {"message_uuid": uuid}).message_uuid == uuid
    path, body = calls[-1]
    samples = [("call", {"name": "a text", "account_id": key, "webhook_url": url, "to": FROM, "from": TO, "text": text,
                         "mark": mark, "path": path, "body": body})]
    samples.append(("answer", {"name": "taken", "status": 202, "body": json.dumps({"message_uuid": uuid}), "is": "sent", "id": uuid}))
    for name, status, error, fate in [
        ("wrong key", 401, errors.AuthenticationError, "pause"), ("no money", 402, errors.HttpRequestError, "pause"),
        ("not allowed", 403, errors.ForbiddenError, "forbid"), ("another address", 404, errors.NotFoundError, "forbid"),
        ("invalid", 422, errors.HttpRequestError, "reject"), ("too many", 429, errors.RateLimitedError, "retry"),
        ("a fault of Vonage's", 500, errors.ServerError, "unknown"),
    ]:
        body = {"type": "https://developer.vonage.com/api-errors", "title": name, "detail": f"to {FROM}", "instance": "bf0ca0bf"}
        try:
            send(status, body)
            raise AssertionError(name)
        except error as raised:
            assert raised.response.status_code == status
        samples.append(("answer", {"name": name, "status": status, "body": json.dumps(body), "is": fate}))

    def posted(name, fields, kind, at=AT, body=None, secret_of=secret, claims=None, **told):
        sent = json.dumps(fields)
        claims = {"iat": at, "jti": "c5ba8f24", "iss": "Vonage", "api_key": key, "application_id": "aaaaaaaa",
                  "payload_hash": hashlib.sha256(sent.encode()).hexdigest()} if claims is None else claims
        token = jwt.encode(claims, secret_of, algorithm="HS256")
        assert verify_signature(token, secret) == (secret_of == secret)
        samples.append(("webhook", {"name": name, "secret": secret, "webhook_url": url, "at": WHEN,
                                    "headers": {"Authorization": f"Bearer {token}"}, "body": body or sent, "is": kind, **told}))

    inbound = {"channel": "sms", "message_uuid": uuid, "to": TO[1:], "from": FROM[1:], "timestamp": WHEN,
               "message_type": "text", "text": "Où est mon colis ? 👋", "sms": {"num_messages": "1"},
               "usage": {"price": "0.0333", "currency": "EUR"}}
    told = {"id": uuid, "from": FROM, "to": TO}
    posted("a customer's text", inbound, "text", words=inbound["text"], media=[], **told)
    picture = {key_: value for key_, value in inbound.items() if key_ != "text"}
    picture.update(channel="mms", message_type="image", image={"url": "https://example.com/i.jpg", "caption": "broken"})
    posted("a picture", picture, "text", words="broken", media=["https://example.com/i.jpg"], **told)
    status = {"message_uuid": uuid, "to": FROM[1:], "from": TO[1:], "timestamp": WHEN, "channel": "sms", "client_ref": mark}
    told = {"id": uuid, "from": TO, "to": FROM}
    for state, kind in [("submitted", "sent"), ("delivered", "delivered"), ("read", "read")]:
        posted(f"the state {state}", {**status, "status": state}, kind, **told)
    failure = {"type": "https://developer.vonage.com/api-errors/messages#1320", "title": "1320", "detail": "Message already sent"}
    for state in ("rejected", "undeliverable"):
        posted(f"the state {state}", {**status, "status": state, "error": failure}, "failed", code="1320", **told)
    posted("a state without the mark", {**{k: v for k, v in status.items() if k != "client_ref"}, "status": "delivered"},
           "delivered", **told)
    posted("a state that is not known", {**status, "status": "pondered"}, "ignored")
    posted("nobody's text", {k: v for k, v in inbound.items() if k != "from"}, "unreadable")
    posted("a changed body", inbound, "refused", body=json.dumps({**inbound, "text": "other"}))
    posted("an old token", inbound, "refused", at=AT - 3600)
    posted("another secret", inbound, "refused", secret_of="another-secret-of-at-least-32-letters")
    posted("no digest of the body", inbound, "refused", claims={"iat": AT})
    write("vonage", [f"Samples of Vonage Messages, recorded with {versions('vonage', 'vonage-messages', 'vonage-jwt', 'PyJWT')} "
                     "by tests/packs/record.py."], samples)


def sinch():
    import requests
    from sinch import SinchClient
    from sinch.core.exceptions import SinchException
    from sinch.domains.authentication.sinch_events.v1.authentication_validation import (
        calculate_sinch_event_signature, compute_signed_data)

    plan, token, secret, url = "plan1", "an-api-token", "a-webhook-secret", "https://bridge.example.org/webhooks/sinch"
    batch, mark = "01FC66621XXXXX119Z8PMV1QPQ", "evt_000000000000000100000002-1"
    text, calls = "Hi Ada & Bob: 50 % off, naïve 👋", []

    def send(status, body):
        def wire(self, request, **_):
            assert request.headers["Authorization"] == f"Bearer {token}", request.headers
            calls.append((urllib.parse.urlsplit(request.url).path, request.body))
            answer = requests.Response()
            answer.status_code, answer.url = status, request.url
            answer._content = json.dumps(body).encode()
            answer.headers["Content-Type"] = "application/json"
            return answer

        requests.Session.send = wire
        client = SinchClient(service_plan_id=plan, sms_api_token=token, sms_region="us")
        client.configuration.retry_configuration.max_retries = 0
        return client.sms.batches.send_sms(to=[FROM[1:]], from_=TO[1:], body=text, delivery_report="per_recipient",
                                           event_destination_target=url, client_reference=mark)

    taken = {"id": batch, "to": [FROM[1:]], "from": TO[1:], "body": text, "type": "mt_text", "canceled": False,
             "created_at": WHEN, "modified_at": WHEN, "delivery_report": "per_recipient", "callback_url": url,
             "client_reference": mark}
    assert send(201, taken).id == batch
    path, body = calls[-1]
    samples = [("call", {"name": "a text", "account_id": plan, "webhook_url": url, "to": FROM, "from": TO, "text": text,
                         "mark": mark, "path": path, "body": body}),
               ("answer", {"name": "taken", "status": 201, "body": json.dumps(taken), "is": "sent", "id": batch})]
    for name, status, code, fate in [
        ("a wrong number", 400, "syntax_invalid_parameter_format", "reject"),
        ("wrong syntax", 400, "syntax_constraint_violation", "reject"), ("wrong token", 401, None, "pause"),
        ("not allowed", 403, "unknown_campaign", "forbid"), ("another plan", 404, None, "forbid"),
        ("another type", 415, None, "reject"), ("too many", 429, None, "retry"),
        ("a fault of Sinch's", 500, None, "unknown"), ("away", 503, None, "unknown"),
    ]:
        body = {"code": code, "text": f"to {FROM}"} if code else {}
        try:
            send(status, body)
            raise AssertionError(name)
        except SinchException as raised:
            assert raised.response_status_code == status
        samples.append(("answer", {"name": name, "status": status, "body": json.dumps(body), "is": fate}))

    def posted(name, fields, kind, at=AT, when=WHEN, body=None, secret_of=secret, **told):
        sent, nonce = json.dumps(fields), "01FJA8B4A7BM43YGWSG9GBV067"
        signature = calculate_sinch_event_signature(compute_signed_data(sent, nonce, str(at)), secret_of)
        headers = {"X-Sinch-Webhook-Signature": signature, "X-Sinch-Webhook-Signature-Nonce": nonce,
                   "X-Sinch-Webhook-Signature-Timestamp": str(at), "X-Sinch-Webhook-Signature-Algorithm": "HmacSHA256"}
        events = SinchClient().sms.sinch_events(secret)
        assert events.validate_authentication_header(headers, sent) == (secret_of == secret)
        if kind != "unreadable":
            events.parse_event(sent)
        samples.append(("webhook", {"name": name, "secret": secret, "webhook_url": url, "at": when, "headers": headers,
                                    "body": body or sent, "is": kind, **told}))

    inbound = {"type": "mo_text", "id": "01XXXXX21XXXXX119Z8P1XXXXX", "from": FROM[1:], "to": TO[1:],
               "body": "Où est mon colis ? 👋", "operator_id": "310260", "received_at": WHEN}
    told = {"id": inbound["id"], "from": FROM, "to": TO}
    posted("a customer's text", inbound, "text", words=inbound["body"], media=[], **told)
    posted("a repeat of the next morning with the first time", inbound, "text", when="2026-11-29T08:00:00Z", **told)
    picture = {"content_type": "image/jpeg", "status": "Uploaded", "code": 0}
    files = [{"url": f"https://example.com/{name}.jpg", **picture} for name in ("i", "j")]
    lost = {"content_type": "image/jpeg", "status": "Failed", "code": 1}
    mms = {**inbound, "type": "mo_media", "body": {"message": "broken", "media": [files[0], lost, files[1]]}}
    media = [file["url"] for file in files]
    posted("two pictures and a lost one", mms, "text", words="broken", media=media, **told)
    posted("pictures without words", {**mms, "body": {"media": files}}, "text", words="", media=media, **told)
    subject = {"subject": "Broken on arrival", "media": files}
    posted("pictures under a subject", {**mms, "body": subject}, "text", words="Broken on arrival", media=media, **told)
    both = {"subject": "Order 7", "message": "Broken on arrival", "media": []}
    posted("a subject and words", {**mms, "body": both}, "text", words="Order 7\nBroken on arrival", media=[], **told)
    asked = "[The customer sent something that is not passed on. Ask for it in words.]"
    posted("a lost picture alone", {**mms, "body": {"media": [lost]}}, "text", words=asked, media=[], **told)
    binary = {**inbound, "type": "mo_binary", "body": "VGV4dA==", "udh": "050003000101"}
    posted("a binary message", binary, "text", words=asked, media=[], **told)
    status = {"type": "recipient_delivery_report_sms", "batch_id": batch, "client_reference": mark, "recipient": FROM[1:],
              "at": WHEN, "operator_status_at": WHEN}
    told = {"id": batch, "to": FROM}
    for state, code, kind in [("Queued", 400, "sent"), ("Dispatched", 401, "sent"), ("DISPATCHED", 401, "sent"),
                              ("Delivered", 0, "delivered"), ("DELIVERED", 0, "delivered")]:
        posted(f"the state {state}", {**status, "status": state, "code": code}, kind, **told)
    for state, code in [("Aborted", 402), ("ABORTED", 412), ("Cancelled", 407), ("Failed", 34), ("Expired", 406),
                        ("Rejected", 408), ("Deleted", 8)]:
        posted(f"the state {state}", {**status, "status": state, "code": code}, "failed", code=str(code), **told)
    posted("the state Unknown", {**status, "status": "Unknown", "code": 7}, "ignored")
    posted("a state without the mark", {**{k: v for k, v in status.items() if k != "client_reference"},
                                        "status": "Delivered", "code": 0}, "delivered", **told)
    summary = {"type": "delivery_report_sms", "batch_id": batch, "total_message_count": 1,
               "statuses": [{"code": 0, "status": "Delivered", "count": 1}]}
    posted("a summary of a batch", summary, "ignored")
    posted("nobody's text", {k: v for k, v in inbound.items() if k != "from"}, "unreadable")
    posted("a changed body", inbound, "refused", body=json.dumps({**inbound, "body": "other"}))
    posted("an old signature", inbound, "refused", at=AT - 24 * 3600)
    posted("a signature ahead of the clock", inbound, "refused", at=AT + 301)
    posted("another secret", inbound, "refused", secret_of="another-webhook-secret")
    write("sinch", [f"Samples of Sinch SMS, recorded with {versions('sinch')} by tests/packs/record.py."], samples)


if __name__ == "__main__":
    for record in [value for name, value in list(globals().items()) if name in (sys.argv[1:] or ["twilio", "vonage", "sinch"])]:
        record()
