// A small server that speaks the console's part of the API, for tests and for work on the pages
// without an archive. Words in a query choose what happens: `nothing`, `many`, `unclear`, `slow`,
// `limit`, `silent`, and an opening parenthesis without its end is a mistake with a place.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { facets, help, hit, hostile, marks, message, months, people, proof, storage, text } from './mail.js';
import { answerMailbox, owns, standby } from './mailbox.js';
import { answerRelay, relay } from './relay.js';

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
/** What the service sends with every page. */
const CSP = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const FRAME = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'";

export const PASSWORD = 'correct horse battery staple';

/** Starts the mock on a free port (or the given one) and says where. */
export async function mock(dist, port = 0) {
  const state = { saved: [], jobs: jobs(), relay: relay(), standby: standby(), sessions: new Map(), log: [] };
  const server = createServer((request, response) => {
    state.log.push(`${request.method} ${request.url}`);
    answer(request, response, dist, state).catch((error) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return {
    address: `http://localhost:${server.address().port}`,
    state,
    stop: () => new Promise((done) => { server.closeAllConnections(); server.close(done); }),
  };
}

async function answer(request, response, dist, state) {
  const url = new URL(request.url, 'http://localhost');
  if (!url.pathname.startsWith('/api/v1/')) return page(url.pathname, response, dist);
  const path = url.pathname.slice('/api/v1'.length);
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const route = `${request.method} /${parts[0]}`;
  const json = (body, status = 200, headers = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  const problem = (status, code, detail, more = {}, headers = {}) =>
    response
      .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
      .end(JSON.stringify({ type: 'about:blank', title: detail, status, code, detail, ...more }));
  const body = await read(request);
  if (route === 'POST /session') {
    const { address, password } = JSON.parse(body);
    if (password !== PASSWORD) return problem(401, 'E-SIGN-IN', 'Address or password is wrong.');
    const key = String(state.sessions.size + 1);
    state.sessions.set(key, address);
    return json(me(address), 200, { 'set-cookie': `session=${key}; HttpOnly; Secure; SameSite=Strict; Path=/` });
  }
  const key = /session=(\d+)/.exec(request.headers.cookie ?? '')?.[1];
  if (!state.sessions.has(key)) return problem(401, 'E-SESSION', 'Sign in first.');
  if (route === 'DELETE /session') {
    state.sessions.delete(key);
    return response.writeHead(204).end();
  }
  const onward = answerRelay(state.relay, route, parts, url.searchParams, body);
  if (onward) return onward[1] === 204 ? response.writeHead(204).end() : json(...onward);
  const mailbox = answerMailbox(state.standby, state.sessions.get(key), request.method, parts, url.searchParams, body);
  if (mailbox) {
    const [content, status = 200, type] = mailbox;
    if (type) return response.writeHead(status, { 'content-type': type, 'content-security-policy': FRAME }).end(content);
    return status === 204 ? response.writeHead(204).end() : json(content, status);
  }
  const q = url.searchParams.get('q') ?? '';
  const word = /[\p{L}\d]{3,}/u.exec(q.replace(/\b[a-z]+:\S+/g, ''))?.[0]?.toLowerCase() ?? '';
  const n = Number(/^m(\d+)/.exec(parts[1] ?? '')?.[1] ?? 0);
  const open = q.lastIndexOf('(');
  const mistake = open >= 0 && q.indexOf(')', open) < 0;
  if (mistake && ['search', 'query'].includes(parts[0])) {
    const at = Array.from(q.slice(0, open)).length;
    return problem(400, 'E-QUERY', 'this parenthesis is never closed', { at, len: 1, hint: 'put a ) where the group ends' });
  }
  switch (parts[0] === 'search' || parts[0] === 'messages' ? `${route} ${parts.slice(parts[0] === 'search' ? 1 : 2).join('/').replace(/\/\d+/, '/N')}` : route) {
    case 'GET /me':
      return json(me(state.sessions.get(key)));
    case 'GET /query':
      return parts[1] === 'help' ? json(help) : json({ canonical: q });
    case 'GET /search ':
      return search(url, q, json, problem);
    case 'GET /search facets':
      return json(facets);
    case 'GET /search timeline':
      return json(months());
    case 'POST /search snippets': {
      const ask = JSON.parse(body);
      const wanted = /[\p{L}\d]{3,}/u.exec(ask.q)?.[0]?.toLowerCase() ?? '';
      const snippets = ask.ids.map((id) => {
        const at = Number(id.slice(1));
        const attached = at % 8 === 4;
        const found = attached ? `Total due for this invoice: 1,204.00 EUR, payable within 14 days` : text(at).replaceAll('\n', ' ').slice(0, 140);
        return { id, text: found, hits: marks(found, wanted), where: attached ? 'attachment' : 'body', attachment: attached ? 'Invoice 2024-0117.pdf' : null };
      });
      return json({ snippets });
    }
    case 'GET /search why':
      return json({ tests: [
        { test: q || '*', holds: true, where: [{ field: 'body', attachment: null, text: word || 'invoice' }] },
        { test: 'subject:acquisition', holds: false, where: [] },
        { test: 'attachment:annex', holds: null, where: [{ field: 'attachment', attachment: 'scan.tiff', text: null }] },
      ] });
    case 'GET /suggest': {
      const prefix = (url.searchParams.get('prefix') ?? '').toLowerCase();
      const addresses = people.filter(({ name, email }) => email.startsWith(prefix) || name?.toLowerCase().startsWith(prefix));
      return json({ addresses: addresses.map(({ name, email }, at) => ({ address: email, name, count: 900 - at })) });
    }
    case 'GET /saved-searches':
      return json({ items: state.saved });
    case 'POST /saved-searches': {
      const item = { id: state.saved.length + 1, ...JSON.parse(body), created: '2024-11-21T09:00:00Z' };
      state.saved.push(item);
      return json(item, 201);
    }
    case 'DELETE /saved-searches':
      state.saved = state.saved.filter((item) => String(item.id) !== parts[1]);
      return response.writeHead(204).end();
    case 'GET /messages ':
      return n === 404 ? problem(404, 'E-NOT-FOUND', 'There is no such message, or you may not read it.') : json(message(n));
    case 'GET /messages text':
      return json({ text: text(n), hits: marks(text(n), word) });
    case 'GET /messages html':
      // On purpose not sanitised: the frame has to hold what gets through.
      return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': FRAME }).end(hostile);
    case 'GET /messages raw':
      return response.writeHead(200, { 'content-type': 'message/rfc822' }).end(`From: Ann <ann@example.org>\r\nSubject: ${'x'.repeat(300)}\r\n\r\n${'A line of the source.\r\n'.repeat(20_000)}`);
    case 'GET /messages conversation':
      return json({ items: [0, 1, 2].map((at) => ({ ...hit(n + 2 - at), depth: at })).map(({ id, date, from, subject, depth }) => ({ id, date, from: [from], subject, depth })) });
    case 'GET /messages proof':
      return json(proof(1000 + n, 1413));
    case 'GET /messages attachments/N/text': {
      const found = 'Invoice 2024-0117\n\nTotal due for this invoice: 1,204.00 EUR, payable within 14 days.';
      return json({ text: found, hits: marks(found, word) });
    }
    case 'GET /storage':
      return json(storage);
    case 'GET /imports':
      if (parts.length === 1) return json({ items: state.jobs });
      return parts[2] === 'events' ? events(response, state.jobs, parts[1]) : json(state.jobs.find((job) => String(job.id) === parts[1]) ?? state.jobs[0]);
    case 'POST /imports': {
      if (parts[2] === 'withdraw') {
        const job = state.jobs.find((known) => String(known.id) === parts[1]);
        job.state = 'withdrawn';
        return json(job);
      }
      const job = { ...state.jobs[0], id: state.jobs.length + 1, source: url.searchParams.get('name') };
      state.jobs.unshift(job);
      return json(job, 202);
    }
    default:
      return problem(404, 'E-NOT-FOUND', `Nothing is at ${path}.`);
  }
}

async function search(url, q, json, problem) {
  if (q.includes('limit')) return problem(429, 'E-RATE', 'Too many requests.', {}, { 'retry-after': '7' });
  if (q.includes('slow')) await new Promise((done) => { setTimeout(done, 400); });
  const total = q.includes('nothing') ? 0 : q.includes('many') ? 12_345 : 120;
  const start = Number(url.searchParams.get('cursor') ?? 0);
  const end = Math.min(start + Number(url.searchParams.get('limit') ?? 50), total);
  return json({
    total,
    copies: total + Math.floor(total / 5),
    unknown: q.includes('unclear') ? 61 : 0,
    took_ms: 1.42,
    answered: ['here'],
    silent: q.includes('silent') ? ['branch office Lyon'] : [],
    next: end < total ? String(end) : null,
    canonical: q.replace(' AND ', ' '),
    hits: Array.from({ length: end - start }, (_, at) => hit(start + at)),
  });
}

/** `reader@` reads their own mail, `officer@` in cases only, `admin@` none; others do everything. */
function me(address) {
  const [name] = address.split('@');
  const roles = { reader: ['user'], officer: ['officer'], admin: ['admin'] }[name] ?? ['user', 'reviewer', 'admin'];
  return {
    address,
    name: name === 'ann' ? 'Ann Example' : '',
    roles,
    owns: roles.includes('user') ? [address] : [],
    mailbox: owns(address),
    cases: ['reader', 'admin'].includes(name) ? [] : [{ id: 7, name: 'Hamburg invoices 2024' }],
  };
}

function jobs() {
  const base = { kind: 'mbox', updated: '2024-11-21T08:05:00Z', rejected: 0, failed: 0, outside: 0, errors: [], rate: null };
  return [
    { ...base, id: 3, source: 'sales-2019-to-2024.mbox', state: 'running', started: '2024-11-21T08:04:00Z', seen: 6_000, stored: 5_600, duplicate: 400, bytes: 310_000_000, total_bytes: 880_000_000, rate: 2_210, eta_seconds: 41 },
    { ...base, id: 2, source: 'ann.mbox', state: 'done', started: '2024-11-20T10:00:00Z', seen: 12_345, stored: 11_902, duplicate: 431, outside: 7, rejected: 3, failed: 2, bytes: 1_204_000_000, errors: ['item 811 at byte 90,112,004: larger than 256 MiB; export it alone', 'item 4,022 at byte 311,870,220: the file ends inside of the message'] },
    { ...base, id: 1, source: 'a folder with a name that goes on and on/backup of the old server/export-0001.tar.zst', state: 'withdrawn', started: '2024-11-19T09:00:00Z', seen: 90, stored: 90, duplicate: 0, bytes: 4_000_000 },
  ];
}

/** Two steps of progress, then the end. */
function events(response, all, id) {
  const job = all.find((known) => String(known.id) === id) ?? all[0];
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const tell = () => response.write(`data: ${JSON.stringify(job)}\n\n`);
  Object.assign(job, { seen: 12_000, stored: 11_000, duplicate: 1_000, bytes: 700_000_000 });
  tell();
  if (job.source.startsWith('sales')) return;
  Object.assign(job, { state: 'done', bytes: 880_000_000 });
  tell();
  response.end();
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function page(path, response, dist) {
  const name = normalize(path).replace(/^([/\\.])+/, '');
  const file = await readFile(join(dist, name || 'index.html')).catch(() => null);
  const found = file ?? (await readFile(join(dist, 'index.html')));
  const type = TYPES[extname(file ? name || 'index.html' : 'index.html')] ?? 'application/octet-stream';
  response.writeHead(200, {
    'content-type': type,
    'content-security-policy': CSP,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  response.end(found);
}
