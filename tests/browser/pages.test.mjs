//! Every page as a picture and under the accessibility checker, in both themes, narrow and wide.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Countersign, PEOPLE, service } from '../oracle/stage/countersign.mjs';
import { freePort, Stage, until } from '../oracle/stage/index.mjs';
import { MailServer, read } from '../oracle/stage/mail.mjs';
import { ADA, callbacks, github, google, oidc, sections } from '../oracle/stage/upstreams.mjs';
import { application, Browser, choose, isTooWide, picture, toLogin, violations } from './browser.mjs';

const PASSWORD = 'correct horse battery staple';
const THEMES = ['light', 'dark'];
const WIDTHS = [320, 390, 1440];
const README_PICTURES = process.env.COUNTERSIGN_UPDATE_PICTURES && fileURLToPath(new URL('pictures', import.meta.url));

const stage = new Stage();
let browser;
before(async () => { browser = await Browser.open(stage); });
after(() => stage.close());

/** One face of one page: nothing found, nothing too wide, and a picture to judge by eye. */
async function look(t, page, name, { theme, width }) {
  await t.test(`${name} ${theme} ${width}`, async () => {
    await picture(page, `${name}-${theme}-${width}`);
    assert.equal(await isTooWide(page), false, 'something is wider than the window');
    assert.deepEqual(await violations(page), []);
  });
}

/** axe-core needs scripts, and a page that lets it in. */
const person = ({ theme, width }) => browser.person({
  javaScriptEnabled: true, bypassCSP: true, colorScheme: theme, reducedMotion: 'reduce', viewport: { width, height: 900 },
});

const FACES = THEMES.flatMap((theme) => WIDTHS.map((width) => ({ theme, width })));

describe('pages of a server with a file', () => {
  const own = new Stage();
  let scene;

  before(async () => {
    const port = await freePort();
    const back = callbacks(`http://localhost:${port}`);
    const upstreams = { google: await google(own, back.google), github: await github(own, back.github), corp: await oidc(own, back.corp) };
    const app = await application(own);
    const vault = new URL('/vault', app.next).href;
    const mail = await MailServer.start(own);
    const server = await Countersign.start(own, `
${mail.section()}
[login]
signup = "open"
privacy_url = "https://example.org/privacy"
support_url = "mailto:help@example.org"
[login.magic_link]
resend_after = "10s"
[theme]
name = "Example"
${sections(upstreams)}
${PEOPLE}
[roles.auditor]
[permissions.team]
kind = "static"
roles = { member = ["wiki:read"], admin = ["wiki:*", "wiki:write"] }
deny = { auditor = ["wiki:write"] }
${service('wiki', app.next, 'permissions = ["team"]')}
${service('vault', vault, 'allowed_roles = ["auditor"]')}`, { port });
    await server.addUser({ email: 'root@example.org', name: 'Root', password: PASSWORD });
    scene = { app, mail, server, vault };
  });
  after(() => own.close());

  for (const face of FACES) {
    test(`${face.theme} ${face.width}`, async (t) => {
      const { app, mail, server } = scene;
      const address = `tour-${face.theme}-${face.width}@example.org`;

      const page = await person(face);
      await toLogin(page, server, app.next);
      if (README_PICTURES && face.width === 1440) await readmePicture(server, app, face.theme);
      await look(t, page, 'login', face);
      await page.fill('#email', 'root@example.org');
      await page.fill('#password', 'not the password at all');
      await page.click('#password-submit');
      await look(t, page, 'login-wrong', face);

      await toLogin(page, server, app.next);
      await page.fill('#magic-link-email', address);
      await page.click('#magic-link-submit');
      await look(t, page, 'check-mail', face);
      const { link } = read(await mail.to(address), server.origin);
      const elsewhere = await person(face);
      await elsewhere.goto(link);
      await look(t, elsewhere, 'magic-link-elsewhere', face);
      await page.goto(link);
      await look(t, page, 'magic-link', face);
      await page.click('#confirm');
      await page.waitForURL((url) => url.href.startsWith(app.next));
      await page.goto(link);
      await look(t, page, 'magic-link-spent', face);
      await page.goto(`${server.origin}/account`);
      await look(t, page, 'account', face);
      await page.goto(`${server.origin}/logout`);
      await look(t, page, 'logout', face);
      await page.click('#logout-confirm');
      await look(t, page, 'logged-out', face);

      await asking(face, t);

      await page.goto(`${server.origin}/login/google/callback?state=made-up&code=made-up`);
      await look(t, page, 'error-stale', face);
      await page.goto(`${server.origin}/no/such/page`);
      await look(t, page, 'error-404', face);
      await page.goto(`${server.origin}/login?next=${encodeURIComponent('https://elsewhere.example/')}`);
      await look(t, page, 'error-next', face);
      await toLogin(page, server, app.next);
      await page.click('#idp-people');
      await look(t, page, 'dev-people', face);
      await page.click('#dev-person-2');
      await look(t, page, 'error-locked', face);

      await permissions(face, t);
    });
  }

  /** Whoever may not enter is told what is missing; an administrator is told why. */
  async function permissions(face, t) {
    const { server, vault } = scene;
    const page = await person(face);
    await page.goto(`${server.origin}/login?next=${encodeURIComponent(vault)}`);
    await page.click('#idp-people');
    await page.click('#dev-person-0');
    await look(t, page, 'no-access', face);
    await page.goto(`${server.origin}/admin/permissions`);
    await look(t, page, 'admin-permissions', face);
    await page.fill('#user', 'ada@dev.test');
    await page.fill('#permission', 'wiki:write');
    await page.selectOption('#service', 'wiki');
    await page.click('#ask');
    await look(t, page, 'admin-permissions-answer', face);
  }

  /** The page that asks for the method one already has. */
  async function asking(face, t) {
    const { app, server } = scene;
    const first = await person(face);
    await toLogin(first, server, app.next);
    await first.click('#idp-google');
    await choose.google(first, ADA);
    await first.waitForURL((url) => url.href.startsWith(app.next));
    const page = await person(face);
    await toLogin(page, server, app.next);
    await page.click('#idp-github');
    await choose.github(page, 'ada');
    await page.waitForURL((url) => url.origin === server.origin);
    await look(t, page, 'link-accounts', face);
  }

  async function readmePicture(server, app, theme) {
    const page = await browser.person({ colorScheme: theme, viewport: { width: 720, height: 900 }, deviceScaleFactor: 1 });
    await toLogin(page, server, app.next);
    await picture(page, `login-${theme}`, README_PICTURES);
  }
});

