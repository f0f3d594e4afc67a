#!/usr/bin/env bash
# npm brazejs 1.7.1, which renders Braze's dialect of Liquid away from Braze, leaves an empty attribute empty where Braze puts
# the default: Braze's page "Set default values" says that the default shows for "" as for a missing value. A preview or a test
# with brazejs shows "Hi ," for a customer who is greeted as "Hi friend,". It also never takes a branch of `case` that lists two
# values, and `reverse` turns the list of the data itself, so that a later line sees it turned.
#
# Seen with 1.7.1: the templates below; npm liquidjs 10.30.1 and Ruby's Liquid (5.4.0, Debian's ruby-liquid) give "Hi friend,",
# "soon" and "a b".
# Needs Node.js and npm. Exits with 0 while the behaviour is the one above.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund brazejs@1.7.1 liquidjs@10.30.1
cat > preview.js <<'JS'
const { default: Braze } = require('brazejs');
const { Liquid } = require('liquidjs');

const cases = [
  ["Hi {{ first_name | default: 'friend' }},", 'Hi ,', 'Hi friend,'],
  ["Hi {{ missing | default: 'friend' }},", 'Hi friend,', 'Hi friend,'],
  ["{% case days %}{% when 1 or 2 %}soon{% else %}later{% endcase %}", 'later', 'soon'],
  ["{% assign turned = list | reverse %}{{ list | join: ' ' }}", 'b a', 'a b'],
];
(async () => {
  let changed = false;
  for (const [template, ...before] of cases) {
    const seen = [];
    for (const engine of [new Braze(), new Liquid()]) {
      seen.push(await engine.parseAndRender(template, { first_name: '', days: 2, list: ['a', 'b'] }));
    }
    console.log(`${template}  ->  brazejs "${seen[0]}", liquidjs "${seen[1]}"`);
    changed ||= seen.join('|') !== before.join('|');
  }
  process.exit(changed ? 1 : 0);
})();
JS
node preview.js
