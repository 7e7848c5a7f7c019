//! The pages on which people make, keep and leave an account, as pictures and under the accessibility checker.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Countersign, PEOPLE, service } from '../oracle/stage/countersign.mjs';
import { Stage } from '../oracle/stage/index.mjs';
import { MailServer } from '../oracle/stage/mail.mjs';
import { application, Browser, isTooWide, picture, violations } from './browser.mjs';

const PASSWORD = 'correct horse battery staple';
const FACES = ['light', 'dark'].flatMap((theme) => [390, 1440].map((width) => ({ theme, width })));

const stage = new Stage();
let browser;
let mail;
let server;

before(async () => {
  browser = await Browser.open(stage);
  mail = await MailServer.start(stage);
  const app = await application(stage);
  server = await Countersign.start(stage, (origin) => `
${mail.section()}
[login]
signup = "open"
terms_url = "${origin}/terms"
[login.passkey]
enabled = false
[api]
user_keys = true
[theme]
name = "Example"
${PEOPLE}
${service('wiki', app.next)}`);
});
after(() => stage.close());

/** The link of the newest letter to this address. */
async function link(email, path, count = 1) {
  const letter = await mail.to(email, count);
  return new RegExp(`${server.origin}${path}\\?token=[^\\s"<]+`).exec(letter.text)[0];
}

async function signIn(page, email) {
  await page.goto(`${server.origin}/login`);
  await page.fill('#email', email);
  await page.fill('#password', PASSWORD);
  await page.click('#password-submit');
}

const path = (page) => new URL(page.url()).pathname;

describe('without scripts', () => {
  test('somebody signs up, makes a key, and leaves, and comes back and stays', async () => {
    const email = 'ada@example.org';
    const page = await browser.person();
    await page.goto(`${server.origin}/login`);
    await page.click('#signup');
    await page.fill('#email', email);
    await page.fill('#name', 'Ada');
    await page.fill('#password', PASSWORD);
    await page.check('#terms');
    await page.click('#signup-submit');
    await page.goto(await link(email, '/signup/confirm'));
    await page.click('#confirm');
    assert.equal(path(page), '/account');

    await page.goto(`${server.origin}/account/keys`);
    await page.click('#new-key');
    await page.fill('#key-name', 'backup');
    await page.click('#key-submit');
    assert.match(await page.innerText('#key'), /^cs_/);
    await page.click('#done');
    assert.match(await page.innerText('main'), /backup/);

    await page.goto(`${server.origin}/account/privacy`);
    await page.click('#leave');
    await page.fill('#confirmation', await page.innerText('label[for=confirmation] strong'));
    await page.click('#delete');
    await signIn(page, email);
    assert.equal(path(page), '/account/keep');
    await page.click('#keep');
    assert.equal(path(page), '/account');
  });
});

