#!/usr/bin/env bash
# npm phone-number-to-timezone 1.0.8 tells the hour at the place of a telephone number, and is an hour off for cities that it names
# itself: of +1 701 it says Fargo, ND, and shows Mountain Time, which only the southwest of that state keeps. New Zealand gets the
# clock of the Chatham Islands, 45 minutes ahead; Jordan and Kazakhstan get the hours that they gave up in 2022 and 2024, and Mexico
# the summer time that it gave up in 2022. A sender who stops at 21:00 by this clock still texts people in Fargo until 22:00.
#
# Seen with 1.0.8, with the clock held at noon UTC of 15 January and 15 July 2026: the table below; the other hour is that of the
# IANA time zone, as Node.js has it. New York is right.
# Needs Node.js 22 or a late 20, and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund phone-number-to-timezone@1.0.8
cat > hours.js <<'JS'
const RealDate = Date;
let now;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length > 0 ? given : [now]));
  }
};
const { getLocalInfo } = require('phone-number-to-timezone');

const cases = [
  ['+12125550100', 'New York, NY', 'America/New_York', '07:00', '07:00', '08:00', '08:00'],
  ['+17015550100', 'Fargo, ND', 'America/Chicago', '05:00', '06:00', '06:00', '07:00'],
  ['+16055550100', 'Sioux Falls, SD', 'America/Chicago', '05:00', '06:00', '06:00', '07:00'],
  ['+17855550100', 'Topeka, KS', 'America/Chicago', '05:00', '06:00', '06:00', '07:00'],
  ['+14235550100', 'Chattanooga, TN', 'America/New_York', '06:00', '07:00', '07:00', '08:00'],
  ['+15745550100', 'South Bend, IN', 'America/Indiana/Indianapolis', '06:00', '07:00', '07:00', '08:00'],
  ['+6421555010', 'New Zealand', 'Pacific/Auckland', '01:45', '01:00', '00:45', '00:00'],
  ['+962795550100', 'Jordan', 'Asia/Amman', '14:00', '15:00', '15:00', '15:00'],
  ['+77015550100', 'Kazakhstan', 'Asia/Almaty', '18:00', '17:00', '18:00', '17:00'],
  ['+525555550100', 'Mexico', 'America/Mexico_City', '06:00', '06:00', '07:00', '06:00'],
];
let changed = false;
for (const [number, place, timeZone, ...before] of cases) {
  const seen = [];
  for (const moment of ['2026-01-15T12:00:00Z', '2026-07-15T12:00:00Z']) {
    now = moment;
    const told = getLocalInfo(number);
    changed ||= told.location !== place;
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' });
    seen.push(told.time.display, clock.format(new RealDate(moment)));
  }
  console.log(`${number}, ${place}: January ${seen[0]} for ${seen[1]}, July ${seen[2]} for ${seen[3]} (${timeZone})`);
  changed ||= seen.join() !== before.join();
}
process.exit(changed ? 1 : 0);
JS
TZ=UTC node hours.js
