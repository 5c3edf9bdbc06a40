// The console over the program itself (named in EVERPOST_PROGRAM) and its demo: that both mean
// the same by the API. With UPDATE_SCREENS=1 it also writes docs/screens.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { chrome, overflow, settled, signIn, SIZES, violations, visit } from './browser.js';
import { program } from './program.js';
import { mailServer, post } from './smtp.js';

const path = process.env.EVERPOST_PROGRAM;
const only = { skip: path ? false : 'EVERPOST_PROGRAM names no program' };
const SCREENS = new URL('../../../../docs/screens/', import.meta.url).pathname;

let site;
before(async () => {
  if (!path) return;
  // The program first: where it does not start, no browser is left behind.
  const server = await program(path);
  site = { server, browser: await chrome() };
});
after(async () => {
  await site?.browser.close();
  await site?.server.stop();
});

/** A page on which somebody with this role has signed in. */
async function as(role, look = {}) {
  const visitor = await visit(site, { bypassCSP: true, ...look });
  const { address, password } = site.server.accounts[role];
  await signIn(visitor, address, password);
  const show = async (to, name, act, pose) => {
    await visitor.page.goto(site.server.address + to);
    await settled(visitor.page);
    await act?.(visitor.page);
    assert.deepEqual(await violations(visitor.page), [], to);
    assert.equal(await overflow(visitor.page), 0, to);
    if (process.env.UPDATE_SCREENS === '1' && name) {
      await mkdir(SCREENS, { recursive: true });
      await visitor.page.evaluate(() => scrollTo(0, 0));
      await pose?.(visitor.page);
      await visitor.page.screenshot({ path: `${SCREENS}${name}.png` });
    }
  };
  const done = async () => {
    assert.deepEqual(visitor.outside, []);
    assert.deepEqual(visitor.errors, []);
    await visitor.context.close();
  };
  return { ...visitor, show, done };
}

const first = (page) => page.locator('main ol a').first().getAttribute('href');
const drawn = (page) => page.getByText('This browser computed the root again').waitFor();

test('somebody reads their own mail', only, async () => {
  const { page, show, done } = await as('user');
  await show('/?q=please', 'search', (found) => found.locator('main ol mark').first().waitFor());
  const total = Number((await page.locator('.total').textContent()).replace(/\D/g, ''));
  assert.ok(total > 0);
  // Sums of the same hits agree.
  const sums = await page.evaluate(async () => {
    const read = async (at) => (await fetch(`/api/v1/search/${at}?q=please`)).json();
    const { months, undated } = await read('timeline');
    return { months: months.reduce((sum, { count }) => sum + count, undated), facets: await read('facets') };
  });
  assert.equal(sums.months, total);
  assert.ok(sums.facets.sender.length > 0);
  const message = await first(page);
  await show(message, 'message', drawn);
  await show('/?q=from%3Aann+(merger', 'mistake', (found) => found.locator('.mistake .bad').waitFor());
  await show('/?q=please', 'form', (found) => found.getByRole('button', { name: 'Form', exact: true }).click());
  await show('/?q=please', 'help', async (found) => {
    await found.getByRole('button', { name: 'Help', exact: true }).click();
    await found.getByRole('dialog').locator('tbody tr').first().waitFor();
  });
  await done();
});

test('HTML mail is shown in its frame', only, async () => {
  const { page, show, done } = await as('user');
  await show('/');
  const found = await page.evaluate(async () => {
    const { hits } = await (await fetch('/api/v1/search?q=&limit=200')).json();
    for (const { id } of hits) {
      const message = await (await fetch(`/api/v1/messages/${encodeURIComponent(id)}`)).json();
      if (message.has_html) return id;
    }
    return null;
  });
  assert.ok(found, 'the demo has HTML mail');
  await show(`/message/${encodeURIComponent(found)}`, 'message-html', async () => {
    await page.frameLocator('iframe').locator('body').waitFor();
  });
  await done();
});

test('on a phone in the dark', only, async () => {
  const { page, show, done } = await as('user', { size: SIZES.phone, scheme: 'dark' });
  await show('/?q=please', 'search-phone', (found) => found.locator('main ol mark').first().waitFor());
  await show(await first(page), 'message-phone', drawn);
  await done();
});

test('a compliance officer reads in a case', only, async () => {
  const { page, show, done } = await as('officer', { scheme: 'dark' });
  await show('/');
  await page.locator('main ul button').first().click();
  await page.getByText('You are reading in the case').waitFor();
  await page.locator('main ol a').first().waitFor();
  const inCase = new URL(page.url()).searchParams.get('case');
  await show(`/?q=contract&case=${inCase}`, 'case', (found) => found.locator('main ol mark').first().waitFor());
  await show(await first(page), null, drawn);
  await done();
});

