// The form and the query text say the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.js';

const { EMPTY, between, encode, holds, read, split, toggle, wanted, write } = await load('lib/query.ts');
const form = (more) => ({ ...EMPTY, ...more });

test('text is parted outside of quotes and parentheses', () => {
  assert.deepEqual(split('a  "b c" from:(d OR e) -f'), ['a', '"b c"', 'from:(d OR e)', '-f']);
  assert.deepEqual(split('"say \\"no\\" now" x'), ['"say \\"no\\" now"', 'x']);
  assert.deepEqual(split(''), []);
  // Unfinished text is one piece, never lost.
  assert.deepEqual(split('(a b'), ['(a b']);
  assert.deepEqual(split('"a b'), ['"a b']);
});

const same = [
  ['', {}],
  ['merger acquisition', { words: 'merger acquisition' }],
  ['"letter of intent"', { phrase: 'letter of intent' }],
  ['from:ann to:"legal team" merger', { words: 'merger', from: 'ann', to: 'legal team' }],
  ['subject:(merger OR acquisition)', { subject: '(merger OR acquisition)' }],
  ['sent:2024-01..2024-03', { since: '2024-01', until: '2024-03' }],
  ['sent:2024', { since: '2024', until: '2024' }],
  ['sent:2024-05-31..', { since: '2024-05-31' }],
  ['sent:..2023', { until: '2023' }],
  ['filename:*.pdf in:Archive/2024 has:attachment', { filename: '*.pdf', folder: 'Archive/2024', attachment: true }],
  ['-draft -"first version" merger', { words: 'merger', without: 'draft "first version"' }],
  ['merger OR acquisition', { words: 'merger OR acquisition' }],
  ['from:ann (merger OR acquisition)', { from: 'ann', words: 'merger OR acquisition' }],
  ['subject:"say \\"no\\""', { subject: 'say "no"' }],
  ['田中 subject:見積', { words: '田中', subject: '見積' }],
];

test('the form reads the text, and writes it again', () => {
  for (const [text, boxes] of same) {
    assert.deepEqual(read(text), form(boxes), text);
    assert.deepEqual(read(write(read(text))), read(text), text);
    assert.deepEqual(split(write(read(text))).sort(), split(text).sort(), text);
  }
});

test('what the form has no box for stays as it is', () => {
  const kept = ['size>5MB', 'from:ann OR from:bob', 'a NOT b', 'body:x', '-from:ann', '-(a OR b)', '"" x', 'before:2024', 'sent:yesterday', 'from:"', 'from:', '(', 'a NEAR/5 b', 'from:ann,bob', 'sent:2024..2025..2026'];
  for (const text of kept) {
    const written = write(read(text));
    assert.deepEqual(split(written).sort(), split(text).sort(), text);
  }
});

test('of two equal fields the second stays in the words', () => {
  const text = 'from:ann from:bob "a" "b"';
  assert.deepEqual(read(text), form({ from: 'ann', phrase: 'a', words: 'from:bob "b"' }));
  assert.deepEqual(read(write(read(text))), read(text));
});

test('any text that the form wrote is read back to the same form', () => {
  // A fixed generator: failures come again.
  let seed = 7;
  const draw = (many) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % many;
  };
  const values = ['', '', 'ann', 'legal team', '(a OR b)', 'x"y', 'back\\slash', '東京', '*.pdf', 'a(b', '-x', 'has:x'];
  const dates = ['', '2024', '2024-02', '2024-02-29'];
  for (let round = 0; round < 3_000; round += 1) {
    const boxes = form({});
    for (const name of ['from', 'to', 'subject', 'filename', 'mailbox', 'folder']) boxes[name] = values[draw(values.length)];
    boxes.phrase = ['', 'letter of intent', 'say "no"', 'a\\b'][draw(4)];
    boxes.words = ['', 'merger', 'merger acquisition', 'a OR b', 'contract*'][draw(5)];
    boxes.without = ['', 'draft', 'draft "first one"'][draw(3)];
    boxes.since = dates[draw(4)];
    boxes.until = dates[draw(4)];
    boxes.attachment = draw(2) === 1;
    assert.deepEqual(read(write(boxes)), boxes, write(boxes));
  }
});

test('a condition is added once and taken away again', () => {
  assert.equal(toggle('merger', 'from:ann'), 'merger from:ann');
  assert.equal(toggle('merger from:ann', 'from:ann'), 'merger');
  assert.equal(toggle('', 'sent:2024'), 'sent:2024');
  assert.equal(toggle('a OR b', 'sent:2024'), '(a OR b) sent:2024');
  assert.equal(toggle('(a OR b) sent:2024', 'sent:2024'), '(a OR b)');
  assert.ok(holds('merger from:ann', 'from:ann'));
  assert.ok(!holds('merger OR from:ann', 'from:ann'));
});

test('dates take the place of other dates', () => {
  assert.equal(between('merger sent:2023 after:2022', '2024-01', '2024-03'), 'merger sent:2024-01..2024-03');
  assert.equal(between('a OR b', '2024-01', '2024-01'), '(a OR b) sent:2024-01');
});

test('values are quoted where they must be', () => {
  assert.equal(encode('ann@example.org'), 'ann@example.org');
  assert.equal(encode('legal team'), '"legal team"');
  assert.equal(encode('a) OR (b'), '"a) OR (b"');
  assert.equal(encode('(a) OR (b)'), '"(a) OR (b)"');
});

test('the address at the caret', () => {
  assert.deepEqual(wanted('from:an', 7), { prefix: 'an', start: 5, end: 7 });
  assert.deepEqual(wanted('x to:bo@e y', 9), { prefix: 'bo@e', start: 5, end: 9 });
  assert.deepEqual(wanted('(from:an', 8), { prefix: 'an', start: 6, end: 8 });
  assert.equal(wanted('subject:an', 10), null);
  assert.equal(wanted('from:', 5), null);
  assert.equal(wanted('merger', 6), null);
});
