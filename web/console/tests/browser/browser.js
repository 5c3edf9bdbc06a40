// Chromium against the built console: how every browser test starts, signs in and watches.
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { mock, PASSWORD } from '../mock/server.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const DIST = new URL('../../dist/', import.meta.url).pathname;
const PROGRAMS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Phone and desk. */
export const SIZES = { phone: { width: 360, height: 740 }, desk: { width: 1280, height: 800 } };

/** Chromium without anything that it does by itself. */
export function chrome() {
  const executablePath = PROGRAMS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('there is no Chromium; install it or name it in CHROMIUM');
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A browser and the mock, with what ends both. */
export async function start() {
  const browser = await chrome();
  const server = await mock(DIST);
  return {
    browser,
    server,
    stop: async () => {
      await browser.close();
      await server.stop();
    },
  };
}

/** A page of its own, with everything that it does wrong. */
export async function visit({ browser, server }, { size = SIZES.desk, scheme = 'light', bypassCSP = false } = {}) {
  const context = await browser.newContext({
    viewport: size,
    colorScheme: scheme,
    bypassCSP,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
    // The program's certificate is its own authority's.
    ignoreHTTPSErrors: true,
  });
  // A loaded machine is no fault of a page.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const outside = [];
  const errors = [];
  // What the Content-Security-Policy stops never gets as far as a route.
  await context.route((url) => url.origin !== server.address, (route) => {
    outside.push(route.request().url());
    return route.abort();
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // The browser itself reports each refused request; the tests ask for some of these.
    const expected = /the server responded with a status of (400|401|404|429)/.test(message.text());
    // What a frame of foreign mail was kept from doing is reported there; that is the point.
    const foreign = /sandboxed/.test(message.text()) || message.location().url.endsWith('/html');
    if (['error', 'warning'].includes(message.type()) && !expected && !foreign) errors.push(message.text());
  });
  const open = async (path) => {
    await page.goto(server.address + path);
    await settled(page);
  };
  return { page, context, outside, errors, open };
}

/** Through the sign-in page, as a reader does it. */
export async function signIn({ page, open }, address = 'ann@example.org', password = PASSWORD) {
  await open('/');
  await page.getByLabel('Address').fill(address);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').waitFor();
  await settled(page);
}

/** What axe finds against WCAG 2.2 A and AA, one line each. */
export async function violations(page) {
  await page.addScriptTag({ path: AXE });
  const found = await page.evaluate(async () => {
    // A frame of foreign mail is not ours to judge.
    const result = await globalThis.axe.run(document, {
      iframes: false,
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return result.violations;
  });
  return found.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(' ')} ${node.failureSummary?.split('\n')[1]?.trim() ?? ''}`));
}

/** Until the page stands and nothing loads any more. */
export async function settled(page) {
  await page.locator('main').waitFor();
  await page.waitForFunction(() => !document.body.textContent.includes('Loading…'));
}

/** By how many pixels the page is wider than the screen. */
export const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