test('an administrator imports a file and looks at the storage', only, async () => {
  const { page, show, done } = await as('admin');
  await show('/storage', 'storage');
  await show('/imports');
  await page.getByLabel('File', { exact: true }).setInputFiles({
    name: 'letters.mbox',
    mimeType: 'application/mbox',
    buffer: Buffer.from(letters(300)),
  });
  await page.getByLabel('Into the mailbox of').fill(site.server.accounts.user.address);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'letters.mbox' }).waitFor();
  await page.getByText('Balanced: all 300 items accounted for.').waitFor();
  const job = new URL(page.url()).pathname;
  await show('/imports', 'imports');
  await show(job, 'import', async (found) => {
    await found.getByRole('button', { name: 'Withdraw…' }).click();
  });
  await page.getByLabel('Reason, for the log').fill('a test');
  await page.getByRole('button', { name: 'Withdraw the import' }).click();
  await page.locator('strong', { hasText: 'withdrawn' }).waitFor();
  await done();
});

test('an administrator looks after mail that goes on', only, async () => {
  const { page, show, done } = await as('admin');
  const server = await mailServer();
  const button = (name) => page.getByRole('button', { name, exact: true });
  const dialog = page.getByRole('dialog');
  const add = async (what, boxes, unknown) => {
    await button(what).click();
    for (const [label, text] of Object.entries(boxes)) await dialog.getByLabel(label).fill(text);
    if (unknown) await dialog.getByLabel('Mail for unknown addresses').selectOption(unknown);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'hidden' });
  };
  const recipient = (Address, more = {}) => add('Add a recipient', { Address, ...more });
  await show('/recipients');
  await page.getByText('No domain yet').waitFor();
  // Nobody listens on port 1.
  await add('Add a domain', { Domain: 'example.org', 'Mail server': 'localhost:1' }, 'hold');
  await add('Add a domain', { Domain: 'example.net' }, 'relay');
  for (const name of ['ann', 'bob.mueller', 'emile']) await recipient(`${name}@example.org`);
  await recipient('sales@example.org', { 'Stands for': 'ann@example.org\nbob.mueller@example.org' });
  for (const name of ['lost', 'warehouse']) await recipient(`${name}@example.org`, { 'Mail server': server.address });
  await page.getByLabel('Whose').selectOption({ label: 'One recipient' });
  await page.locator('#continuity-address').fill('emile@example.org');
  await button('Show what would change').click();
  await dialog.getByText('1 would change').waitFor();
  await dialog.getByLabel('Reason').fill('his server moves');
  await dialog.getByRole('button', { name: 'Make active' }).click();
  await page.getByText('1 changed, 0 already so, 0 refused.').waitFor();
  await show('/recipients', 'recipients');

  const letters = { lost: 'Order 811', 'bob.mueller': 'Invoice 2024-0117', 'nobody.here': 'A question', warehouse: 'Delivery note', emile: 'Lunch?', ann: 'Minutes' };
  for (const [name, subject] of Object.entries(letters)) {
    await post(site.server.mx, 'billing@supplier.example', `${name}@example.org`, subject);
  }
  await show('/queue');
  const line = (name) => page.locator('tbody tr', { has: page.getByRole('button', { name, exact: true }) });
  /** Reads the queue until a leg is there in a state. */
  const until = async (name, state) => {
    const there = line(`${name}@example.org`).getByText(state, { exact: true }).filter({ visible: true });
    for (let tries = 0; (await there.count()) === 0; tries += 1) {
      assert.ok(tries < 100, `${name} is not ${state}`);
      await button('Refresh').click();
      await page.waitForTimeout(200);
    }
  };
  await page.getByLabel('Also ended').check();
  await until('warehouse', 'delivered');
  await until('lost', 'uncertain');
  for (const [name, state] of [['nobody.here', 'held'], ['emile', 'held'], ['ann', 'waiting']]) await until(name, state);
  await page.waitForFunction(() => document.body.textContent.includes('451 4.4.1'));
  await show('/queue', 'queue', async (found) => {
    await found.getByLabel('Also ended').check();
    await found.getByRole('button', { name: 'lost@example.org' }).click();
    await found.getByText('no answer: it may have been taken').waitFor();
  }, async (found) => {
    await found.getByRole('button', { name: 'lost@example.org' }).click();
    for (const name of ['lost', 'bob.mueller']) await found.getByLabel(new RegExp(`^Select \\d+, to ${name}@`)).check();
  });

  // Every order does what its dialog says.
  const clear = button('Clear');
  if (await clear.isVisible()) await clear.click();
  const give = async (name, state, order, last, reason) => {
    await page.getByLabel(new RegExp(`^Select \\d+, to ${name}@`)).check();
    await button(order).click();
    if (last) {
      await dialog.getByLabel('Reason').fill(reason);
      await dialog.getByRole('button', { name: last, exact: true }).click();
    }
    await until(name, state);
    // What is over is not selected any more.
    await page.getByText('1 selected').waitFor({ state: last ? 'detached' : 'visible' });
  };
  await give('lost', 'delivered', 'Delivered…', 'It was delivered', 'seen in the mailbox');
  await give('nobody.here', 'dropped', 'Drop…', 'Drop', 'nobody of that name');
  await give('ann', 'held', 'Hold');
  await page.getByLabel('Log file').setInputFiles({ name: 'mail.log', mimeType: 'text/x-log', buffer: Buffer.from('no log of mail\n') });
  await button('Read the log').click();
  await page.getByText('No message was found in it.').waitFor();
  await done();

  const phone = await as('admin', { size: SIZES.phone, scheme: 'dark' });
  await phone.show('/queue', 'queue-phone', async (found) => {
    await found.getByLabel('Also ended').check();
    await found.getByRole('button', { name: 'lost@example.org' }).click();
    await found.getByText('evidence: it was taken').waitFor();
    await found.evaluate(() => scrollTo(0, 0));
  }, (found) => found.locator('.filter').evaluate((filter) => filter.scrollIntoView()));
  await phone.done();
  await server.stop();
});

