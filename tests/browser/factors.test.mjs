//! Passkeys by Chromium's virtual authenticator, an app's codes by pyotp, and the pages around them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Countersign, PEOPLE, service } from '../oracle/stage/countersign.mjs';
import { run, Stage } from '../oracle/stage/index.mjs';
import { application, arrived, Browser, isTooWide, picture, toLogin, violations } from './browser.mjs';

const PASSWORD = 'correct horse battery staple';
const PYTHON = process.env.COUNTERSIGN_PYTHON ?? 'python3';

const stage = new Stage();
let browser;
before(async () => { browser = await Browser.open(stage); });
after(() => stage.close());

/** What pyotp shows for the key of the page, now or `ahead` steps later. */
const code = async (key, ahead = 0) => (await run(PYTHON, ['-c',
  'import pyotp, sys, time; print(pyotp.TOTP(sys.argv[1]).at(int(time.time()) + 30 * int(sys.argv[2])))',
  key.replaceAll(' ', '').toUpperCase(), String(ahead)])).trim();

/** A device with a finger on it: `hasResidentKey` is what autofill finds. */
async function device(page, options = {}) {
  const tap = await page.context().newCDPSession(page);
  await tap.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await tap.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true, ...options,
  } });
  return { tap, authenticatorId, credentials: async () => (await tap.send('WebAuthn.getCredentials', { authenticatorId })).credentials };
}

async function scene(own, login = '') {
  const app = await application(own);
  const server = await Countersign.start(own, `[login.password]\nenabled = true\n${login}\n${PEOPLE}\n${service('wiki', app.next)}\n${service('vault', `${app.origin}/vault`, 'require_mfa = true')}`);
  return { app, server };
}

const withScripts = (options = {}) => browser.person({ javaScriptEnabled: true, ...options });

async function signIn(page, server, email) {
  await page.goto(`${server.origin}/login`);
  await page.fill('#email', email);
  await page.fill('#password', PASSWORD);
  await page.click('#password-submit');
}

async function makePasskey(page, server) {
  await page.goto(`${server.origin}/account/security/passkeys/new`);
  await page.click('#new-passkey-submit');
  await page.waitForURL((url) => !url.pathname.endsWith('/new'));
}

describe('a passkey', () => {
  const own = new Stage();
  let set;
  before(async () => {
    set = await scene(own);
    await set.server.addUser({ email: 'ada@example.org', name: 'Ada', password: PASSWORD });
    await set.server.addUser({ email: 'eve@example.org', name: 'Eve', password: PASSWORD });
  });
  after(() => own.close());

  test('is made, signs in by its button, satisfies a service that wants two factors, and is removed', async () => {
    const page = await withScripts();
    const { credentials } = await device(page);
    await signIn(page, set.server, 'ada@example.org');
    await makePasskey(page, set.server);
    assert.equal(await page.locator('#recovery-codes li').count(), 10);
    await page.click('#continue');
    assert.equal((await credentials()).length, 1);
    await page.goto(`${set.server.origin}/logout`);
    await page.click('#logout-confirm');

    // The list under the address field would be answered at once by this device; here the button is meant.
    await page.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
    await page.goto(`${set.server.origin}/login?next=${encodeURIComponent(`${set.app.origin}/vault`)}`);
    await page.click('#passkey-submit');
    await page.waitForURL((url) => url.href.startsWith(`${set.app.origin}/vault`));
    const { jwt } = Object.fromEntries(new URL(page.url()).searchParams);
    const { status } = await set.server.api('/auth/authorize?service=vault', { token: jwt });
    assert.equal(status, 200);

    await page.goto(`${set.server.origin}/account/security`);
    await page.click('summary:has-text("Change")');
    await page.fill('#name-1', 'My laptop');
    await page.click('#rename-1');
    await page.getByText('My laptop', { exact: true }).first().waitFor();
    await page.click('summary:has-text("Change")');
    await page.click('#remove-1');
    await page.getByText('The passkey is removed').waitFor();
  });

  test('is found by the address field without a click', async () => {
    const page = await withScripts();
    await device(page);
    await signIn(page, set.server, 'eve@example.org');
    await makePasskey(page, set.server);
    await page.goto(`${set.server.origin}/logout`);
    await page.click('#logout-confirm');

    await toLogin(page, set.server, set.app.next);

    assert.ok((await arrived(page, set.app)).jwt);
  });

  test('nobody has is refused in words, and the page stays', async () => {
    const page = await withScripts();
    await device(page);
    await page.goto(`${set.server.origin}/login`);
    await page.click('#passkey-submit');

    await page.locator('[data-message]').waitFor();
    assert.match(await page.locator('[data-message]').innerText(), /cancelled/);
  });

  test('needs scripts, and nothing else does', async () => {
    const page = await browser.person();
    await page.goto(`${set.server.origin}/login`);

    assert.equal(await page.locator('#passkey-submit').isVisible(), false);
    assert.equal(await page.locator('#password-submit').isVisible(), true);
  });
});

