// Queue, domains and recipients under their real Content-Security-Policy.
import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, before, test } from 'node:test';
import { leg, relay } from '../mock/relay.js';
import { signIn, start, visit } from './browser.js';

let site;
let visitor;
before(async () => { site = await start(); });
after(() => site.stop());
beforeEach(async () => {
  site.server.state.relay = relay();
  visitor = await visit(site);
  await signIn(visitor, 'admin@example.org');
});
afterEach(async () => {
  assert.deepEqual(visitor.errors, []);
  assert.deepEqual(visitor.outside, []);
  await visitor.context.close();
});

const state = () => site.server.state.relay;
const one = (id) => state().legs.find((known) => known.id === id);
const row = (text) => visitor.page.locator('tbody tr', { hasText: text });
/** What a line says; phones and desks read it from different places. */
const says = (line, text) => line.getByText(text).filter({ visible: true }).first().waitFor();
const press = (name) => visitor.page.getByRole('button', { name, exact: true }).click();
const pick = (name) => visitor.page.getByLabel(name, { exact: true });

test('the queue says what is under way, and the rest when asked', async () => {
  const { page, open } = visitor;
  await open('/queue');
  const figures = (await page.locator('.figures div').allInnerTexts()).map((text) => text.replace(/\s+/g, ' '));
  assert.deepEqual(figures.slice(0, 5), ['5 under way', '1 waiting', '1 sending', '1 uncertain', '2 held 1 unknown recipient, 1 standby']);
  assert.match(figures[5], /^2\.5 h since the oldest came$/);
  assert.equal(await page.locator('tbody tr').count(), 5);
  await page.getByLabel('State').selectOption('held');
  await page.getByText('2 of 5 legs').waitFor();
  await page.getByLabel('Filter').fill('nobody');
  await page.getByText('1 of 5 legs').waitFor();
  await page.getByLabel('Filter').fill('');
  await page.getByLabel('State').selectOption('');
  await page.getByLabel('Also ended').check();
  await page.getByText('7 legs').waitFor();
  await page.getByLabel('State').selectOption('delivered');
  await says(page, 'may be there twice');
  assert.equal(await pick('Select 6, to user6@example.com').count(), 0, 'what ended takes no order');
  // A state that is not read any more is not asked for any more.
  await page.getByLabel('Also ended').uncheck();
  await page.getByText('5 legs').waitFor();
});

test('a leg tells what was tried and what happens next', async () => {
  const { page, open } = visitor;
  await open('/queue');
  const name = page.getByRole('button', { name: 'sara@example.org' });
  await name.click();
  await page.getByText('may come twice').waitFor();
  await page.getByText('no answer: it may have been taken').waitFor();
  await page.getByText('451 4.4.2 the connection ended before the message was answered').waitFor();
  assert.equal(await name.getAttribute('aria-expanded'), 'true');
  await page.getByRole('button', { name: 'bob.mueller@example.org' }).click();
  await page.getByText('Of 20 more tries the words are not kept.').waitFor();
  assert.equal(await page.locator('tr.panel').count(), 1);
});

test('what is selected stays so when the list is read again', async () => {
  const { page, open } = visitor;
  await open('/queue');
  await pick('Select 3, to nobody.here@example.org').check();
  await pick('Select 4, to emile@example.org').check();
  await page.getByLabel('Filter').fill('emile');
  await page.getByText('2 selected, 1 of them not shown').waitFor();
  one(3).state = 'delivered';
  state().legs.push(leg(8));
  await page.getByLabel('Filter').fill('');
  await press('Refresh');
  await row('user8@example.com').waitFor();
  await page.getByText('1 selected').waitFor();
  assert.ok(await pick('Select 4, to emile@example.org').isChecked());
});

test('orders go to those that they say something of', async () => {
  const { page, open } = visitor;
  await open('/queue');
  await pick('Select all that are shown').check();
  await page.getByText('5 selected').waitFor();
  assert.deepEqual(
    (await page.getByRole('region', { name: 'Orders' }).getByRole('button').allTextContents()).map((text) => text.trim().replace(/\s+/g, ' ')),
    ['Clear', 'Retry 1', 'Hold 1', 'Release 2', 'Not delivered… 1', 'Delivered… 1', 'Drop… 4'],
  );
  await page.getByLabel('Reason, for the history').first().fill('the migration');
  await page.getByRole('button', { name: /^Hold/ }).click();
  await page.getByText('1 leg changed.').waitFor();
  await says(row('bob.mueller@example.org'), 'by an operator');
  assert.match(one(1).attempts.at(-1).words, /the migration/);
  await page.getByText('5 selected').waitFor();
});

test('what may be regretted asks first, and wants a reason', async () => {
  const { page, open } = visitor;
  await open('/queue');
  await pick('Select 1, to bob.mueller@example.org').check();
  await pick('Select 3, to nobody.here@example.org').check();
  await press('Drop…');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Drop 2 legs?' }).waitFor();
  await dialog.getByText('its sender is not told').waitFor();
  await dialog.getByText('nobody.here@example.org').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await press('Drop…');
  await dialog.getByRole('button', { name: 'Drop' }).click();
  assert.equal(one(1).state, 'waiting', 'without a reason nothing is sent');
  await dialog.getByLabel('Reason').fill('asked for by its sender');
  one(3).state = 'delivered';
  await dialog.getByRole('button', { name: 'Drop' }).click();
  await page.getByText('1 of 2 legs changed').waitFor();
  assert.equal(one(1).state, 'dropped');
  await dialog.waitFor({ state: 'hidden' });
});

