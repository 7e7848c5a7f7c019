//! Password, mailed link, logout, demo and mail sink in a browser without JavaScript.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Countersign, PEOPLE, service } from '../oracle/stage/countersign.mjs';
import { Stage } from '../oracle/stage/index.mjs';
import { MailServer, read } from '../oracle/stage/mail.mjs';
import { application, arrived, Browser, toLogin } from './browser.mjs';

const PASSWORD = 'correct horse battery staple';

const stage = new Stage();
let browser;
before(async () => { browser = await Browser.open(stage); });
after(() => stage.close());

async function set(stage, security) {
  const app = await application(stage);
  const mail = await MailServer.start(stage, security);
  const server = await Countersign.start(stage, `${mail.section()}\n[login]\nsignup = "open"\n${PEOPLE}\n${service('wiki', app.next)}`);
  return { app, mail, server };
}

const check = async (server, token) => (await server.api('/auth/check', { token })).body;

describe('a password', () => {
  const own = new Stage();
  let scene;
  before(async () => {
    scene = await set(own);
    await scene.server.addUser({ email: 'ada@example.org', name: 'Ada', password: PASSWORD });
  });
  after(() => own.close());

  const type = async (page, email, password) => {
    await page.fill('#email', email);
    await page.fill('#password', password);
    await page.click('#password-submit');
  };

  test('signs in', async () => {
    const page = await browser.person();
    await toLogin(page, scene.server, scene.app.next);

    await type(page, 'Ada@Example.org', PASSWORD);

    const { jwt } = await arrived(page, scene.app);
    assert.equal((await check(scene.server, jwt)).profile.email, 'ada@example.org');
  });

  test('that is wrong gives the page of an unknown user, with the address kept', async () => {
    const pages = [];
    for (const email of ['ada@example.org', 'nobody@example.org']) {
      const page = await browser.person();
      await toLogin(page, scene.server, scene.app.next);
      await type(page, email, 'not the password at all');
      assert.equal(await page.inputValue('#email'), email);
      assert.equal(await page.inputValue('#password'), '');
      pages.push((await page.locator('main').innerText()).replaceAll(email, 'ADDRESS'));
    }

    assert.equal(pages[0], pages[1]);
  });
});

for (const security of ['none', 'starttls', 'tls']) {
  describe(`a mailed link (${security})`, () => {
    const own = new Stage();
    let scene;
    before(async () => { scene = await set(own, security); });
    after(() => own.close());

    const ask = async (page, address) => {
      await toLogin(page, scene.server, scene.app.next);
      await page.fill('#magic-link-email', address);
      await page.click('#magic-link-submit');
      const message = await scene.mail.to(address);
      assert.equal(scene.mail.sessions.at(-1).secure, security !== 'none');
      return { message, ...read(message, scene.server.origin) };
    };

    test('shows a button, signs in by it, once, and looking consumes nothing', async () => {
      const page = await browser.person();
      const { link, message } = await ask(page, 'bella@example.org');
      assert.ok(message.html, 'there is an HTML part');
      assert.ok(message.html.includes(link.replaceAll('&', '&amp;')) || message.html.includes(link));
      assert.equal((await fetch(link, { method: 'HEAD' })).status, 200);

      await page.goto(link);
      await page.goto(link);
      await page.click('#confirm');
      const { jwt } = await arrived(page, scene.app);

      assert.equal((await check(scene.server, jwt)).profile.email, 'bella@example.org');
      await page.goto(link);
      if (await page.locator('#confirm').count() > 0) await page.click('#confirm');
      assert.equal(new URL(page.url()).origin, scene.server.origin);
    });

    test('opened elsewhere says so, and the code beside it is typed where it was asked for', async () => {
      const page = await browser.person();
      const { link, code } = await ask(page, 'clara@example.org');
      const elsewhere = await browser.person();
      await elsewhere.goto(link);
      assert.match(await elsewhere.locator('#other-browser').innerText(), /not in this browser/);

      await page.fill('#code', code);
      await page.click('#code-submit');

      const { jwt } = await arrived(page, scene.app);
      assert.equal((await check(scene.server, jwt)).profile.email, 'clara@example.org');
    });

    test('is not promised any differently to a known address', async () => {
      const texts = [];
      for (const address of ['bella@example.org', 'never-seen@example.org']) {
        const page = await browser.person();
        await toLogin(page, scene.server, scene.app.next);
        await page.fill('#magic-link-email', address);
        await page.click('#magic-link-submit');
        texts.push((await page.locator('main').innerText()).replaceAll(address, 'ADDRESS').replaceAll(/\d+/g, 'N'));
      }

      assert.equal(texts[0], texts[1]);
    });
  });
}

describe('logging out', () => {
  const own = new Stage();
  let scene;
  before(async () => { scene = await set(own); });
  after(() => own.close());

  const signIn = async (page) => {
    await toLogin(page, scene.server, scene.app.next);
    await page.click('#idp-people');
    await page.click('#dev-person-1');
    return (await arrived(page, scene.app)).jwt;
  };

  test('here ends this session only', async () => {
    const [here, there] = [await browser.person(), await browser.person()];
    const tokens = [await signIn(here), await signIn(there)];

    await here.goto(`${scene.server.origin}/logout`);
    assert.equal((await check(scene.server, tokens[0])).authenticated, true, 'looking at the page ends nothing');
    await here.click('#logout-confirm');

    assert.equal((await check(scene.server, tokens[0])).authenticated, false);
    assert.equal((await check(scene.server, tokens[1])).authenticated, true);
    await here.goto(`${scene.server.origin}/account`);
    assert.match(here.url(), /\/login/);
  });

  test('everywhere ends all sessions of the user', async () => {
    const [here, there] = [await browser.person(), await browser.person()];
    const tokens = [await signIn(here), await signIn(there)];

    await here.goto(`${scene.server.origin}/logout`);
    await here.check('#logout-everywhere');
    await here.click('#logout-confirm');

    for (const token of tokens) assert.equal((await check(scene.server, token)).authenticated, false);
  });

  test('a locked person does not come in', async () => {
    const page = await browser.person();
    await toLogin(page, scene.server, scene.app.next);
    await page.click('#idp-people');
    await page.click('#dev-person-2');

    assert.equal(new URL(page.url()).origin, scene.server.origin);
  });
});
