// What is offered about legs, and which are found.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leg } from '../mock/relay.js';
import { load } from './load.js';

const { applies, FINAL, forgotten, matching, ORDERS, secondsTo, underWay } = await load('lib/queue.ts');
const { LEG_STATES } = await load('lib/types.ts');

test('no order is offered about what left or is over', () => {
  const offered = (state) => ORDERS.filter((order) => applies(order, state));
  for (const state of LEG_STATES) {
    const still = ['waiting', 'uncertain', 'held'].includes(state);
    assert.equal(offered(state).length > 0, still, state);
  }
  assert.deepEqual(offered('waiting'), ['retry', 'hold', 'drop']);
  assert.deepEqual(offered('held'), ['release', 'drop']);
  assert.deepEqual(offered('uncertain'), ['not-delivered', 'delivered', 'drop']);
  assert.deepEqual(LEG_STATES.filter(underWay), ['waiting', 'taken', 'sending', 'uncertain', 'held']);
});

test('what may be regretted is asked first', () => {
  assert.deepEqual([...FINAL].sort(), ['delivered', 'drop', 'not-delivered']);
});

test('every word is looked for, in whatever a line shows', () => {
  const legs = [
    leg(1, { recipient: 'Ann@Example.org', attempts: [{ at: '', server: '', verdict: 'temporary', words: '451 greylisted' }] }),
    leg(2, { state: 'held', why: 'standby', place: 'server mail2.example.org:25' }),
  ];
  const found = (state, text) => matching(legs, state, text).map(({ id }) => id);
  assert.deepEqual(found('', ''), [1, 2]);
  assert.deepEqual(found('', ' ann  GREYLISTED '), [1]);
  assert.deepEqual(found('', 'mail2 standby'), [2]);
  assert.deepEqual(found('held', ''), [2]);
  assert.deepEqual(found('held', 'greylisted'), []);
});

test('tries of which no words are kept are counted', () => {
  const attempt = (verdict) => ({ verdict });
  assert.equal(forgotten({ tries: 31, attempts: [attempt('temporary'), attempt('ordered'), attempt('uncertain')] }), 29);
  assert.equal(forgotten({ tries: 0, attempts: [attempt('ordered')] }), 0);
});

test('a time that cannot be read is now', () => {
  assert.equal(secondsTo(Date.parse('2026-01-01T00:00:00Z'), '2026-01-01T00:01:00.5Z'), 60.5);
  assert.equal(secondsTo(0, ''), 0);
});
