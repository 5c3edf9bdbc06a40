// The standby mailbox under its real Content-Security-Policy.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { standby } from '../mock/mailbox.js';
import { overflow, signIn, SIZES, start, violations, visit } from './browser.js';

let site;
let visitor;
before(async () => { site = await start(); });
after(() => site.stop());
beforeEach(async () => {
  site.server.state.standby = standby();
  visitor = await visit(site);
  await signIn(visitor);
});
afterEach(async () => {
  assert.deepEqual(visitor.errors, []);
  assert.deepEqual(visitor.outside, []);
  await visitor.context.close();
});

const state = () => site.server.state.standby;
const at = (folder, uid) => state().mails.find((one) => one.folder === folder && one.uid === uid);
const inFolder = (folder) => state().mails.filter((one) => one.folder === folder);
const press = (name) => visitor.page.getByRole('button', { name, exact: true }).click();
const follow = (name) => visitor.page.getByRole('link', { name, exact: true }).click();
const folders = () => visitor.page.getByRole('navigation', { name: 'Folders' });
const items = () => visitor.page.getByRole('list', { name: 'Messages' }).getByRole('link');
const field = (name) => visitor.page.getByRole('textbox', { name, exact: true });

test('folders, a list read by pages, and what is unread', async () => {
  const { page } = visitor;
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Mailbox' }).click();
  await page.getByText('Your mail server is away: you are working in the standby mailbox.').waitFor();
  await folders().getByRole('link', { name: 'Inbox 40 unread' }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll('ol a').length === 50);
  assert.equal(await items().filter({ hasText: 'unread:' }).count(), 17);
  await press('Show more');
  await page.waitForFunction(() => document.querySelectorAll('ol a').length === 100);
  await press('Show more');
  await page.waitForFunction(() => document.querySelectorAll('ol a').length === 120);
  assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);
  await folders().getByRole('link', { name: 'Sent' }).click();
  await items().filter({ hasText: /^To Bob Müller/ }).waitFor();
  await folders().getByRole('link', { name: 'Drafts' }).click();
  await page.getByText('Nothing is in this folder.').waitFor();
  await page.goBack();
  await items().filter({ hasText: /^To Bob Müller/ }).waitFor();
});

test('what is opened is read, and can be unread and flagged again', async () => {
  const { page, open } = visitor;
  await open('/mailbox');
  assert.deepEqual(at(1, 120).flags, []);
  await items().first().click();
  await page.getByRole('heading', { name: 'Invoice 2024-0117 for the Hamburg office' }).waitFor();
  await page.getByRole('link', { name: 'Invoice 2024-0117.pdf' }).waitFor();
  await folders().getByRole('link', { name: 'Inbox 39 unread' }).waitFor();
  assert.deepEqual(at(1, 120).flags, ['seen']);
  await press('Flag');
  await items().first().getByRole('img', { name: 'flagged' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Flag' }).getAttribute('aria-pressed'), 'true');
  await press('Mark unread');
  await page.getByText('Choose a message to read it.').waitFor();
  await folders().getByRole('link', { name: 'Inbox 40 unread' }).waitFor();
  assert.deepEqual(at(1, 120).flags, ['flagged']);
});

test('HTML of a mail does nothing and reaches nobody', async () => {
  const { page, open } = visitor;
  await open('/mailbox/1/116');
  const mail = page.frameLocator('iframe');
  await mail.getByRole('heading', { name: 'Your account is locked' }).waitFor();
  const address = page.url();
  await mail.getByRole('button', { name: 'Unlock' }).click();
  await mail.getByRole('link', { name: 'there' }).click();
  await page.evaluate(() => fetch('/api/v1/me').then((response) => response.status));
  assert.equal(await page.evaluate(() => globalThis.taken), undefined);
  assert.equal(page.url(), address);
  assert.equal(await page.locator('iframe').getAttribute('sandbox'), '');
});

test('mail is moved, deleted, brought back, and deleted for good', async () => {
  const { page, open } = visitor;
  await open('/mailbox/1/119');
  await page.getByLabel('Move to…').selectOption('Archive');
  await page.getByText('Moved to Archive.').waitFor();
  assert.equal(inFolder(4).length, 1);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('href')), '/mailbox/1/118', 'the next has the focus');
  await press('Undo');
  await page.getByText('Moved back.').waitFor();
  assert.deepEqual([inFolder(4).length, inFolder(1).length], [0, 120]);
  await items().first().click();
  await press('Delete');
  await page.getByText('Moved to Trash.').waitFor();
  await folders().getByRole('link', { name: 'Trash' }).click();
  await page.waitForFunction(() => document.querySelectorAll('ol a').length === 2);
  await items().first().click();
  await press('Delete for good…');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The archive keeps its copy').waitFor();
  await dialog.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByText('Deleted for good.').waitFor();
  assert.equal(inFolder(6).length, 1);
  assert.equal(await page.getByRole('button', { name: 'Undo' }).count(), 0);
});

