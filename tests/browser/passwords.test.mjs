//! The pages about passwords, as pictures and under the accessibility checker; and the way through them without scripts.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Countersign } from '../oracle/stage/countersign.mjs';
import { Stage } from '../oracle/stage/index.mjs';
import { MailServer } from '../oracle/stage/mail.mjs';
import { Browser, isTooWide, picture, violations } from './browser.mjs';

const PASSWORD = 'correct horse battery staple';
const OTHER = 'purple elephants dance at noon';
const FACES = ['light', 'dark'].flatMap((theme) => [390, 1440].map((width) => ({ theme, width })));

const stage = new Stage();
let browser;
let mail;
let server;

before(async () => {
  browser = await Browser.open(stage);
  mail = await MailServer.start(stage);
  server = await Countersign.start(stage, `${mail.section()}\n[theme]\nname = "Example"\n[roles.admin]\n[roles.member]\n`);
});
after(() => stage.close());

/** The link of the newest letter to this address. */
async function link(email) {
  const letter = await mail.to(email);
  return new RegExp(`${server.origin}/login/reset\\?token=[^\\s"<]+`).exec(letter.text)[0];
}

async function signIn(page, email, password) {
  await page.goto(`${server.origin}/login`);
  await page.fill('#email', email);
  await page.fill('#password', password);
  await page.click('#password-submit');
}

describe('forgotten and changed', () => {
  test('without scripts a mailed link leads to a new password, and the new one can be changed', async () => {
    const email = 'ada@example.org';
    await server.addUser({ email, name: 'Ada', password: PASSWORD });
    const page = await browser.person();
    await page.goto(`${server.origin}/login`);
    await page.click('text=Forgot it?');
    await page.fill('#email', email);
    await page.click('#forgot-submit');

    await page.goto(await link(email));
    assert.equal(new URL(page.url()).search, '', 'the token has left the address');
    await page.fill('#password', OTHER);
    await page.click('#reset-submit');
    assert.match(await page.innerText('#notice'), /Your new password is set/);

    await signIn(page, email, OTHER);
    assert.equal(page.url(), `${server.origin}/account`);
    await page.goto(`${server.origin}/.well-known/change-password`);
    await page.fill('#current', OTHER);
    await page.fill('#password', `${OTHER} and midnight`);
    await page.click('#password-submit');
    assert.match(await page.innerText('#notice'), /Your password is set/);
  });
});

describe('the pages', () => {
  const person = ({ theme, width }) => browser.person({
    javaScriptEnabled: true, bypassCSP: true, colorScheme: theme, reducedMotion: 'reduce', viewport: { width, height: 900 },
  });

  for (const face of FACES) {
    test(`${face.theme} ${face.width}`, async (t) => {
      const email = `tour-${face.theme}-${face.width}@example.org`;
      await server.addUser({ email, name: 'Ada Lovelace', password: PASSWORD });
      const page = await person(face);
      const look = (name) => t.test(`${name} ${face.theme} ${face.width}`, async () => {
        await picture(page, `${name}-${face.theme}-${face.width}`);
        assert.equal(await isTooWide(page), false, 'something is wider than the window');
        assert.deepEqual(await violations(page), []);
      });

      await page.goto(`${server.origin}/login/forgot`);
      await look('forgot');
      await page.fill('#email', email);
      await page.click('#forgot-submit');
      await look('forgot-sent');
      await page.goto(await link(email));
      await look('reset');
      await page.fill('#password', 'tour tour tour tour');
      await page.click('#reset-submit');
      await look('reset-wrong');
      await page.fill('#password', OTHER);
      await page.click('#reset-submit');
      await look('login-password-set');
      await page.goto(`${server.origin}/login/reset`);
      await look('reset-gone');
      await signIn(page, email, OTHER);
      await page.goto(`${server.origin}/account/password`);
      await look('account-password');
      await page.fill('#current', 'not the password at all');
      await page.fill('#password', PASSWORD);
      await page.click('#password-submit');
      await look('account-password-wrong');
    });
  }
});
