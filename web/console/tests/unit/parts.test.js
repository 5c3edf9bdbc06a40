// Highlights, proofs, sizes: what pages show must be right to the character.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proof } from '../mock/mail.js';
import { load } from './load.js';

const { around, pieces } = await load('lib/highlight.ts');
const { climb, steps } = await load('lib/proof.ts');
const { size } = await load('lib/format.ts');

test('pieces give the text back, whatever the ranges', () => {
  const text = 'The 見積書 is due 🙂 today';
  const cases = [[], [[4, 7]], [[4, 7], [0, 3]], [[0, 5], [3, 9]], [[20, 900]], [[-4, 2]], [[9, 3]], [[0, text.length]]];
  for (const ranges of cases) {
    const found = pieces(text, ranges);
    assert.equal(found.map((piece) => piece.text).join(''), text);
    assert.ok(found.every((piece) => piece.text !== ''));
  }
  assert.deepEqual(pieces('abc', [[1, 2]]), [
    { text: 'a', hit: false },
    { text: 'b', hit: true },
    { text: 'c', hit: false },
  ]);
});

test('the place of a mistake is counted in characters', () => {
  assert.deepEqual(around('🙂🙂 form:x', 3, 5), ['🙂🙂 ', 'form:', 'x']);
  assert.deepEqual(around('(a', 2, 1), ['(a', ' ', '']);
});

test('the audit path of every leaf of every small tree leads to its root', async () => {
  for (let leaves = 1; leaves <= 33; leaves += 1) {
    for (let seq = 0; seq < leaves; seq += 1) {
      const found = proof(seq, leaves);
      const path = steps(seq, leaves, found.path);
      assert.ok(path, `${seq} of ${leaves}`);
      const nodes = await climb(found.leaf, path);
      assert.equal(nodes.at(-1) ?? found.leaf, found.root, `${seq} of ${leaves}`);
    }
  }
});

test('a path of the wrong length is refused', () => {
  const { path } = proof(5, 11);
  assert.equal(steps(5, 11, path.slice(1)), null);
  assert.equal(steps(5, 11, [...path, path[0]]), null);
  assert.equal(steps(11, 11, path), null);
});

test('sizes are thousands, as in the query language', () => {
  assert.equal(size(999), '999 B');
  assert.equal(size(5_000_000), '5 MB');
  assert.equal(size(1_234_567), '1.2 MB');
});
