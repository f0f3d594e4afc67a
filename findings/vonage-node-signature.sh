#!/usr/bin/env bash
# npm @vonage/auth 1.18.1, which signs the text messages of Vonage's Node.js client, makes a signature that its sibling
# @vonage/sms 1.24.1 calls wrong, with each of the five algorithms. Vonage's page "Signing Messages" has every parameter as
# &key=value, sorted, with & and = inside a value made _. @vonage/auth writes the parameters as a form, and makes _ of the & and
# = between them too. Vonage refuses a text that is signed wrongly (its page: status 14, "invalid signature"), so an account that
# signs sends nothing from this client, and its author looks for the fault in the secret.
#
# Seen: one text, signed by @vonage/auth, is refused by the verifySignature of @vonage/sms five times of five. Signed by PyPI
# vonage-http-client 1.5.2 or by npm nexmo 2.9.1, the client before, it is accepted; these two sign alike. (The first of the five,
# a plain MD5 and the default of an account, cannot be had of vonage-http-client: None, by which its documentation asks for it,
# raises TypeError.)
# Needs Node.js, npm and Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @vonage/auth@1.18.1 @vonage/sms@1.24.1 nexmo@2.9.1
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check vonage-http-client==1.5.2
cat > sign.py <<'PY'
import json, sys
from vonage_http_client.auth import Auth

signed = {}
for method in [None, "md5", "sha1", "sha256", "sha512"]:
    try:
        auth = Auth(api_key="abcd1234", signature_secret="secret", signature_method=method)
        signed[method or "md5hash"] = auth.sign_params(json.loads(sys.argv[1]))
    except TypeError as error:
        signed[method or "md5hash"] = type(error).__name__
print(json.dumps(signed))
PY
cat > siblings.js <<'JS'
const { execFileSync } = require('node:child_process');
const { Auth, AlgorithmTypes } = require('@vonage/auth');
const { SMS } = require('@vonage/sms');
const Nexmo = require('nexmo');

const text = { api_key: 'abcd1234', from: '15550100100', text: 'On its way', timestamp: '1796000000', to: '15550100123' };
const python = JSON.parse(execFileSync('venv/bin/python', ['sign.py', JSON.stringify(text)]));
const methods = [
  ['md5hash', AlgorithmTypes.md5hash],
  ['md5', AlgorithmTypes.md5hmac],
  ['sha1', AlgorithmTypes.sha1hmac],
  ['sha256', AlgorithmTypes.sha256hmac],
  ['sha512', AlgorithmTypes.sha512hmac],
];
(async () => {
  let changed = false;
  for (const [method, algorithm] of methods) {
    const auth = new Auth({ apiKey: 'abcd1234', apiSecret: 'unused', signature: { algorithm, secret: 'secret' } });
    const accepts = (signature) => new SMS(auth).verifySignature(signature, text, 'secret', algorithm);
    const { sig } = await auth.createSignatureHash(text);
    const older = Nexmo.generateSignature(method, 'secret', { ...text });
    const seen = [accepts(sig), accepts(older), python[method] === older ? 'alike' : python[method]];
    console.log(`${method}: @vonage/sms accepts @vonage/auth ${seen[0]}, nexmo ${seen[1]}; vonage-http-client and nexmo ${seen[2]}`);
    changed ||= seen.join() !== `false,true,${method === 'md5hash' ? 'TypeError' : 'alike'}`;
  }
  process.exit(changed ? 1 : 0);
})();
JS
node siblings.js
