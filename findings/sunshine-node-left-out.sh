#!/usr/bin/env bash
# npm sunshine-conversations-client 14.1.0, the newest version of Zendesk's own client of Sunshine Conversations for Node.js, drops
# fields of the events and answers that it reads. A message that could not be delivered loses `error`, with its code and its
# message, so an agent learns that the text failed and never why. A user loses `zendeskId`, by which the same user is found in
# Zendesk. An integration keeps the four fields that all kinds share, so a program cannot tell which of two numbers at Twilio it
# is. The API's own description names all of these, and its example of a failed message has the error. No error is raised.
#
# Seen with 14.1.0, of the events and the answers of a server on this machine: the table below. PyPI sunshine-conversations-client
# 17.0.1 keeps each of them.
# Needs Node.js, npm and Python 3 with venv. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund sunshine-conversations-client@14.1.0
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sunshine-conversations-client==17.0.1
cat > sibling.py <<'PY'
import json, sys
from sunshine_conversations_client.model.conversation_message_delivery_failure_event import ConversationMessageDeliveryFailureEvent
from sunshine_conversations_client.model.integration import Integration
from sunshine_conversations_client.model.user import User

event, user, integration = json.loads(sys.argv[1])
failure = ConversationMessageDeliveryFailureEvent.from_dict(event).to_dict()
read = [failure["payload"], User.from_dict(user).to_dict(), Integration.from_dict(integration).to_dict()]
print(json.dumps(read, default=str))
PY
cat > told.js <<'JS'
const { execFileSync } = require('node:child_process');
const http = require('node:http');
const client = require('sunshine-conversations-client');

const event = {
  id: 'e1',
  type: 'conversation:message:delivery:failure',
  createdAt: '2026-11-30T10:00:00.123Z',
  payload: {
    user: { id: 'u1' },
    conversation: { id: 'c1' },
    message: { id: 'm1' },
    destination: { type: 'twilio', integrationId: 'i1' },
    isFinalEvent: true,
    error: { code: 'uncategorized_error', message: 'The number is not in service' },
  },
};
const user = { id: 'u1', externalId: 'customer-7', zendeskId: '30040000000007', profile: { givenName: 'Ann' } };
const integration = { id: 'i1', type: 'twilio', status: 'active', displayName: 'Texts', accountSid: 'AC1', phoneNumberSid: 'PN1' };
const server = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(request.url.includes('/users/') ? { user } : { integration }));
});
server.listen(0, '127.0.0.1', async () => {
  const api = new client.ApiClient();
  api.basePath = `http://127.0.0.1:${server.address().port}`;
  const here = [
    client.ConversationMessageDeliveryFailureEvent.constructFromObject(event).payload,
    (await new client.UsersApi(api).getUser('app', 'u1')).user,
    (await new client.IntegrationsApi(api).getIntegration('app', 'i1')).integration,
  ];
  const sibling = JSON.parse(execFileSync('venv/bin/python', ['sibling.py', JSON.stringify([event, user, integration])]));
  const told = [event.payload, user, integration];
  const before = [['error'], ['zendeskId'], ['accountSid', 'phoneNumberSid']];
  let changed = false;
  for (const [index, name] of ['a failed message', 'a user', 'an integration'].entries()) {
    const dropped = (read) => Object.keys(told[index]).filter((key) => read[key] === undefined || read[key] === null);
    const seen = [dropped(here[index]), dropped(sibling[index])];
    console.log(`${name}: npm drops ${seen[0].join(' and ') || 'nothing'}, PyPI drops ${seen[1].join(' and ') || 'nothing'}`);
    changed ||= JSON.stringify(seen) !== JSON.stringify([before[index], []]);
  }
  server.close();
  server.closeAllConnections();
  process.exitCode = changed ? 1 : 0;
});
JS
node told.js
