#!/usr/bin/env bash
# npm node-zendesk 6.0.1 takes an answer with a Retry-After header for a result: the call succeeds, and its `result` is an Error
# object. Zendesk answers 429 with Retry-After when a rate limit is passed (its API reference, "Rate limits"), and asks clients
# to wait and send again. A program that awaits the call takes the ticket for created, because nothing is thrown; a list that
# meets the limit on its second page ends there, with the Error as its last ticket.
#
# Seen with 6.0.1, against a server on this machine that answers as Zendesk documents: tickets.create resolves on 429, and
# throws on 422; tickets.list gives 2 of 5 tickets and an Error, after two requests.
# Needs Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund node-zendesk@6.0.1
cat > limit.js <<'JS'
const http = require('node:http');
const { createClient } = require('node-zendesk');

let requests = 0;
let refuses = () => null;
const server = http.createServer((request, response) => {
  request.resume();
  requests += 1;
  const answer = (status, body, headers = {}) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
  const status = refuses(requests);
  if (status === 429) return answer(429, { error: 'APIRateLimitExceeded' }, { 'Retry-After': '30' });
  if (status === 422) return answer(422, { error: 'RecordInvalid' });
  if (request.method === 'POST') return answer(201, { ticket: { id: 1 } });
  const page = Number(new URL(request.url, base()).searchParams.get('page') ?? 1);
  const tickets = [1, 2, 3, 4, 5].slice(page * 2 - 2, page * 2).map((id) => ({ id }));
  return answer(200, { tickets, next_page: page < 3 ? `${base()}/tickets.json?page=${page + 1}` : null });
});
const base = () => `http://127.0.0.1:${server.address().port}/api/v2`;

server.listen(0, '127.0.0.1', async () => {
  const client = createClient({ username: 'agent@example.com', token: 'secret', subdomain: 'example', endpointUri: base() });
  const ticket = { ticket: { subject: 'Hello', comment: { body: 'Hello' } } };
  const create = async () => {
    const { result } = await client.tickets.create(ticket);
    return result instanceof Error ? 'resolves with an Error' : 'resolves';
  };
  const list = async () => {
    requests = 0;
    const tickets = await client.tickets.list();
    return `${tickets.map((one) => (one instanceof Error ? 'Error' : one.id)).join(' ')}, ${requests} requests`;
  };
  const cases = [
    ['create, 201', () => null, create, 'resolves'],
    ['create, 422', () => 422, create, 'throws'],
    ['create, 429', () => 429, create, 'resolves with an Error'],
    ['list', () => null, list, '1 2 3 4 5, 3 requests'],
    ['list, 429 for its second page', (nth) => (nth === 2 ? 429 : null), list, '1 2 Error, 2 requests'],
  ];
  let changed = false;
  for (const [name, refusal, call, before] of cases) {
    refuses = refusal;
    const seen = await call().catch(() => 'throws');
    console.log(`${name}: ${seen}`);
    changed ||= seen !== before;
  }
  process.exit(changed ? 1 : 0);
});
JS
node limit.js