test('a search finds what lies anywhere, and goes on by itself', async () => {
  const { page, open } = visitor;
  await open('/mailbox');
  await page.getByRole('searchbox').fill('is:unread from:hanako');
  await press('Search');
  await page.getByRole('heading', { name: /found$/ }).waitFor();
  const before = await items().count();
  assert.equal(before, state().mails.filter(({ flags, from }) => flags.length === 0 && from[0].email.startsWith('hanako')).length);
  await page.getByRole('searchbox').fill('nothing-like-this');
  await press('Search');
  await page.getByText('Nothing in this mailbox matches.').waitFor();
  await follow('Back to the folder');
  await page.waitForFunction(() => document.querySelectorAll('ol a').length === 50);
  assert.equal(await page.getByRole('searchbox').inputValue(), '');
});

test('an answer goes out once, and is in Sent', async () => {
  const { page, open } = visitor;
  await open('/mailbox/1/120');
  await follow('Reply all');
  await page.getByRole('heading', { name: 'Reply to all' }).waitFor();
  assert.equal(await field('To').inputValue(), 'Ann Example <ann@example.org>');
  assert.equal(await field('Cc').inputValue(), 'Bob Müller <bob.mueller@example.com>');
  assert.match(await field('Text').inputValue(), /Ann Example wrote:\n> Please find/);
  await field('Text').press('Control+Home');
  await field('Text').pressSequentially('Pier 7.');
  // The answer gets lost: whoever sends it again sends it once.
  await page.route('**/mailbox/send', async (route) => {
    await route.fetch();
    await route.abort();
  }, { times: 1 });
  await press('Send');
  await page.getByText('If you send it again unchanged, it goes out once.').waitFor();
  assert.equal(state().sent.size, 1);
  await page.reload();
  assert.match(await field('Text').inputValue(), /^Pier 7\./, 'what was written is there');
  await press('Send');
  await page.getByText('Sent. A copy is in Sent.').waitFor();
  assert.equal(state().sent.size, 1);
  const [{ ask }] = state().sent.values();
  assert.deepEqual(ask.in_reply_to, { folder: 1, uid: 120 });
  assert.match(ask.text, /^Pier 7\./);
  await items().first().getByRole('img', { name: 'answered' }).waitFor();
  await folders().getByRole('link', { name: 'Sent' }).click();
  await items().first().filter({ hasText: 'Re: Invoice' }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0, 'nothing is kept of it');
  // The browser says of the lost answer what it is.
  assert.match(visitor.errors.shift(), /ERR_FAILED/);
});

test('what cannot be sent says why and keeps what was written', async () => {
  const { page, open } = visitor;
  await open('/mailbox');
  await follow('Compose');
  await page.getByRole('combobox', { name: 'From' }).selectOption('sales@example.org');
  await press('Send');
  await page.getByText('Name somebody to send it to.').waitFor();
  await field('To').fill('bob');
  await press('Send');
  await page.getByText('These are no addresses: bob').waitFor();
  assert.equal(state().sent.size, 0);
  await field('To').fill('"Lee, Bob" <bob@example.org>, nobody@example.org');
  await press('Cc and Bcc');
  await field('Bcc').fill('eve@example.org');
  await field('Subject').fill('Pier');
  await field('Text').fill('Which?');
  await press('Send');
  await page.getByText('nobody@example.org: there is nobody of that address here').waitFor();
  await follow('← Back');
  await follow('Compose');
  assert.equal(await field('Subject').inputValue(), 'Pier');
  await field('To').fill('"Lee, Bob" <bob@example.org>');
  await press('Send');
  await page.getByText('Sent. A copy is in Sent.').waitFor();
  const [{ ask }] = state().sent.values();
  assert.deepEqual(
    [ask.from, ask.to, ask.bcc, ask.subject, ask.text],
    ['sales@example.org', [{ name: 'Lee, Bob', email: 'bob@example.org' }], [{ name: '', email: 'eve@example.org' }], 'Pier', 'Which?'],
  );
  // What is discarded is gone.
  await follow('Compose');
  await field('Text').fill('Never mind.');
  await press('Discard');
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
  await follow('Compose');
  assert.equal(await field('Text').inputValue(), '');
});

