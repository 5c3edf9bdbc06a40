// A mail full of traps, shown as sent, and not even sanitised by the server: the frame holds it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { signIn, start, visit } from './browser.js';

let site;
before(async () => { site = await start(); });
after(() => site.stop());

test('hostile HTML runs nothing and reaches nobody', async () => {
  const visitor = await visit(site);
  const { page, outside, open } = visitor;
  await signIn(visitor);
  await open('/message/m0');
  const mail = page.frameLocator('iframe');
  await mail.getByRole('heading', { name: 'Your account is locked' }).waitFor();
  const address = page.url();
  await mail.getByRole('button', { name: 'Unlock' }).click();
  await mail.locator('#bait').click();
  await mail.getByRole('link', { name: 'there' }).click();
  // Whatever the clicks began would be under way before this answer comes.
  await page.evaluate(() => fetch('/api/v1/me').then((response) => response.status));
  assert.equal(await page.evaluate(() => globalThis.taken), undefined);
  assert.equal(page.url(), address);
  assert.notEqual(await page.title(), 'taken');
  assert.deepEqual(outside, []);
  assert.equal(await page.locator('iframe').getAttribute('sandbox'), '');
});

test('text of a mail is text, whatever it looks like', async () => {
  const visitor = await visit(site);
  const { page, open } = visitor;
  await signIn(visitor);
  await page.route('**/api/v1/messages/m1/text**', (route) =>
    route.fulfill({ json: { text: '<img src=x onerror="top.taken = 1"><b>bold</b>', hits: [[0, 4]] } }));
  await open('/message/m1?q=img');
  await page.getByText('<b>bold</b>').waitFor();
  assert.equal(await page.locator('.body b, .body img').count(), 0);
  assert.equal(await page.evaluate(() => globalThis.taken), undefined);
});
