// Who is written to, what is quoted, and that a letter keeps its name while nothing of it changes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.js';

const { answered, begun, came, line, named, people, quoted } = await load('lib/letter.ts');

const person = (email, name = '') => ({ name, email });
const mail = (more) => ({
  folder: 1, uid: 2, id: '', date: '2024-06-03T10:00:00Z', came: '', subject: 'Pier', from: [person('bob@x.org', 'Bob')],
  to: [person('ann@x.org')], cc: [], bcc: [], reply_to: [], flags: [], size: 1, text: 'one\n\ntwo\n', has_html: false, attachments: [], ...more,
});
const OWN = ['ann@x.org', 'sales@x.org'];
const wrote = (who) => `${who} wrote:`;
const addresses = (list) => list.map(({ email }) => email);

test('people are read as they are written, and written as they are read', () => {
  const text = 'ann@x.org, Bob Lee <bob@x.org>; "Lee, \\"C.\\"" <c@x.org>\n<d@x.org>,,';
  const { list, wrong } = people(text);
  assert.deepEqual(list, [person('ann@x.org'), person('bob@x.org', 'Bob Lee'), person('c@x.org', 'Lee, "C."'), person('d@x.org')]);
  assert.deepEqual(wrong, []);
  assert.deepEqual(people(line(list)).list, list);
  assert.deepEqual(people('bob, a@b@c, ann@x.org x, Eve <eve@>').wrong, ['bob', 'a@b@c', 'ann@x.org x', 'Eve <eve@>']);
  assert.deepEqual(people('').list, []);
});

test('an answer goes to whom the sender wants, and to all but oneself', () => {
  const many = mail({ to: [person('ann@x.org'), person('carol@x.org')], cc: [person('SALES@x.org'), person('dan@x.org')] });
  assert.deepEqual(answered(many, OWN, false), { to: many.from, cc: [] });
  const all = answered(many, OWN, true);
  assert.deepEqual([addresses(all.to), addresses(all.cc)], [['bob@x.org'], ['carol@x.org', 'dan@x.org']]);
  const desk = mail({ reply_to: [person('desk@x.org')] });
  assert.deepEqual(addresses(answered(desk, OWN, true).to), ['desk@x.org']);
  // One's own letter goes on to whom it was for.
  const mine = mail({ from: [person('Ann@x.org')], to: [person('bob@x.org')], cc: [person('dan@x.org')] });
  const again = answered(mine, OWN, true);
  assert.deepEqual([addresses(again.to), addresses(again.cc)], [['bob@x.org'], ['dan@x.org']]);
  assert.equal(came(many, OWN), 'ann@x.org');
  assert.equal(came(mail({ to: [person('sales@X.org')] }), OWN), 'sales@x.org');
  assert.equal(came(mail({ to: [] }), OWN), 'ann@x.org');
});

test('a letter begins with what it is about', () => {
  const reply = begun('reply', mail(), OWN, wrote);
  assert.deepEqual(reply, { from: 'ann@x.org', to: 'Bob <bob@x.org>', cc: '', bcc: '', subject: 'Re: Pier', text: '\n\nBob wrote:\n> one\n>\n> two\n' });
  assert.equal(begun('reply', mail({ subject: 'RE: Pier' }), OWN, wrote).subject, 'RE: Pier');
  assert.equal(begun('reply', mail({ subject: 'AW: Pier' }), OWN, wrote).subject, 'AW: Pier');
  assert.equal(begun('reply', mail({ text: ' ' }), OWN, wrote).text, '');
  const forward = begun('forward', mail(), OWN, wrote);
  assert.deepEqual([forward.to, forward.subject, forward.text], ['', 'Fwd: Pier', '']);
  assert.equal(begun('forward', mail({ subject: 'Fw: Pier' }), OWN, wrote).subject, 'Fw: Pier');
  assert.deepEqual(begun('new', null, OWN, wrote), { from: 'ann@x.org', to: '', cc: '', bcc: '', subject: '', text: '' });
  assert.ok(quoted('x'.repeat(200_000)).length < 70_000);
});

test('the same letter has the same name, another has another', () => {
  const letter = begun('reply', mail(), OWN, wrote);
  const key = named({ letter, tried: null });
  assert.match(key, /^[0-9a-f]{32}$/);
  assert.equal(named({ letter: { ...letter }, tried: { key, letter } }), key);
  assert.notEqual(named({ letter: { ...letter, text: 'No.' }, tried: { key, letter } }), key);
  assert.notEqual(named({ letter, tried: null }), key);
});