describe('a second factor', () => {
  const own = new Stage();
  let set;
  before(async () => {
    set = await scene(own, '[login.mfa]\nrequire = "always"');
    for (const name of ['ada', 'bob', 'cleo']) {
      await set.server.addUser({ email: `${name}@example.org`, name, password: PASSWORD });
    }
  });
  after(() => own.close());

  test('by an app is set up on the way in and asked for from then on, without scripts', async () => {
    const page = await browser.person();
    await signIn(page, set.server, 'ada@example.org');
    await page.click('summary:has-text("Type the key")');
    const key = await page.locator('#totp-key').innerText();
    await page.fill('#code', await code(key));
    await page.click('#totp-submit');
    const codes = await page.locator('#recovery-codes li').allInnerTexts();
    assert.equal(codes.length, 10);
    await page.click('#continue');
    assert.equal(new URL(page.url()).pathname, '/account');

    const again = await browser.person();
    await signIn(again, set.server, 'ada@example.org');
    assert.equal(new URL(again.url()).pathname, '/login/second-factor');
    await again.fill('#code', '000000');
    await again.click('#second-submit');
    assert.match(await again.title(), /^Error: /);
    await again.fill('#code', await code(key, 1));
    await again.click('#second-submit');
    assert.equal(new URL(again.url()).pathname, '/account');

    const lost = await browser.person();
    await signIn(lost, set.server, 'ada@example.org');
    await lost.click('summary:has-text("recovery code")');
    await lost.fill('#recovery-code', codes[4]);
    await lost.click('#recovery-submit');
    assert.equal(new URL(lost.url()).pathname, '/account');
  });

  test('by a passkey is set up on the way in, and asked for after a password', async () => {
    const page = await withScripts();
    await device(page);
    await signIn(page, set.server, 'bob@example.org');
    await page.click('#enrol-passkey-submit');
    await page.click('#continue');
    await page.goto(`${set.server.origin}/logout`);
    await page.click('#logout-confirm');

    await page.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
    await signIn(page, set.server, 'bob@example.org');
    await page.click('#second-passkey-submit');

    await page.waitForURL((url) => url.pathname === '/account');
  });

  for (const theme of ['light', 'dark']) {
    for (const width of [390, 1440]) {
      test(`its pages are fit to be seen, ${theme}, ${width} px wide`, async () => {
        const email = `${theme}${width}@example.org`;
        await set.server.addUser({ email, name: 'Ada Lovelace', password: PASSWORD });
        const page = await withScripts({ bypassCSP: true, colorScheme: theme, reducedMotion: 'reduce', viewport: { width, height: 900 } });
        await device(page);
        await page.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
        const found = [];
        const look = async (name) => {
          await picture(page, `${name}-${theme}-${width}`);
          if (await isTooWide(page)) found.push(`${name} is wider than the window`);
          found.push(...(await violations(page)).map((line) => `${name}: ${line}`));
        };
        await page.goto(`${set.server.origin}/login`);
        await look('login-passkey');
        await signIn(page, set.server, email);
        await look('enrol');
        await page.click('#enrol-passkey-submit');
        await page.locator('#recovery-codes').waitFor();
        await look('recovery-codes');
        await page.click('#continue');
        await page.goto(`${set.server.origin}/account/security/totp`);
        await look('totp');
        await page.click('summary:has-text("Type the key")');
        const key = await page.locator('#totp-key').innerText();
        await page.fill('#code', '12');
        await page.click('#totp-submit');
        await look('totp-error');
        await page.fill('#code', await code(key));
        await page.click('#totp-submit');
        await page.getByText('Your app is set up').waitFor();
        await page.click('summary:has-text("Change")');
        await look('security');
        await page.goto(`${set.server.origin}/account/security/passkeys/new`);
        await look('new-passkey');
        await page.context().clearCookies();
        await signIn(page, set.server, email);
        await look('second-factor');
        assert.deepEqual(found, []);
      });
    }
  }
});
