//! Headless Chromium over the running program: pages, pictures and the accessibility checker.
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ROOT, until } from '../oracle/stage/index.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const PICTURES = join(ROOT, 'target/screenshots');
const EXECUTABLE = process.env.COUNTERSIGN_CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--host-resolver-rules=MAP localhost 127.0.0.1'];

export class Browser {
  static async open(stage) {
    const self = new Browser();
    self.chromium = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: FLAGS });
    stage.later(() => self.chromium.close());
    return self;
  }

  /** A person's browser: cookies of its own, and no JavaScript unless asked for. */
  async person(options = {}) {
    const context = await this.chromium.newContext({ javaScriptEnabled: false, ...options });
    context.setDefaultTimeout(15_000);
    return context.newPage();
  }
}

/** A service's own page: where `next` leads. Answers only when somebody comes back. */
export async function application(stage, path = '/back') {
  const visits = [];
  const port = await stage.listen(createServer((request, response) => {
    if (!request.url.startsWith('/favicon')) visits.push(request.url);
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><html lang="en"><title>The service</title><h1 id="arrived">Arrived</h1></html>');
  }));
  const origin = `http://localhost:${port}`;
  return { origin, next: `${origin}${path}`, visits };
}

/** The login page for a `next`. */
export async function toLogin(page, server, next) {
  const { body } = await server.api(`/auth/check?next=${encodeURIComponent(next)}`);
  await page.goto(body.login_url);
}

/** Waits until the browser is back at the service; answers what came with it. */
export async function arrived(page, app) {
  await page.waitForURL((url) => url.href.startsWith(app.next));
  const url = new URL(page.url());
  return Object.fromEntries([...new URLSearchParams(url.hash.slice(1)), ...url.searchParams]);
}

/** What each upstream asks of the person, done as `who`. */
export const choose = {
  google: (page, who) => page.locator('form', { has: page.locator(`input[name=email][value="${who}"]`) }).locator('button').click(),
  github: (page, who) => page.locator('form', { has: page.locator(`input[name=login][value="${who}"]`) }).locator('button').click(),
  corp: async (page, who) => {
    const upstream = new URL(page.url()).origin;
    while (new URL(page.url()).origin === upstream) {
      if (await page.locator('input[name=login]').count() > 0) {
        await page.fill('input[name=login]', who);
        await page.fill('input[name=password]', 'anything');
      }
      const before = page.url();
      await page.click('button[type=submit]');
      await until('the next page', () => page.url() !== before);
    }
  },
};

/** Refuses at the upstream. The emulators have no such button, so the browser is sent what the real ones send. */
export const refuse = {
  google: (page) => emulateRefusal(page),
  github: (page) => emulateRefusal(page, { error_description: 'The user has denied your application access.', error_uri: 'https://docs.github.com/apps' }),
  corp: (page) => page.click('a[href$="/abort"]'),
};

async function emulateRefusal(page, more = {}) {
  const field = (name) => page.locator(`input[name=${name}]`).first().getAttribute('value');
  const back = new URL(await field('redirect_uri'));
  for (const [name, value] of Object.entries({ error: 'access_denied', state: await field('state'), ...more })) back.searchParams.set(name, value);
  await page.goto(back.href);
}

/** Does something before the browser sends a request to an address of this pattern, be it by a redirect. */
export async function beforeRequest(page, urlPattern, work) {
  const tap = await page.context().newCDPSession(page);
  tap.on('Fetch.requestPaused', async ({ requestId }) => {
    await work();
    await tap.send('Fetch.continueRequest', { requestId });
  });
  await tap.send('Fetch.enable', { patterns: [{ urlPattern }] });
}

/** The reference that every error page carries. */
export async function reference(page) {
  const text = await page.locator('body').innerText();
  return /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)?.[0];
}

/** What axe-core finds on the page, as short lines. */
export async function violations(page) {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations: found } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  return found.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

/** A picture of the whole page. */
export async function picture(page, name, folder = PICTURES) {
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true, animations: 'disabled' });
}

/** Whether anything is wider than the window. */
export function isTooWide(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}