test('a mail is forwarded whole', async () => {
  const { page, open } = visitor;
  await open('/mailbox/1/120?write=forward');
  await page.getByText(/goes along as it is, with all its attachments/).waitFor();
  await field('To').fill('bob@example.org');
  await press('Send');
  await page.getByText('Sent. A copy is in Sent.').waitFor();
  const [{ ask }] = state().sent.values();
  assert.deepEqual([ask.forward, ask.in_reply_to, ask.subject], [{ folder: 1, uid: 120 }, undefined, 'Fwd: Invoice 2024-0117 for the Hamburg office']);
  assert.deepEqual(at(1, 120).flags, ['forwarded']);
});

test('by keyboard alone', async () => {
  const { page, open } = visitor;
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('href') ?? document.activeElement?.id);
  await open('/mailbox');
  for (const key of ['j', 'j', 'k', 'j']) await page.keyboard.press(key);
  assert.equal(await focused(), '/mailbox/1/119');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 2, name: /^Donaudampf/ }).waitFor();
  await page.keyboard.press('j');
  await page.waitForURL(/\/mailbox\/1\/118$/);
  await page.getByRole('heading', { level: 2, name: /^AW: / }).waitFor();
  await page.keyboard.press('s');
  await page.getByRole('button', { name: 'Flag', pressed: true }).waitFor();
  await page.keyboard.press('r');
  await field('Text').waitFor();
  await page.waitForFunction(() => document.activeElement?.id === 'letter-text');
  await page.keyboard.type('Fine.');
  assert.match(await field('Text').inputValue(), /^Fine\./);
  await page.goBack();
  await page.getByRole('heading', { level: 2, name: /^AW: / }).waitFor();
  await page.keyboard.press('Escape');
  await page.waitForURL(/\/mailbox\/1$/);
  await page.waitForFunction(() => document.activeElement?.getAttribute('href') === '/mailbox/1/118');
  await page.keyboard.press('/');
  assert.equal(await focused(), 'mailbox-search');
  await page.keyboard.press('Tab');
  await page.keyboard.press('c');
  await page.waitForURL(/write=new/);
});

test('on a narrow screen one pane at a time, and nothing scrolls to the side', async () => {
  const narrow = await visit(site, { size: { width: 320, height: 640 }, scheme: 'dark', bypassCSP: true });
  await signIn(narrow);
  const { page, open } = narrow;
  await open('/mailbox');
  const mails = page.getByRole('list', { name: 'Messages' });
  await page.getByLabel('Folder', { exact: true }).selectOption({ label: 'Sent' });
  await page.waitForURL(/\/mailbox\/3$/);
  await page.getByLabel('Folder', { exact: true }).selectOption({ label: 'Inbox (40)' });
  await page.waitForURL(/\/mailbox\/1$/);
  await mails.getByRole('link').nth(1).click();
  await page.getByRole('link', { name: '← To the list' }).waitFor();
  assert.ok(!(await mails.isVisible()));
  assert.deepEqual(await violations(page), []);
  assert.equal(await overflow(page), 0);
  await page.getByRole('link', { name: 'Reply', exact: true }).click();
  await page.getByRole('textbox', { name: 'Text' }).waitFor();
  assert.deepEqual(await violations(page), []);
  assert.equal(await overflow(page), 0);
  await page.getByRole('link', { name: '← Back' }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('Moved to Trash.').waitFor();
  assert.ok(await mails.isVisible());
  assert.deepEqual(narrow.errors, []);
  await narrow.context.close();
});

test('the banner follows the state, and new mail comes by itself', async () => {
  const { page, open } = visitor;
  await open('/mailbox');
  Object.assign(state(), { state: 'recovery', sends: false });
  state().mails.push({ ...at(1, 120), uid: 121, subject: 'Just in', flags: [], date: new Date().toISOString() });
  // As when somebody comes back to the tab.
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByText('Your mail server is used again.').waitFor();
  await page.getByText('This service takes no letters').waitFor();
  await items().filter({ hasText: 'Just in' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Compose' }).count(), 0);
  state().state = 'ready';
  await press('Refresh');
  await page.getByText('Your mail server is used: new mail goes there.').waitFor();
});

test('who has no mailbox is offered none', async () => {
  const other = await visit(site, { size: SIZES.desk });
  await signIn(other, 'reader@example.org');
  assert.equal(await other.page.getByRole('link', { name: 'Mailbox' }).count(), 0);
  await other.open('/mailbox');
  await other.page.getByRole('heading', { level: 1, name: 'Search' }).waitFor();
  assert.deepEqual(other.errors, []);
  await other.context.close();
});