describe('the pages', () => {
  /** axe-core needs scripts; the pages themselves have none of their own here. */
  const person = ({ theme, width }) => browser.person({
    javaScriptEnabled: true, bypassCSP: true, colorScheme: theme, reducedMotion: 'reduce', viewport: { width, height: 900 },
  });

  /** Looks at the page under a name, and at its address first where one is given. */
  function looker(t, face) {
    return (page, name, at) => t.test(`${name} ${face.theme} ${face.width}`, async () => {
      if (at) {
        await page.goto(`${server.origin}${at}`);
        assert.equal(path(page), at);
      }
      await picture(page, `${name}-${face.theme}-${face.width}`);
      assert.equal(await isTooWide(page), false, 'something is wider than the window');
      assert.deepEqual(await violations(page), []);
    });
  }

  for (const face of FACES) {
    const named = (name) => `${name}-${face.theme}-${face.width}@example.org`;

    test(`for newcomers, ${face.theme} ${face.width}`, async (t) => {
      const look = looker(t, face);
      const page = await person(face);
      const email = named('new');
      await look(page, 'signup', '/signup');
      await page.fill('#email', email);
      await page.fill('#password', 'password12');
      await page.check('#terms');
      await page.click('#signup-submit');
      await look(page, 'signup-wrong');
      await page.fill('#password', PASSWORD);
      await page.check('#terms');
      await page.click('#signup-submit');
      await look(page, 'signup-sent');
      const confirm = await link(email, '/signup/confirm');
      const elsewhere = await person(face);
      await elsewhere.goto(confirm);
      await look(elsewhere, 'signup-elsewhere');
      await page.goto(confirm);
      await look(page, 'signup-confirm');
      await page.click('#confirm');
      assert.equal(path(page), '/account');
      await look(page, 'account-new');

      const guest = await person(face);
      const invitation = await server.command(['user', 'invite', named('guest'), '--service', 'wiki']);
      await guest.goto(/https?:\S+/.exec(invitation)[0]);
      await look(guest, 'invite');

      const unproven = named('unproven');
      await server.command(['user', 'add', '--email', unproven, '--unverified', '--password-stdin'], `${PASSWORD}\n`);
      const doubted = await person(face);
      await signIn(doubted, unproven);
      await look(doubted, 'verify', '/account/verify');
      await doubted.click('#verify-submit');
      await look(doubted, 'verify-sent');
    });

    test(`for owners, ${face.theme} ${face.width}`, async (t) => {
      const look = looker(t, face);
      const email = named('owner');
      await server.addUser({ email, name: 'Ada Lovelace', password: PASSWORD, role: 'admin' });
      await signIn(await person(face), email);
      const page = await person(face);
      await signIn(page, email);

      await look(page, 'account-owner', '/account');
      await look(page, 'security-bare', '/account/security');
      await look(page, 'devices', '/account/devices');
      await look(page, 'activity', '/account/activity');
      await look(page, 'keys-empty', '/account/keys');
      await look(page, 'key-new', '/account/keys/new');
      await page.fill('#key-name', 'backup on my laptop');
      await page.click('#key-submit');
      await look(page, 'key-made');
      await look(page, 'keys', '/account/keys');
      await look(page, 'profile', '/account/profile');
      await look(page, 'addresses', '/account/addresses');
      const second = named('second');
      await page.fill('#email', second);
      await page.click('#address-submit');
      await look(page, 'addresses-asked');
      await page.goto(await link(second, '/account/addresses/confirm'));
      await look(page, 'address-confirm');
      await page.click('#confirm');
      await look(page, 'address-confirmed');
      await look(page, 'addresses-two', '/account/addresses');
      await look(page, 'privacy', '/account/privacy');
      await look(page, 'leave', '/account/privacy/delete');
      await page.fill('#confirmation', 'yes');
      await page.click('#delete');
      await look(page, 'leave-wrong');
      await page.fill('#confirmation', await page.innerText('label[for=confirmation] strong'));
      await page.click('#delete');
      await look(page, 'left');
      await signIn(page, email);
      await look(page, 'keep', '/account/keep');
    });
  }
});

describe('a sensitive step long after the sign-in', () => {
  const own = new Stage();
  let late;
  before(async () => {
    late = await Countersign.start(own, '[session]\nsudo_window = "1m"\n[theme]\nname = "Example"\n[roles.member]\n');
  });
  after(() => own.close());

  async function enter(page) {
    await page.fill('#password', PASSWORD);
    await page.click('#password-submit');
  }

  test('asks for a fresh one first', async (t) => {
    const pages = [];
    for (const face of FACES) {
      const email = `late-${face.theme}-${face.width}@example.org`;
      await late.addUser({ email, name: 'Ada Lovelace', password: PASSWORD });
      const page = await browser.person({
        javaScriptEnabled: true, bypassCSP: true, colorScheme: face.theme, reducedMotion: 'reduce', viewport: { width: face.width, height: 900 },
      });
      await page.goto(`${late.origin}/login`);
      await page.fill('#email', email);
      await enter(page);
      pages.push({ page, ...face });
    }
    // The shortest window that the file may name.
    await pages[0].page.waitForTimeout(61_000);

    for (const { page, theme, width } of pages) {
      await t.test(`${theme} ${width}`, async () => {
        await page.goto(`${late.origin}/account/password`);
        assert.equal(path(page), '/account/confirm');
        await picture(page, `confirm-${theme}-${width}`);
        assert.equal(await isTooWide(page), false, 'something is wider than the window');
        assert.deepEqual(await violations(page), []);
        await enter(page);
        assert.equal(path(page), '/account/password');
      });
    }
  });
});