test('an order that fails says why and keeps what was written', async () => {
  const { page, open } = visitor;
  await open('/queue');
  await pick('Select 2, to sara@example.org').check();
  await page.route('**/queue/orders', (route) => route.fulfill({ status: 404, json: { detail: 'leg 2 is not there', code: 'E-NOT-FOUND' } }));
  await press('Delivered…');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill('seen in the mailbox');
  await dialog.getByRole('button', { name: 'It was delivered' }).click();
  await dialog.getByText('leg 2 is not there').waitFor();
  assert.equal(await dialog.getByLabel('Reason').inputValue(), 'seen in the mailbox');
});

test('a long queue is read by pages, and again as far as it was read', async () => {
  const { page, open } = visitor;
  state().legs.push(...Array.from({ length: 1200 }, (_, at) => leg(10 + at)));
  await open('/queue');
  await page.getByText('There are more than were read').waitFor();
  await page.getByText('1,000 legs').waitFor();
  await press('Read more');
  await page.getByText('1,205 legs').waitFor();
  assert.equal(await page.getByText('There are more than were read').count(), 0);
  await press('Show more');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 200);
  await page.getByLabel('Filter').fill('user1209@');
  await page.getByText('1 of 1,205 legs').waitFor();
  await Promise.all([page.waitForResponse(/queue\?after=/), press('Refresh')]);
  await page.getByText('1 of 1,205 legs').waitFor();
});

test('a mail log settles what is uncertain', async () => {
  const { page, open } = visitor;
  await open('/queue');
  const give = (text) => page.getByLabel('Log file').setInputFiles({ name: 'mail.log', mimeType: 'text/x-log', buffer: Buffer.from(text) });
  await give('nothing of mail\n');
  await press('Read the log');
  await page.getByText('No message was found in it.').waitFor();
  await give('Nov 30 12:00:00 mail postfix/smtp[1]: 4Xq1: to=<sara@example.org>, status=sent\n');
  const [request] = await Promise.all([page.waitForRequest(/evidence/), press('Read the log')]);
  assert.equal(await request.headerValue('content-type'), 'text/plain');
  await page.getByText('1 message in the log.').waitFor();
  await page.getByText('1were taken').waitFor();
  await row('sara@example.org').waitFor({ state: 'detached' });
});

test('domains are added, changed and removed', async () => {
  const { page, open } = visitor;
  await open('/recipients');
  await says(row('example.net'), 'goes to postmaster@example.org');
  await press('Add a domain');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Domain').fill('example.fr');
  await dialog.getByLabel('Mail server').fill('mail.example.fr:25');
  await dialog.getByLabel('Mail for unknown addresses').selectOption('box');
  await dialog.getByLabel('To which address').fill('emile@example.fr');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await says(row('example.fr'), 'goes to emile@example.fr');
  await press('Edit example.fr');
  assert.equal(await dialog.getByLabel('Mail server').inputValue(), 'mail.example.fr:25');
  await dialog.getByLabel('Mail server').fill('');
  await dialog.getByLabel('Mail for unknown addresses').selectOption('relay');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await says(row('example.fr'), 'goes on: the mail server knows them');
  assert.deepEqual(state().domains.at(-1), { name: 'example.fr', unknown: 'relay', server: null });
  await press('Remove example.fr');
  await dialog.getByText('New mail for its addresses is refused').waitFor();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await row('example.fr').waitFor({ state: 'detached' });
});

test('recipients are found, added and removed', async () => {
  const { page, open } = visitor;
  await open('/recipients');
  await page.getByText('4 recipients').waitFor();
  await page.getByLabel('Filter').fill('MAIL2');
  await page.getByText('1 of 4 recipients').waitFor();
  await page.getByLabel('Filter').fill('');
  await page.getByLabel('State', { exact: true }).selectOption('alias');
  await says(row('sales@example.org'), /stands for ann@example\.org/);
  await page.getByLabel('State', { exact: true }).selectOption('');
  await press('Add a recipient');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Address').fill('press@example.org');
  await dialog.getByLabel('Stands for').fill('ann@example.org, emile@example.org');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await row('press@example.org').waitFor();
  assert.deepEqual(state().recipients.at(-1).targets, ['ann@example.org', 'emile@example.org']);
  await press('Remove press@example.org');
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await row('press@example.org').waitFor({ state: 'detached' });
});

test('a change of states shows first what would change', async () => {
  const { page, open } = visitor;
  await open('/recipients');
  await page.getByLabel('Whose').selectOption({ label: 'All at example.org' });
  await press('Show what would change');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'Make 2 recipients active?' }).waitFor();
  await dialog.getByText('1 already in this state').waitFor();
  assert.equal(state().recipients[0].state, 'ready', 'nothing has changed yet');
  await dialog.getByLabel('Reason').fill('the machine room is under water');
  await dialog.getByRole('button', { name: 'Make active' }).click();
  await page.getByText('2 changed, 1 already so, 0 refused.').waitFor();
  await says(row('ann@example.org'), 'active');
  // From active nobody becomes ready.
  await page.getByLabel('Whose').selectOption({ label: 'One recipient' });
  await page.locator('#continuity-address').fill('ann@example.org');
  await page.getByLabel('New state').selectOption('ready');
  await press('Show what would change');
  await dialog.getByText('ann@example.org is active').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Make ready' }).isDisabled());
});

test('others are not led there', async () => {
  const other = await visit(site);
  await signIn(other, 'reader@example.org');
  for (const path of ['/queue', '/recipients']) {
    await other.open(path);
    await other.page.getByRole('combobox', { name: 'Query' }).waitFor();
  }
  await other.context.close();
});
