// The demo page: shows each view that the demo sends, and sends back what its visitor does. It decides nothing, and what
// people wrote is only ever put in as text.
'use strict';

const at = id => document.getElementById(id);

/* What the visitor does. */

async function send(path, body, type = 'application/json') {
  const answer = await fetch(path, { method: 'POST', headers: { 'content-type': type }, body })
    .catch(() => new Response('The demo does not answer.', { status: 503 }));
  const problem = answer.ok ? '' : await answer.text();
  tell(problem);
  return answer;
}

const order = (path, wish) => send(path, JSON.stringify(wish));

function tell(problem) {
  at('problem').textContent = problem;
  at('problem').hidden = !problem;
}

function write(as, words, picture) {
  if (as === 'text') return order('/text', { words, picture });
  return order('/reply', { words, public: as === 'reply' });
}

async function upload(input) {
  const [file] = input.files;
  if (!file) return undefined;
  const answer = await send('/picture', file, file.type);
  return answer.ok ? (await answer.json()).picture : null;
}

at('text').addEventListener('submit', async event => {
  event.preventDefault();
  const words = at('text-words');
  const picture = await upload(at('text-picture'));
  if (picture === null) return;
  if ((await write('text', words.value, picture)).ok) {
    event.target.reset();
    markPicture();
  }
});

at('reply').addEventListener('submit', async event => {
  event.preventDefault();
  const words = at('reply-words');
  const as = new FormData(event.target).get('as');
  if ((await write(as, words.value)).ok) words.value = '';
});

