// Message, imports and storage under their real Content-Security-Policy.
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { signIn, start, visit } from './browser.js';

let site;
let visitor;
before(async () => { site = await start(); });
after(() => site.stop());
beforeEach(async () => {
  visitor = await visit(site);
  await signIn(visitor);
});
afterEach(async () => {
  assert.deepEqual(visitor.errors, []);
  assert.deepEqual(visitor.outside, []);
  await visitor.context.close();
});

test('a message shows its text with the hits, and why it was found', async () => {
  const { page, open } = visitor;
  await open('/message/m4?q=invoice');
  assert.deepEqual(await page.locator('.body mark').allTextContents(), ['invoice', 'invoice']);
  await page.getByRole('heading', { name: 'Why did this match?' }).waitFor();
  await page.getByRole('button', { name: 'Show text' }).click();
  await page.locator('.text mark').first().waitFor();
  assert.deepEqual(await page.locator('.text mark').allTextContents(), ['Invoice', 'invoice']);
  await page.getByText('Text could not be read: encrypted').waitFor();
  await page.getByRole('button', { name: 'Source' }).click();
  await page.getByText('The first 262 kB are shown.').waitFor();
});

test('the proof is computed again by the browser', async () => {
  const { page, open } = visitor;
  await open('/message/m4');
  await page.getByText('This browser computed the root again and got the same.').waitFor();
  const picture = page.getByRole('img', { name: /From leaf 1,004 up \d+ steps to the root of a tree of 1,413 leaves/ });
  await picture.waitFor();
  await page.route('**/proof**', async (route) => {
    const answer = await (await route.fetch()).json();
    await route.fulfill({ json: { ...answer, leaf: answer.root } });
  });
  await open('/message/m5');
  await page.getByText('This browser computed another root.').waitFor();
});

test('a time shows UTC on hover', async () => {
  const { page, open } = visitor;
  await open('/message/m0');
  const time = page.locator('article time').first();
  assert.equal(await time.getAttribute('title'), '2024-11-20 15:04:00 UTC');
  assert.match(await time.textContent(), /16:04/);
});

test('a file is sent, watched and taken back', async () => {
  const { page, open } = visitor;
  await open('/imports');
  await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'old.zip', mimeType: 'application/zip', buffer: Buffer.alloc(5_000) });
  assert.equal(await page.getByLabel('Kind of file').inputValue(), 'zip');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'old.zip' }).waitFor();
  // The stream brings the job to its end.
  await page.getByText('Balanced: all 12,000 items accounted for.').waitFor();
  await page.getByRole('button', { name: 'Withdraw…' }).click();
  await page.getByText('Nothing is destroyed').waitFor();
  await page.getByText('At most 11,000 messages will be hidden.').waitFor();
  await page.getByLabel('Reason, for the log').fill('wrong mailbox');
  await page.getByRole('button', { name: 'Withdraw the import' }).click();
  await page.locator('strong', { hasText: 'withdrawn' }).waitFor();
});

test('colours are chosen and kept', async () => {
  const { page, open } = visitor;
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.getByLabel('Colours').selectOption('dark');
  assert.notEqual(await paper(), light);
  const dark = await paper();
  await open('/storage');
  assert.equal(await paper(), dark);
});

test('what a role may not do is not offered', async () => {
  const offered = async (address) => {
    const other = await visit(site);
    await signIn(other, address);
    const names = await other.page.getByRole('navigation').getByRole('link').allTextContents();
    assert.deepEqual(other.errors, []);
    return { ...other, names };
  };
  const reader = await offered('reader@example.org');
  assert.deepEqual(reader.names, ['Search']);
  assert.equal(await reader.page.getByLabel('Reading as').count(), 0);
  const admin = await offered('admin@example.org');
  assert.deepEqual(admin.names, ['Imports', 'Storage', 'Queue', 'Recipients']);
  await admin.page.getByRole('heading', { name: 'Storage' }).waitFor();
  const officer = await offered('officer@example.org');
  assert.deepEqual(officer.names, ['Search', 'Imports', 'Storage']);
  await officer.page.getByRole('button', { name: 'Hamburg invoices 2024' }).click();
  await officer.page.getByText('120 messages').waitFor();
  await officer.open('/imports');
  assert.equal(await officer.page.getByText('New import').count(), 0);
});
