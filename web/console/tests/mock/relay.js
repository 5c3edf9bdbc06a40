// The mock's queue, domains and recipients: legs in every state, in small numbers.
import { createHash } from 'node:crypto';

const START = Date.now();
const ago = (seconds) => new Date(START - seconds * 1000).toISOString();
const sha = (text) => createHash('sha256').update(text).digest('hex');
const ENDS = ['delivered', 'failed', 'dropped', 'repeated'];
/** What the program says of orders, in short. */
const ORDERED = {
  waiting: { retry: 'waiting', hold: 'held', drop: 'dropped' },
  held: { release: 'waiting', drop: 'dropped' },
  uncertain: { delivered: 'delivered', 'not-delivered': 'waiting', drop: 'dropped' },
};
const VERDICTS = { delivered: 'evidence', 'not-delivered': 'not-there' };

const tried = (verdict, seconds, words, server = 'mail.example.org:25') => ({ at: ago(seconds), server, verdict, words });

export function leg(id, more = {}) {
  return {
    id, mail: id, sha256: sha(`leg ${id}`), sender: 'ann@example.org', recipient: `user${id}@example.com`,
    place: 'domain example.com', state: 'waiting', priority: 0, at: ago(9_000 - id), due: ago(-600), tries: 0,
    possibly_doubled: false, attempts: [], ...more,
  };
}

export function relay() {
  const quiet = (seconds) => tried('temporary', seconds, '451 4.4.1 mail.example.org:25: connection refused');
  const legs = [
    leg(1, { sender: 'billing@supplier.example', recipient: 'bob.mueller@example.org', place: 'domain example.org', tries: 23, attempts: [quiet(8_000), quiet(4_000), quiet(300)] }),
    leg(2, { sender: 'billing@supplier.example', recipient: 'sara@example.org', place: 'server mail2.example.org:2525', state: 'uncertain', tries: 1, attempts: [tried('uncertain', 200, '451 4.4.2 the connection ended before the message was answered')] }),
    leg(3, { sender: 'stranger@elsewhere.example', recipient: 'nobody.here@example.org', place: 'domain example.org', state: 'held', why: 'unknown recipient' }),
    leg(4, { recipient: 'emile@example.org', place: 'domain example.org', state: 'held', why: 'standby' }),
    leg(5, { sender: '', recipient: 'no-reply@very-long-subdomain.notifications.accounting.example.net', place: 'domain very-long-subdomain.notifications.accounting.example.net', state: 'sending', priority: 4 }),
    leg(6, { state: 'delivered', due: ago(60), tries: 2, possibly_doubled: true, attempts: [tried('uncertain', 2_000, '451 4.4.2 no answer'), tried('unsettled', 900, 'no evidence came in time: it is sent again and may come twice', ''), tried('accepted', 60, '250 2.0.0 Ok: queued as 4Xq1')] }),
    leg(7, { state: 'failed', due: ago(70), tries: 1, attempts: [tried('permanent', 70, '550 5.1.1 <user7@example.com>: no such user', 'mx.example.com:25')] }),
  ];
  return {
    legs,
    domains: [
      { name: 'example.org', unknown: 'hold', server: 'mail.example.org:25' },
      { name: 'example.net', unknown: 'postmaster@example.org', server: null },
    ],
    recipients: [
      { address: 'ann@example.org', targets: [], server: null, state: 'ready', generation: 0 },
      { address: 'emile@example.org', targets: [], server: null, state: 'active', generation: 1 },
      { address: 'sara@example.org', targets: [], server: 'mail2.example.org:2525', state: 'recovery', generation: 2 },
      { address: 'sales@example.org', targets: ['ann@example.org', 'no-reply@very-long-subdomain.notifications.accounting.example.net'], server: null, state: 'ready', generation: 0 },
    ],
  };
}

function queue({ legs }, params) {
  const open = legs.filter(({ state }) => !ENDS.includes(state));
  const states = new Map();
  for (const { state, why } of open) {
    const key = JSON.stringify({ state, why });
    states.set(key, (states.get(key) ?? 0) + 1);
  }
  const wanted = params.get('all') === 'true' ? legs : open;
  return {
    legs: wanted.filter(({ id }) => id > Number(params.get('after') ?? 0)).slice(0, 1000),
    open: open.length,
    oldest: open.map(({ at }) => at).toSorted()[0] ?? null,
    states: [...states].map(([key, n]) => ({ ...JSON.parse(key), legs: n })),
  };
}

function ordered({ legs }, { legs: named, order, reason }) {
  const about = named.map((id) => legs.find((one) => one.id === id));
  let changed = 0;
  for (const one of about) {
    const next = ORDERED[one.state]?.[order];
    if (!next) continue;
    changed += 1;
    one.attempts.push({ at: new Date().toISOString(), server: '', verdict: VERDICTS[order] ?? 'ordered', words: `${order} (admin@example.org): ${reason}` });
    Object.assign(one, { state: next, why: next === 'held' ? 'operator' : undefined, due: new Date().toISOString() });
  }
  return { legs: about.length, changed };
}

function evidence({ legs }, log) {
  const found = { messages: log.split('\n').filter((line) => line.includes('postfix')).length, delivered: 0, not_delivered: 0, open: 0 };
  for (const one of legs.filter(({ state }) => state === 'uncertain')) {
    const taken = log.includes(one.recipient);
    if (taken) one.state = 'delivered';
    found[taken ? 'delivered' : 'open'] += 1;
  }
  return found;
}

const LEGAL = { ready: ['active'], active: ['recovery'], recovery: ['ready', 'active'] };

function continuity({ recipients }, { scope, state, test }) {
  const [kind, name] = scope.split(':');
  const named = recipients.filter(({ address, targets }) => targets.length === 0 &&
    (kind === 'all' || (kind === 'domain' ? address.endsWith(`@${name}`) : address === name)));
  const done = { changed: [], already: [], refused: [] };
  for (const one of named) {
    if (one.state === state) done.already.push(one.address);
    else if (!LEGAL[one.state].includes(state)) done.refused.push(`${one.address} is ${one.state}`);
    else {
      done.changed.push(one.address);
      if (!test) one.state = state;
    }
  }
  return done;
}

const put = (all, key, one) => [...all.filter((known) => known[key] !== one[key]), one];

/** Answers a request of this part of the API: `[body, status]`, or nothing. */
export function answerRelay(state, route, parts, params, body) {
  switch (`${route}${parts.length > 1 && parts[0] === 'queue' ? `/${parts[1]}` : ''}`) {
    case 'GET /queue':
      return [queue(state, params)];
    case 'POST /queue/orders':
      return [ordered(state, JSON.parse(body))];
    case 'POST /queue/evidence':
      return [evidence(state, body)];
    case 'GET /domains':
      return [{ items: state.domains }];
    case 'POST /domains':
      state.domains = put(state.domains, 'name', JSON.parse(body));
      return [null, 204];
    case 'DELETE /domains':
      state.domains = state.domains.filter(({ name }) => name !== parts[1]);
      return [null, 204];
    case 'GET /recipients':
      return [{ items: state.recipients }];
    case 'POST /recipients':
      for (const one of JSON.parse(body)) {
        state.recipients = put(state.recipients, 'address', { state: 'ready', generation: 0, ...one });
      }
      return [null, 204];
    case 'DELETE /recipients':
      state.recipients = state.recipients.filter(({ address }) => address !== parts[1]);
      return [null, 204];
    case 'POST /continuity':
      return [continuity(state, JSON.parse(body))];
    default:
      return null;
  }
}
