// Every page in light and dark, on phone and desk: nothing that axe objects to, nothing from
// outside, nothing in the console, no scrolling to the side.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { overflow, settled, signIn, SIZES, start, violations, visit } from './browser.js';

let site;
before(async () => { site = await start(); });
after(() => site.stop());

/** So tall that nothing which sticks to an edge lies over anything. */
const whole = (page) => page.setViewportSize({ ...page.viewportSize(), height: 3000 });
const press = (name) => (page) => page.getByRole('button', { name, exact: true }).click();

/** Address of each page, and what is done there first. */
const PAGES = {
  'search': ['/?q=invoice+many'],
  'search in a case, unclear and silent': ['/?q=unclear+silent&case=7'],
  'nothing found': ['/?q=nothing'],
  'a mistake': ['/?q=from%3Aann+(merger'],
  'too many requests': ['/?q=limit'],
  'search form': ['/?q=from%3Aann+%22letter+of+intent%22+invoice', press('Form')],
  'saved searches': ['/?q=invoice', press('Save')],
  'help': ['/?q=invoice', press('Help')],
  'months as a list': ['/?q=invoice', (page) => page.getByText('Months as a list').click()],
  'message': ['/message/m4?q=invoice', press('Show text')],
  'message source': ['/message/m1', press('Source')],
  'message without subject': ['/message/m12?q=due'],
  'no such message': ['/message/m404'],
  'imports': ['/imports'],
  'import that runs': ['/imports/3'],
  'import to be withdrawn': ['/imports/2', press('Withdraw…')],
  'queue': ['/queue', async (page) => {
    await whole(page);
    await page.getByLabel('Also ended within the last week').check();
    await page.getByRole('button', { name: 'sara@example.org' }).click();
    await page.getByLabel('Select all that are shown').check();
  }],
  'order that may be regretted': ['/queue', async (page) => {
    await page.getByLabel('Select 2, to sara@example.org').check();
    await page.getByRole('button', { name: 'Drop…' }).click();
  }],
  'domains and recipients': ['/recipients'],
  'domain to be changed': ['/recipients', press('Edit example.net')],
  'recipient to be added': ['/recipients', press('Add a recipient')],
  'change of states': ['/recipients', async (page) => {
    await page.getByRole('button', { name: 'Show what would change' }).click();
    await page.getByRole('dialog').waitFor();
  }],
  'mailbox': ['/mailbox'],
  'mail of the mailbox': ['/mailbox/1/119'],
  'mail found in the mailbox': ['/mailbox/1/118?q=invoice'],
  'empty folder': ['/mailbox/2'],
  'letter': ['/mailbox/1/118?write=all', (page) => page.getByRole('textbox', { name: 'Text' }).waitFor()],
  'letter to nobody': ['/mailbox/1?write=new', press('Send')],
  'mail to be deleted': ['/mailbox/6/1', press('Delete for good…')],
  'storage': ['/storage', (page) => page.getByText('As a table').click()],
};

for (const scheme of ['light', 'dark']) {
  for (const [name, size] of Object.entries(SIZES)) {
    test(`${scheme}, ${name}`, async (t) => {
      const visitor = await visit(site, { size, scheme, bypassCSP: true });
      const { page, outside, errors, open, context } = visitor;
      await open('/');
      await t.test('sign in', async () => {
        assert.deepEqual(await violations(page), []);
        assert.equal(await overflow(page), 0);
      });
      await signIn(visitor);
      for (const [what, [path, act]] of Object.entries(PAGES)) {
        await t.test(what, async () => {
          await page.setViewportSize(size);
          await page.goto(site.server.address + path);
          await settled(page);
          await act?.(page);
          await settled(page);
          assert.deepEqual(await violations(page), []);
          assert.equal(await overflow(page), 0, 'scrolls to the side');
        });
      }
      assert.deepEqual(outside, []);
      assert.deepEqual(errors, []);
      await context.close();
    });
  }
}
