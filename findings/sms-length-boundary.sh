#!/usr/bin/env bash
# npm sms-length 0.2.2 divides the number of units by 153 (GSM) or 67 (UCS-2). 3GPP TS 23.040 lets no character lie across
# the end of one message of several: an escaped GSM character (two septets) or a surrogate pair that does not fit moves to
# the next message, and the unit before it stays empty. So a text may cost one message more than sms-length says.
#
# Seen with 0.2.2: 305 characters, 306 septets, with the euro sign as septets 153 and 154: 2 messages. sms-segments-calculator
# 1.3.0 and split-sms 0.1.7 count 3. The same with an emoji as units 67 and 68 of a text in UCS-2: 2 against 3 and 3.
# Needs Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund sms-length@0.2.2 sms-segments-calculator@1.3.0 split-sms@0.1.7
cat > count.js <<'JS'
const { count } = require('sms-length');
const { SegmentedMessage } = require('sms-segments-calculator');
const { split } = require('split-sms');

const texts = {
  'euro sign across septets 153 and 154': 'a'.repeat(152) + '€' + 'b'.repeat(152),
  'emoji across units 67 and 68': 'ж'.repeat(66) + '😀' + 'ж'.repeat(66),
};
let changed = false;
for (const [name, text] of Object.entries(texts)) {
  const seen = [count(text).messages, new SegmentedMessage(text).segmentsCount, split(text).parts.length];
  console.log(`${name}: sms-length ${seen[0]}, sms-segments-calculator ${seen[1]}, split-sms ${seen[2]}`);
  changed ||= seen.join() !== '2,3,3';
}
process.exit(changed ? 1 : 0);
JS
node count.js
