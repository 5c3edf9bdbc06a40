// Without a pointer, from the sign-in page to an opened message and back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PASSWORD } from '../mock/server.js';
import { signIn, start, visit } from './browser.js';

let site;
before(async () => { site = await start(); });
after(() => site.stop());

const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute('href') ?? document.activeElement?.id);
/** Whether the focus can be seen. */
const outlined = (page) => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== 'none');

test('sign in, search, walk, open, go back, by keyboard alone', async () => {
  const { page, errors, open } = await visit(site);
  await open('/');
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'address');
  assert.ok(await outlined(page));
  await page.keyboard.type('ann@example.org');
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Storage' }).waitFor();

  await page.keyboard.press('/');
  assert.equal(await focused(page), 'query');
  await page.keyboard.type('invoice');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=invoice/);
  await page.locator('ol mark').first().waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  assert.equal(await focused(page), '/message/m1?q=invoice');
  assert.ok(await outlined(page));
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/message\/m1\?/);
  await page.getByRole('heading', { level: 1, name: /Minutes of the steering/ }).waitFor();
  await page.keyboard.press('j');
  await page.waitForURL(/\/message\/m2\?/);
  await page.keyboard.press('Escape');
  await page.waitForURL((url) => url.pathname === '/');
  await page.locator('ol a:focus').waitFor();
  assert.equal(await focused(page), '/message/m2?q=invoice');

  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.deepEqual(errors, []);
});

test('shortcuts of one key can be turned off', async () => {
  const visitor = await visit(site);
  const { page } = visitor;
  await signIn(visitor);
  await page.getByRole('button', { name: 'Help' }).click();
  await page.getByLabel('Shortcuts of one key').uncheck();
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('/');
  assert.notEqual(await focused(page), 'query');
});

test('suggestions are reached by arrow keys', async () => {
  const visitor = await visit(site);
  const { page } = visitor;
  await signIn(visitor);
  const query = page.getByRole('combobox', { name: 'Query' });
  await query.focus();
  await page.keyboard.type('invoice from:bo');
  await page.getByRole('option', { name: /bob\.mueller/ }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await query.inputValue(), 'invoice from:bob.mueller@example.com');
  await page.locator('#offers').waitFor({ state: 'hidden' });
});
