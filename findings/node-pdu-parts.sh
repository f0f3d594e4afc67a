#!/usr/bin/env bash
# npm node-pdu 2.1.1 cuts a text before it must. 3GPP TS 23.038 and 23.040: one message carries 160 septets or 70 units of
# UCS-2, each of several 153 or 67; the euro sign and the German umlauts are in the GSM alphabet (the euro sign by an escape).
#
# Seen with 2.1.1: 160 letters a become two messages of 133 and 27, 70 Cyrillic letters two of 63 and 7, and a text with a euro
# sign or an umlaut has the data coding scheme 8 (UCS-2) where 0 (GSM) would do.
# Needs Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund node-pdu@2.1.1
cat > parts.js <<'JS'
const { Submit, parse } = require('node-pdu');

const expected = {
  ['a'.repeat(160)]: '133+27, coding 0',
  ['ж'.repeat(70)]: '63+7, coding 8',
  'It is 5 €': '9, coding 8',
  'Grüße': '5, coding 8',
  'Hello': '5, coding 0',
};
let changed = false;
for (const [text, before] of Object.entries(expected)) {
  const parts = new Submit('+15550100123', text).getPartStrings().map((part) => parse(part));
  const lengths = parts.map((part) => part.data.getText().length).join('+');
  const seen = `${lengths}, coding ${parts[0].dataCodingScheme.getValue()}`;
  const shown = text.length > 20 ? `${text.length} times ${text[0]}` : text;
  console.log(`${shown}: ${seen}`);
  changed ||= seen !== before;
}
process.exit(changed ? 1 : 0);
JS
node parts.js