describe('pages of dev mode without a file', () => {
  const own = new Stage();
  let origin;
  let setup;

  before(async () => {
    const server = await Countersign.devMode(own);
    ({ origin } = server);
    setup = /Admin link\s+(\S+)/.exec(server.process.output)[1];
  });
  after(() => own.close());

  for (const face of FACES) {
    test(`${face.theme} ${face.width}`, async (t) => {
      const page = await person(face);
      await page.goto(setup);
      await look(t, page, 'setup', face);
      await page.goto(`${origin}/login`);
      await look(t, page, 'login-dev', face);
      await page.goto(`${origin}/demo`);
      await look(t, page, 'demo', face);
      await page.goto(`${origin}/dev/mail`);
      await look(t, page, 'dev-mail', face);

      await demo(page, 1);
      await look(t, page, 'demo-token', face);
      await page.goto(`${origin}/dev/mail`);
      if (await page.locator('.mails a').count() === 0) await sendMail(await person(face), 'bob@dev.test');
      await until('mail in the sink', async () => {
        await page.goto(`${origin}/dev/mail`);
        return await page.locator('.mails a').count() > 0;
      });
      await page.locator('.mails a').first().click();
      await look(t, page, 'dev-mail-open', face);
    });
  }

  /** Through the demo service's real flow as one of the seeded people. */
  async function demo(page, index) {
    await page.goto(`${origin}/demo`);
    await page.click('#demo-start');
    await page.locator('[id^=idp-]').first().click();
    await page.click(`#dev-person-${index}`);
    await page.waitForURL((url) => url.pathname.startsWith('/demo'));
  }

  async function sendMail(page, address) {
    await page.goto(`${origin}/login`);
    await page.fill('#magic-link-email', address);
    await page.click('#magic-link-submit');
  }

  test('the demo shows a token, the permissions and commands to try', async () => {
    const page = await browser.person();
    await demo(page, 0);

    const text = await page.locator('main').innerText();
    assert.match(text, /eyJ[\w-]+\.[\w-]+\.[\w-]+/);
    assert.match(text, /permissions/i);
    assert.match(text, /curl /);
  });

  test('the mail sink shows what was sent, and the link in it works', async () => {
    const page = await browser.person();
    await sendMail(page, 'ada@dev.test');
    const sink = await page.context().newPage();
    await until('the mail', async () => {
      await sink.goto(`${origin}/dev/mail`);
      return (await sink.locator('main').innerText()).includes('ada@dev.test');
    });
    await sink.locator('.mails a', { hasText: 'ada@dev.test' }).first().click();
    await sink.locator('#mail-text a').first().click();
    await sink.click('#confirm');
    await sink.waitForURL((url) => url.pathname === '/account');
  });
});
