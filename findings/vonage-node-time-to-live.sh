#!/usr/bin/env bash
# npm @vonage/messages 1.27.1, Vonage's own client, drops the time to live of a message with a picture or a file (MMS). Each of the
# seven classes documents its `ttl`, as do the types of their parameters, and no constructor reads it, so an offer or a code that was
# to be given up after five minutes arrives when the phone is switched on. A program must set it on the finished message. A Viber
# file goes without the `viberService` that the example of its class gives it. No error tells of either, and the call succeeds.
#
# Seen with 1.27.1, against a server on this machine that keeps every request: the table below; the ttl of a text message (SMS)
# and the viber_service of a Viber text are sent. PyPI vonage-messages 1.8.1 sends the ttl of both an SMS and an MMS.
# Needs Node.js, npm and Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @vonage/messages@1.27.1 @vonage/auth@1.18.1
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check vonage-messages==1.8.1
cat > python.py <<'PY'
from vonage_http_client.auth import Auth
from vonage_http_client.http_client import HttpClient
from vonage_messages import Messages
from vonage_messages.models import MmsText, Sms

sent = []

class Writer(HttpClient):
    def post(self, host, path, params, *_):
        sent.append(str(params.get("ttl")))
        return {"message_uuid": "1"}

messages = Messages(Writer(Auth(api_key="key", api_secret="secret")))
for kind in (Sms, MmsText):
    messages.send(kind(to="15550100123", from_="15550100100", text="Your code is 1234", ttl=300))
print(" ".join(sent))
PY
cat > sent.js <<'JS'
const { execFileSync } = require('node:child_process');
const http = require('node:http');
const { Auth } = require('@vonage/auth');
const { Messages, SMS, ViberFile, ViberText, ...others } = require('@vonage/messages');

let came;
const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => { body += chunk; });
  request.on('end', () => {
    came = JSON.parse(body);
    response.writeHead(202, { 'Content-Type': 'application/json' });
    response.end('{"message_uuid":"1"}');
  });
});
server.listen(0, '127.0.0.1', async () => {
  const auth = new Auth({ apiKey: 'key', apiSecret: 'secret' });
  const client = new Messages(auth, { apiHost: `http://127.0.0.1:${server.address().port}` });
  const ends = { to: '15550100123', from: '15550100100' };
  const file = { url: 'https://example.org/offer.pdf' };
  const viber = { ...ends, text: 'On its way', file, viberService: { category: 'transaction' } };
  const given = { ...ends, ttl: 300, text: 'Your code is 1234', content: [{ type: 'file', ...file }] };
  for (const kind of ['image', 'video', 'audio', 'vcard', 'file']) given[kind] = file;
  const mms = Object.keys(others).filter((name) => name.startsWith('MMS')).sort();
  const cases = [
    ['SMS', new SMS(given), 'ttl', '300'],
    ...mms.map((name) => [name, new others[name](given), 'ttl', 'left out']),
    ['MMSText, set afterwards', Object.assign(new others.MMSText(given), { ttl: 300 }), 'ttl', '300'],
    ['ViberText', new ViberText(viber), 'viber_service', '{"category":"transaction"}'],
    ['ViberFile', new ViberFile(viber), 'viber_service', 'left out'],
  ];
  let changed = mms.length !== 7;
  for (const [name, message, key, before] of cases) {
    await client.send(message);
    const seen = came[key] === undefined ? 'left out' : JSON.stringify(came[key]);
    console.log(`${name}, ${key}: ${seen}`);
    changed ||= seen !== before || came.to !== ends.to;
  }
  const python = execFileSync('venv/bin/python', ['python.py'], { encoding: 'utf8' }).trim();
  console.log(`vonage-messages, ttl of Sms and MmsText: ${python}`);
  server.close();
  server.closeAllConnections();
  process.exitCode = changed || python !== '300 300' ? 1 : 0;
});
JS
node sent.js
