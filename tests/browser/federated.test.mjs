//! Sign-in through upstreams that nobody here wrote, in a browser without JavaScript.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Countersign, service } from '../oracle/stage/countersign.mjs';
import { freePort, Stage, until } from '../oracle/stage/index.mjs';
import { ADA, callbacks, github, google, oidc, sections } from '../oracle/stage/upstreams.mjs';
import { application, arrived, beforeRequest, Browser, choose, reference, refuse, toLogin } from './browser.mjs';

const UPSTREAMS = { google, github, corp: oidc };
/** The same person at each upstream, and somebody only this upstream knows. */
const SAME = { google: ADA, github: 'ada', corp: 'ada' };
const OWN = { google: 'carol@acme.test', github: 'grace', corp: 'heidi' };

const stage = new Stage();
let browser;
before(async () => { browser = await Browser.open(stage); });
after(() => stage.close());

/** A server with all three upstreams, each of them running. */
async function set(stage, more = '') {
  const port = await freePort();
  const back = callbacks(`http://localhost:${port}`);
  const upstreams = {};
  for (const [id, start] of Object.entries(UPSTREAMS)) upstreams[id] = await start(stage, back[id]);
  const app = await application(stage);
  const server = await Countersign.start(stage, `${sections(upstreams)}\n${service('wiki', app.next)}\n${more}`, { port });
  return { server, app, upstreams };
}

/** The whole way from the login page back to the service; answers the profile. */
async function signIn(page, { server, app }, id, who) {
  await toLogin(page, server, app.next);
  await page.click(`#idp-${id}`);
  await choose[id](page, who);
  const { jwt } = await arrived(page, app);
  return profile(server, jwt);
}

async function profile(server, token) {
  const { body } = await server.api('/auth/check', { token });
  assert.equal(body.authenticated, true, JSON.stringify(body));
  return body.profile;
}

for (const id of Object.keys(UPSTREAMS)) {
  describe(`through ${id}`, () => {
    const own = new Stage();
    let scene;
    before(async () => { scene = await set(own); });
    after(() => own.close());

    test('the first visit makes a user and brings a token back to the service', async () => {
      const page = await browser.person();

      const user = await signIn(page, scene, id, OWN[id]);

      assert.ok(user.id);
      assert.match(user.email, /@/);
      assert.ok(user.name);
      assert.equal(scene.app.visits.filter((url) => url.includes('jwt=')).length > 0, true);
      const answer = await scene.server.api('/auth/authorize?service=wiki', { token: new URL(page.url()).searchParams.get('jwt') });
      assert.equal(answer.body.userid, user.id);
      assert.equal(answer.body.token.split('.').length, 3);
    });

    test('the second visit finds the same user', async () => {
      const first = await signIn(await browser.person(), scene, id, OWN[id]);
      const second = await signIn(await browser.person(), scene, id, OWN[id]);

      assert.equal(second.id, first.id);
      assert.equal(second.username, first.username);
    });

    test('a second account with the same address is asked to prove the first, then both are one', async () => {
      const other = id === 'google' ? 'github' : 'google';
      const known = await signIn(await browser.person(), scene, other, SAME[other]);
      const page = await browser.person();
      await toLogin(page, scene.server, scene.app.next);
      await page.click(`#idp-${id}`);
      await choose[id](page, SAME[id]);

      await page.waitForURL((url) => url.origin === scene.server.origin);
      assert.match(await page.locator('h1, body').first().innerText(), /account/i);
      assert.equal(scene.app.visits.some((url) => page.url().includes(url)), false);
      await page.click(`#idp-${other}`);
      await choose[other](page, SAME[other]);
      const { jwt } = await arrived(page, scene.app);

      assert.equal((await profile(scene.server, jwt)).id, known.id);
      assert.equal((await signIn(await browser.person(), scene, id, SAME[id])).id, known.id);
    });

    test('a refusal on the way to a service leads back there without a token', async () => {
      const page = await browser.person();
      await toLogin(page, scene.server, scene.app.next);
      await page.click(`#idp-${id}`);

      await refuse[id](page);

      await page.waitForURL(scene.app.next);
      await page.goto(`${scene.server.origin}/account`);
      assert.equal(new URL(page.url()).pathname, '/login');
    });

    test('a refusal on the way to nowhere is a page with a reference and a way on', async () => {
      const page = await browser.person();
      await page.goto(`${scene.server.origin}/login`);
      await page.click(`#idp-${id}`);

      await refuse[id](page);

      await page.waitForURL((url) => url.origin === scene.server.origin);
      assert.ok(await reference(page), await page.content());
      await page.locator('a[href*="/login"], form[action*="/login"] button').first().click();
      assert.equal(await page.locator(`#idp-${id}`).count(), 1);
    });

    test('an upstream that goes down in the middle is a page with a reference; the others still work', async (t) => {
      const inner = Stage.for(t);
      const falling = await set(inner);
      const page = await browser.person();
      await toLogin(page, falling.server, falling.app.next);
      await page.click(`#idp-${id}`);
      await beforeRequest(page, `${falling.server.origin}/login/${id}/callback*`, () => falling.upstreams[id].stop());

      await choose[id](page, OWN[id]).catch(() => {});

      await page.waitForURL((url) => url.pathname.endsWith('/callback'));
      assert.ok(await reference(page), await page.content());
      const other = id === 'google' ? 'corp' : 'google';
      assert.ok((await signIn(await browser.person(), falling, other, OWN[other])).id);
    });
  });
}

