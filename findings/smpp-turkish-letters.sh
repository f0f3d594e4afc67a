#!/usr/bin/env bash
# npm smpp 0.5.1 writes Turkish and Portuguese texts in another table than the one it announces. In 3GPP TS 23.038 (6.2.1.2) the
# information element 0x24 exchanges only the table of the letters behind an escape, and 0x25 the main table. smpp takes either
# for both and writes the letters from the main table of the language, without an escape; a phone that was told 0x24 alone reads
# them in the default alphabet, where other letters stand. A letter in neither table is sent as septet 0, the @. Spanish, which
# has no main table of its own, is written rightly, with escapes.
#
# Seen with 0.5.1: with 0x24 alone "ağış" is sent as 61 0c 07 1d, which is "aøìæ"; "São" as 53 7b 6f, "Säo"; "pão ŵ" ends in 00.
# Needs Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund smpp@0.5.1
cat > letters.js <<'JS'
const { PDU, gsmCoder } = require('smpp');

const cases = [
  ['Turkish', 1, 'ağış', '610c071d', 'aøìæ'],
  ['Portuguese', 3, 'São', '537b6f', 'Säo'],
  ['Portuguese', 3, 'pão ŵ', '707b6f2000', 'päo @'],
  ['Spanish', 2, 'mamá', '6d616d1b61', null],
];
let changed = false;
for (const [language, table, text, before, read] of cases) {
  const header = Buffer.from([3, 0x24, 1, table]);
  const pdu = new PDU('submit_sm', { destination_addr: '15550100123', short_message: { udh: header, message: text } });
  const octets = pdu.toBuffer();
  const message = octets.subarray(octets.indexOf(header) + header.length);
  const escaped = message.includes(0x1b);
  const seen = escaped ? null : gsmCoder.decode(message, 0);
  console.log(`${language}: ${text} is sent as ${message.toString('hex')}, ${escaped ? 'with an escape' : `which is ${seen}`}`);
  changed ||= message.toString('hex') !== before || seen !== read;
}
process.exit(changed ? 1 : 0);
JS
node letters.js
