#!/usr/bin/env bash
# npm phone 3.1.72, which makes E.164 of a typed number, refuses every number of Benin and takes the ones that were switched off.
# Benin put 01 before all its numbers on 30 November 2024, so that ten digits follow +229; phone asks for eight. Of mobile numbers
# in five other countries it wants fewer digits than they have, also with its option validateMobilePrefix off. A bridge that puts
# each sender through it drops the texts of these customers, and sends its own to numbers that are gone.
#
# Seen with 3.1.72: the table below, with the examples of Google's libphonenumber. npm awesome-phonenumber 7.8.0 (that library,
# compiled) calls each of them a valid mobile number, and the old one of Benin invalid.
# Needs Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund phone@3.1.72 awesome-phonenumber@7.8.0
cat > valid.js <<'JS'
const { getExample, parsePhoneNumber } = require('awesome-phonenumber');
const { phone } = require('phone');

const cases = [
  ['Benin, before 2025', '+22995123456', true, false],
  ...Object.entries({ Benin: 'BJ', 'Guinea-Bissau': 'GW', Kiribati: 'KI', Liechtenstein: 'LI', Niue: 'NU', Tonga: 'TO' })
    .map(([country, region]) => [country, getExample(region, 'mobile').number.e164, false, true]),
  ['France', getExample('FR', 'mobile').number.e164, true, true],
];
let changed = false;
for (const [country, number, ...before] of cases) {
  const other = parsePhoneNumber(number);
  const seen = [phone(number).isValid, other.valid && other.typeIsMobile];
  const anyPrefix = phone(number, { validateMobilePrefix: false }).isValid;
  console.log(`${country}, ${number}: phone ${seen[0] ? 'valid' : 'refused'}, awesome-phonenumber ${seen[1] ? 'valid' : 'refused'}`);
  changed ||= seen.join() !== before.join() || anyPrefix !== before[0];
}
process.exit(changed ? 1 : 0);
JS
node valid.js