for (const form of [at('text'), at('reply')]) {
  form.querySelector('textarea').addEventListener('keydown', event => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
}

function markPicture() {
  at('text-picture').closest('label').classList.toggle('chosen', at('text-picture').files.length > 0);
}
at('text-picture').addEventListener('change', markPicture);

at('reply').addEventListener('change', event => {
  if (event.target.name !== 'as') return;
  const isNote = event.target.value === 'note';
  at('reply').classList.toggle('note', isNote);
  at('reply-words').placeholder = isNote ? 'Write to colleagues: it goes nowhere' : 'Write to the customer';
});

document.addEventListener('click', event => {
  const { as, words, picture, status } = event.target.dataset;
  if (as) write(as, words, picture && Number(picture));
  if (status) order('/status', { status });
});

for (const name of ['zendesk_down', 'answers_lost', 'twice', 'storm', 'texts_refused', 'receipts_late']) {
  at(name).addEventListener('change', event => order('/trouble', { trouble: name, on: event.target.checked }));
}
at('kill').addEventListener('click', () => order('/kill', {}));
at('opt').addEventListener('click', () => write('text', at('opt').dataset.word));

/* On a phone one side is shown at a time, and its tab tells when something happens at another. */

const tabs = [...at('tabs').querySelectorAll('a')];
const sideOf = tab => tab.hash.slice(1);

function choose(side) {
  document.body.dataset.tab = side;
  for (const tab of tabs) {
    if (sideOf(tab) === side) tab.setAttribute('aria-current', 'true');
    else tab.removeAttribute('aria-current');
  }
  tabs.find(tab => sideOf(tab) === side).querySelector('.news').hidden = true;
  document.querySelectorAll(`#${side} .thread`).forEach(toEnd);
}

at('tabs').addEventListener('click', event => {
  const tab = event.target.closest('a');
  if (!tab) return;
  event.preventDefault();
  choose(sideOf(tab));
});

function isNews(side) {
  if (document.body.dataset.tab === side) return;
  tabs.find(tab => sideOf(tab) === side).querySelector('.news').hidden = false;
}

/* What the visitor sees. */

// Makes a list hold just these items, in this order. What stays is not touched, so that nothing is read out twice.
function keep(list, items, template, show) {
  const old = new Map([...list.children].map(element => [element.dataset.key, element]));
  let grew = false;
  items.forEach(([key, item], place) => {
    let element = old.get(key);
    old.delete(key);
    if (!element) {
      element = at(template).content.firstElementChild.cloneNode(true);
      element.dataset.key = key;
      grew = true;
    }
    show(element, item);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
  });
  old.forEach(element => element.remove());
  return grew;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function toEnd(thread) {
  thread.scrollTop = thread.scrollHeight;
}

function showPictures(element, sources) {
  if (element.querySelectorAll('img').length === sources.length) return;
  for (const source of sources) {
    const picture = document.createElement('img');
    picture.alt = 'The picture that the customer sent';
    picture.addEventListener('load', () => toEnd(element.closest('.thread')));
    picture.src = source;
    element.append(picture);
  }
}

function showPhone(view) {
  const items = view.phone.map(bubble => [bubble.id, bubble]);
  const grew = keep(at('phone'), items, 'bubble', (element, bubble) => {
    element.classList.toggle('mine', bubble.mine);
    put(element.querySelector('.words'), bubble.words);
    showPictures(element, bubble.picture ? [bubble.picture] : []);
  });
  if (grew) {
    toEnd(at('phone').parentElement);
    isNews('customer');
  }
  at('phone-empty').hidden = items.length > 0;
  put(at('opt'), view.opted_out ? 'Opt in' : 'Opt out');
  at('opt').dataset.word = view.opted_out ? 'START' : 'STOP';
}

// The visitor's own time, in the form of the console.
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

const names = { customer: 'Ada Lovelace', agent: 'You, the agent', tandem: 'tandem' };

function showDesk(view) {
  const items = view.tickets.flatMap(ticket => ticket.comments.map(comment => [String(comment.id), { ticket, comment }]));
  const grew = keep(at('comments'), items, 'comment', (element, { ticket, comment }) => {
    element.dataset.by = comment.by;
    element.classList.toggle('internal', !comment.public);
    put(element.querySelector('strong'), names[comment.by]);
    element.querySelector('.state').hidden = comment.public;
    const time = element.querySelector('time');
    time.dateTime = comment.at;
    time.title = `${comment.at.slice(0, 19).replace('T', ' ')} UTC`;
    put(time, `#${ticket.id}, ${clock.format(new Date(comment.at))}`);
    put(element.querySelector('.words'), comment.words);
    showPictures(element, comment.pictures);
  });
  if (grew) {
    toEnd(at('comments').parentElement);
    isNews('agent');
  }
  at('desk-empty').hidden = items.length > 0;
  const ticket = view.tickets.at(-1);
  put(at('ticket-title'), ticket ? `Ticket #${ticket.id}` : 'No ticket yet');
  at('ticket-status').hidden = !ticket;
  put(at('ticket-status'), ticket?.status ?? '');
  at('ticket-status').className = `state ${ticket?.status === 'solved' ? 'good' : ''}`;
  const may = { solved: ['new', 'open', 'pending', 'hold'], open: ['solved'], closed: ['new', 'open', 'pending', 'hold', 'solved'] };
  for (const button of document.querySelectorAll('[data-status]')) {
    button.disabled = !ticket || !may[button.dataset.status].includes(ticket.status);
  }
}

// The bridge's own words for what stands, and how good that is.
const states = {
  kept: ['kept by the carrier', ''], undelivered: ['did not arrive', 'bad'],
  sent: ['sent', ''], unheard: ['nobody home', 'warn'], accepted: ['accepted', ''], pending: ['on its way', ''],
  sending: ['on its way', ''], waiting: ['waiting', 'warn'], unconfirmed: ['unconfirmed', 'warn'],
  delivered: ['delivered', 'good'], skipped: ['nothing to send', ''], dead: ['not sent', 'bad'], quarantined: ['put aside', 'bad'],
};

function showTraces(list, traces) {
  if ([...list.children].map(item => item.textContent).join() === traces.join()) return;
  list.replaceChildren(...traces.map(trace => Object.assign(document.createElement('li'), { textContent: trace })));
}

function showMessages(view) {
  const items = view.messages.map(message => [String(message.number), message]).reverse();
  keep(at('messages'), items, 'message', (element, message) => {
    element.dataset.way = message.way;
    element.dataset.fate = message.fate;
    put(element.querySelector('.direction'), message.way === 'text' ? 'Text to the ticket: ' : 'Reply to the phone: ');
    put(element.querySelector('.words'), message.words);
    const [word, tone] = states[message.state] ?? [message.state, ''];
    put(element.querySelector('.state'), word);
    element.querySelector('.state').className = `state ${tone}`;
    element.querySelectorAll('ol li').forEach((station, place) => {
      station.classList.toggle('lit', place < message.passed);
      station.classList.toggle('next', place === message.passed && message.fate === 'on_the_way');
    });
    const tries = message.attempts > 1 ? ` (${message.attempts} attempts)` : '';
    put(element.querySelector('.cause'), message.cause ? `${message.cause}${tries}.` : '');
    const due = element.querySelector('.due');
    due.dataset.at = message.due_at ?? '';
    due.dataset.verb = message.state === 'unconfirmed' ? 'Looks' : 'Tries';
    showTraces(element.querySelector('.traces'), message.traces);
    const news = [message.state, ...message.traces].join();
    if (element.dataset.news !== news) isNews('between');
    element.dataset.news = news;
  });
  at('lanes-empty').hidden = items.length > 0;
}

function showBridge({ bridge, troubles, may_kill: mayKill }) {
  const words = { starting: 'starting', up: `running, process ${bridge.pid}`, killed: 'killed, starts again in a moment' };
  put(at('standing'), words[bridge.is]);
  at('standing').className = `state ${{ up: 'good', killed: 'bad' }[bridge.is] ?? 'warn'}`;
  document.body.dataset.bridge = bridge.is;
  at('kill').disabled = !mayKill;
  for (const [name, on] of Object.entries(troubles)) at(name).checked = on;
}

function showAccount({ account }) {
  for (const [name, count] of Object.entries(account)) {
    put(at(name), String(count));
    at(name).closest('div').classList.toggle('some', count > 0);
  }
}

function countDown() {
  for (const due of document.querySelectorAll('.due')) {
    const seconds = Math.ceil((Date.parse(due.dataset.at) - Date.now()) / 1000);
    put(due, seconds > 0 ? `${due.dataset.verb} again in ${seconds} s.` : '');
  }
}

const views = new EventSource('/view');
views.addEventListener('message', event => {
  const view = JSON.parse(event.data);
  [showPhone, showDesk, showMessages, showBridge, showAccount].forEach(show => show(view));
  countDown();
});
views.addEventListener('open', () => tell(''));
views.addEventListener('error', () => tell('The demo has ended. Start it again, and this page goes on by itself.'));
setInterval(countDown, 500);
at('stage').hidden = false;
at('tabs').hidden = false;
choose('customer');