describe('an upstream that is down from the start', () => {
  const own = new Stage();
  after(() => own.close());

  for (const id of ['google', 'corp']) {
    test(`${id}: the server starts, the page says so, and signs in once it is back`, async () => {
      const nobody = { url: `http://localhost:${await freePort()}` };
      const port = await freePort();
      const app = await application(own);
      const works = await github(own, callbacks(`http://localhost:${port}`).github);
      const server = await Countersign.start(own, `${sections({ [id]: nobody, github: works })}\n${service('wiki', app.next)}`, { port });
      const page = await browser.person();
      await toLogin(page, server, app.next);

      await page.click(`#idp-${id}`);

      assert.equal(new URL(page.url()).origin, server.origin);
      assert.ok(await reference(page), await page.content());
      assert.ok((await signIn(await browser.person(), { server, app }, 'github', 'grace')).id);
      await UPSTREAMS[id](own, callbacks(server.origin)[id], Number(new URL(nobody.url).port));
      const { id: user } = await until(`${id} is back`, async () => signIn(await browser.person(), { server, app }, id, OWN[id]));
      assert.ok(user);
    });
  }
});

test('an address that the upstream does not vouch for is not taken as proved', async (t) => {
  const inner = Stage.for(t);
  const scene = await set(inner);
  const page = await browser.person();
  await toLogin(page, scene.server, scene.app.next);
  await page.click('#idp-google');
  await choose.google(page, 'dora@example.org');

  await page.waitForLoadState();
  if (page.url().startsWith(scene.app.next)) {
    const user = await profile(scene.server, new URL(page.url()).searchParams.get('jwt'));
    assert.notEqual(user.email, 'dora@example.org');
  } else {
    assert.equal(new URL(page.url()).origin, scene.server.origin);
  }
});

test('an upstream is asked again without anybody there: a role goes with its group, and everything with the account', async (t) => {
  const inner = Stage.for(t);
  const port = await freePort();
  const corp = await oidc(inner, callbacks(`http://localhost:${port}`).corp);
  const app = await application(inner);
  const keep = 'scopes = ["openid", "email", "profile", "groups"]\nrefresh_profile = "daily"\nstore_tokens = true';
  const section = sections({ corp }).replace(/^scopes = .*$/m, keep);
  const roles = `[roles.sailor]\nassign = ["'corp:crew' in groups"]`;
  const server = await Countersign.start(inner, `${section}\n${service('wiki', app.next)}\n${roles}`, { port });
  const user = await signIn(await browser.person(), { server, app }, 'corp', 'heidi');
  const refreshed = async () => JSON.parse(await server.command(['user', 'refresh', user.id, '--json']));

  const first = await refreshed();
  assert.deepEqual([first.asked[0].outcome, first.groups], ['vouches', ['corp:crew']]);
  assert.ok(first.roles.includes('sailor'));
  corp.world.groups = ['passengers'];
  const second = await refreshed();
  assert.deepEqual([second.asked[0].outcome, second.groups], ['vouches', ['corp:passengers']]);
  assert.ok(!second.roles.includes('sailor'));
  corp.world.groups = ['crew'];
  assert.ok((await refreshed()).roles.includes('sailor'), 'what is granted anew each time is kept each time');

  corp.world.gone.add('heidi');
  const last = await refreshed();
  assert.deepEqual([last.asked[0].outcome, last.groups], ['withdrawn', []]);
  assert.ok(!last.roles.includes('sailor'));
  await assert.rejects(server.command(['user', 'refresh', user.id]), /nobody can be asked about them/);
});
