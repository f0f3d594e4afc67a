#!/usr/bin/env bash
# npm liquidjs 10.30.1 prints %F, %T, %D, %R, %r, %V and %G as they stand, where Ruby's strftime, which its page of the filter
# names as the rule, makes a date or a time of them. No error says so: a text "on {{ due | date: '%F' }}" reaches the customer
# as "on %F". An offset in the data is dropped too (its option preserveTimezones keeps it), so 10:00 at +02:00 is shown as the
# hour of the machine's own zone.
#
# Seen with 10.30.1 in UTC: the table below. Ruby's Liquid (5.4.0, Debian's ruby-liquid) gives 2026-03-05, 15:04:05, 03/05/26,
# 15:04, 03:04:05 PM and "10 2026".
# Needs Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund liquidjs@10.30.1
cat > codes.js <<'JS'
const { Liquid } = require('liquidjs');

const expected = {
  '%F': '%F',
  '%T': '%T',
  '%D': '%D',
  '%R': '%R',
  '%r': '%r',
  '%V %G': '%V %G',
  '%Y-%m-%d %H:%M:%S': '2026-03-05 15:04:05',
};
let changed = false;
for (const [format, before] of Object.entries(expected)) {
  const seen = new Liquid().parseAndRenderSync(`{{ '2026-03-05T15:04:05Z' | date: '${format}' }}`);
  console.log(`${format}: ${seen}`);
  changed ||= seen !== before;
}
process.exit(changed ? 1 : 0);
JS
TZ=UTC node codes.js
