// The search page under its real Content-Security-Policy: query, form, facets, months, paging.
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { settled, signIn, start, visit } from './browser.js';

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

const query = () => visitor.page.getByRole('combobox', { name: 'Query' });
const asked = () => new URL(visitor.page.url()).searchParams.get('q') ?? '';

test('form and text say the same, both ways', async () => {
  const { page } = visitor;
  await page.getByRole('button', { name: 'Form', exact: true }).click();
  const form = page.getByRole('form', { name: 'Search form' });
  await form.getByLabel('From').fill('ann');
  await form.getByLabel('Subject').fill('annual report');
  await form.getByLabel('Sent since').fill('2024-01');
  await form.getByLabel('With an attachment').check();
  assert.equal(await query().inputValue(), 'from:ann subject:"annual report" sent:2024-01.. has:attachment');
  await query().fill('from:bob "letter of intent" -draft merger');
  assert.equal(await form.getByLabel('From').inputValue(), 'bob');
  assert.equal(await form.getByLabel('Exact phrase').inputValue(), 'letter of intent');
  assert.equal(await form.getByLabel('None of these words').inputValue(), 'draft');
  assert.equal(await form.getByLabel('Words', { exact: true }).inputValue(), 'merger');
  assert.equal(await form.getByLabel('With an attachment').isChecked(), false);
  await form.getByRole('button', { name: 'Search' }).click();
  await page.waitForURL(/q=/);
  assert.equal(asked(), 'from:bob "letter of intent" -draft merger');
});

test('a mistake is shown where it stands, with what to do', async () => {
  const { page } = visitor;
  await query().fill('🙂 from:ann (merger');
  await page.locator('.mistake .bad').waitFor();
  assert.equal(await page.locator('.mistake .bad').textContent(), '(');
  assert.equal(await page.locator('.mistake pre').textContent(), '🙂 from:ann (merger');
  await page.getByText('put a ) where the group ends').waitFor();
  assert.equal(await query().getAttribute('aria-invalid'), 'true');
});

test('a facet is added and taken away', async () => {
  const { page } = visitor;
  await visitor.open('/?q=invoice');
  await page.getByRole('button', { name: /^ann@example\.org/ }).first().click();
  await page.waitForURL(/from/);
  assert.equal(asked(), 'invoice from:ann@example.org');
  await page.getByRole('button', { name: /^ann@example\.org/, pressed: true }).click();
  await page.waitForURL((url) => url.searchParams.get('q') === 'invoice');
});

test('months are chosen by dragging and by the list', async () => {
  const { page } = visitor;
  await visitor.open('/?q=invoice');
  const box = await page.locator('figure svg').boundingBox();
  await page.mouse.move(box.x + 2, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + (box.width * 2.5) / 71, box.y + 20);
  await page.mouse.up();
  await page.waitForURL(/sent/);
  assert.equal(asked(), 'invoice sent:2019-01..2019-03');
  await page.getByText('Months as a list').click();
  await page.getByRole('button', { name: /^March 2020/ }).click();
  await page.waitForURL((url) => url.searchParams.get('q') === 'invoice sent:2020-03');
});

test('the list is read to its end, nothing twice', async () => {
  const { page } = visitor;
  await visitor.open('/?q=invoice');
  const links = page.locator('main ol a');
  assert.equal(await links.count(), 50);
  await page.waitForFunction(() => {
    scrollTo(0, document.body.scrollHeight);
    return document.querySelector('main p.more') === null;
  });
  const found = await links.evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  assert.equal(found.length, 120);
  assert.equal(new Set(found).size, 120);
});

test('counts are exact and honest', async () => {
  const { page } = visitor;
  await visitor.open('/?q=many');
  await page.getByText('12,345 messages').waitFor();
  await visitor.open('/?q=unclear+silent');
  await page.getByText('61 more messages could match').waitFor();
  await page.getByText('No answer from branch office Lyon').waitFor();
  await visitor.open('/?q=nothing');
  await page.getByText('No message matches.').waitFor();
});

test('a slow answer never overtakes a later question', async () => {
  const { page } = visitor;
  await query().fill('slow many');
  await page.keyboard.press('Enter');
  await query().fill('nothing');
  await page.keyboard.press('Enter');
  await page.getByText('No message matches.').waitFor();
  await page.waitForLoadState('networkidle');
  await page.getByText('No message matches.').waitFor();
  assert.equal(await page.locator('main ol a').count(), 0);
});

test('too many requests say when to try again', async () => {
  await visitor.open('/?q=limit');
  await visitor.page.getByText('Try again in 7 seconds').waitFor();
});

test('a search is saved and asked again', async () => {
  const { page } = visitor;
  await visitor.open('/?q=invoice');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByLabel('Name of this search').fill('All invoices');
  await page.keyboard.press('Enter');
  await page.getByText('Saved as All invoices.').waitFor();
  await visitor.open('/');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('link', { name: 'All invoices' }).click();
  await page.waitForURL(/q=invoice/);
  await page.getByRole('button', { name: 'Delete All invoices' }).click();
  await page.getByText('None yet.').waitFor();
});

test('a case widens what is asked for and says so on every page', async () => {
  const { page } = visitor;
  await page.getByLabel('Reading as').first().selectOption({ label: 'Hamburg invoices 2024' });
  await page.getByText('You are reading in the case').waitFor();
  await settled(page);
  await page.locator('figure').waitFor();
  const mark = site.server.state.log.length;
  await query().fill('invoice');
  await page.keyboard.press('Enter');
  await page.waitForURL(/case=7/);
  await page.locator('main ol a').first().click();
  await page.getByText('This browser computed the root again').waitFor();
  await page.getByText('is recorded in the log with your name').waitFor();
  const mail = site.server.state.log.slice(mark).filter((line) => /\/(search|messages)/.test(line));
  assert.ok(mail.length > 4);
  assert.deepEqual(mail.filter((line) => !line.includes('case=7') && !line.startsWith('POST')), []);
});

test('an ended session leads to the sign-in page and back', async () => {
  const { page } = visitor;
  await visitor.open('/?q=invoice');
  site.server.state.sessions.clear();
  await query().fill('merger');
  await page.keyboard.press('Enter');
  await page.getByText('Your session has ended.').waitFor();
  await signInHere(page);
  await page.getByRole('navigation').waitFor();
  assert.equal(asked(), 'merger');
});

async function signInHere(page) {
  const { PASSWORD } = await import('../mock/server.js');
  await page.getByLabel('Address').fill('ann@example.org');
  await page.getByLabel('Password').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByText('Address or password is wrong.').waitFor();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
}