test('somebody works in the standby mailbox while the mail server is away', only, async () => {
  const { address } = site.server.accounts.user;
  const admin = await as('admin');
  const order = (path, body) => admin.page.evaluate(async ([to, what]) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`/api/v1${to}`, { method: 'POST', headers, body: JSON.stringify(what) });
    if (!answer.ok) throw new Error(await answer.text());
  }, [path, body]);
  await order('/domains', { name: address.split('@')[1], unknown: 'reject', server: 'localhost:1' });
  await order('/recipients', [{ address, targets: [], server: null }]);
  await order('/continuity', { scope: `user:${address}`, state: 'active', reason: 'the machine room is under water' });
  await admin.done();
  const subjects = ['Order 811', 'Delivery note', 'Invoice 2024-0117', 'A question about the pier'];
  for (const subject of subjects) await post(site.server.mx, 'billing@supplier.example', address, subject);

  const { page, show, done } = await as('user');
  const items = page.getByRole('list', { name: 'Messages' }).getByRole('link');
  const field = (name) => page.getByRole('textbox', { name, exact: true });
  await show('/mailbox');
  for (let tries = 0; (await items.count()) < subjects.length; tries += 1) {
    assert.ok(tries < 100, 'the mail never came');
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.waitForTimeout(200);
  }
  await show('/mailbox', 'mailbox', async (found) => {
    await found.getByRole('list', { name: 'Messages' }).getByRole('link').filter({ hasText: 'Invoice' }).click();
    await found.getByRole('heading', { level: 2, name: 'Invoice 2024-0117' }).waitFor();
    await found.getByRole('link', { name: 'Inbox 3 unread' }).waitFor();
  });
  await page.getByRole('link', { name: 'Reply', exact: true }).click();
  await field('Text').press('Control+Home');
  await field('Text').pressSequentially('We pay it today.');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('Sent. A copy is in Sent.').waitFor();
  await items.filter({ hasText: 'Invoice' }).getByRole('img', { name: 'answered' }).waitFor();
  await page.getByRole('searchbox').fill('"pay it today" in:sent');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await page.getByRole('heading', { name: '1 found' }).waitFor();
  await items.first().click();
  await page.getByRole('button', { name: 'Source' }).click();
  await page.getByText(/^In-Reply-To: </m).waitFor();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Moved to Trash.').waitFor();
  await done();

  const phone = await as('user', { size: SIZES.phone, scheme: 'dark' });
  await phone.show('/mailbox', 'mailbox-phone', (found) => found.getByRole('list', { name: 'Messages' }).waitFor());
  await phone.done();
});

test('the sign-in page', only, async () => {
  const visitor = await visit(site);
  await visitor.open('/');
  await visitor.page.getByLabel('Address').waitFor();
  if (process.env.UPDATE_SCREENS === '1') await visitor.page.screenshot({ path: `${SCREENS}sign-in.png` });
  // Under the service's own Content-Security-Policy nothing is refused.
  const { address, password } = site.server.accounts.user;
  await signIn(visitor, address, password);
  await visitor.page.locator('main ol a').first().click();
  await drawn(visitor.page);
  assert.deepEqual(visitor.errors, []);
  assert.deepEqual(visitor.outside, []);
});

/** An mbox of small letters. */
function letters(many) {
  return Array.from({ length: many }, (_, at) =>
    `From ann@example.org Mon Jan  1 10:00:00 2024\nFrom: Ann <ann@example.org>\nTo: bob@example.org\n` +
    `Date: Mon, 1 Jan 2024 10:00:00 +0000\nMessage-ID: <console-${at}@example.org>\nSubject: Letter ${at}\n\nText ${at}.\n\n`).join('');
}
