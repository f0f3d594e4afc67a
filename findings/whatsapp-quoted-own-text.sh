#!/usr/bin/env bash
# npm @kapso/whatsapp-cloud-api 0.3.0 takes a customer's message for one of the business where the customer quotes an own earlier
# message, as in "I mean this one". Its `normalizeWebhook` says of each message whether it came in or went out. For that it counts
# the sender of the quoted message, `context.from`, among the numbers of the business. But a customer can quote either side
# (YCloud's page on these events: "sent by the user or your business"), and then stands on both. A bridge that passes its own
# messages over loses the text, or shows it as the agent's own.
#
# Seen with 0.3.0: the table below. The messages are of the field `messages`, which has none of the business (those come as
# `smb_message_echoes`). npm whatsapp-api-js 6.3.0 hands each of them on as a message of the customer.
# Needs Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @kapso/whatsapp-cloud-api@0.3.0 whatsapp-api-js@6.3.0
cat > quoted.mjs <<'JS'
import { normalizeWebhook } from '@kapso/whatsapp-cloud-api/server';
import { WhatsAppAPI } from 'whatsapp-api-js';

const customer = '15550100123';
const business = '15550100100';
const told = (context) => ({
  object: 'whatsapp_business_account',
  entry: [
    {
      id: '102290129340398',
      changes: [
        {
          field: 'messages',
          value: {
            messaging_product: 'whatsapp',
            metadata: { display_phone_number: business, phone_number_id: '106540352242922' },
            contacts: [{ profile: { name: 'Ann' }, wa_id: customer }],
            messages: [{ from: customer, id: 'wamid.2', timestamp: '1796032800', type: 'text', text: { body: 'I mean this one' }, ...context }],
          },
        },
      ],
    },
  ],
});
const cases = [
  ['no quoted message', {}, 'inbound'],
  ["the business's message quoted", { context: { from: business, id: 'wamid.1' } }, 'inbound'],
  ["the customer's own message quoted", { context: { from: customer, id: 'wamid.1' } }, 'outbound'],
];
let changed = false;
for (const [name, context, before] of cases) {
  const [message] = normalizeWebhook(told(context)).messages;
  const sibling = new WhatsAppAPI({ token: 'token', secure: false, v: 'v24.0' });
  const senders = [];
  sibling.on.message = ({ message: { from } }) => senders.push(from);
  await sibling.post(told(context));
  console.log(`${name}: @kapso/whatsapp-cloud-api says ${message.kapso.direction}, whatsapp-api-js a message of ${senders}`);
  changed ||= message.kapso.direction !== before || senders.join() !== customer;
}
process.exitCode = changed ? 1 : 0;
JS
node quoted.mjs
