//! Two processes on one database: what may happen once happens once, and what ends, ends on both at once.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';
import { cp } from 'node:fs/promises';
import { Countersign, PEOPLE, service } from './stage/countersign.mjs';
import { freePort, run, Stage } from './stage/index.mjs';
import { MailServer, read } from './stage/mail.mjs';
import { delivered, Visitor } from './stage/visitor.mjs';

const NEXT = 'http://localhost:9/back';
const SECRET = 'the secret of the service';
const ROUNDS = 20;
const POSTGRES = process.env.COUNTERSIGN_TEST_DATABASE_URL;

/** A database of its own inside the PostgreSQL that runs the tests. */
async function database(stage) {
  const name = `twins_${randomUUID().replaceAll('-', '')}`;
  const psql = (sql) => run('psql', [POSTGRES, '-v', 'ON_ERROR_STOP=1', '-qc', sql]);
  await psql(`CREATE DATABASE ${name}`);
  stage.later(() => psql(`DROP DATABASE ${name} WITH (FORCE)`));
  const url = new URL(POSTGRES);
  url.pathname = name;
  return `[database]\nurl = "${url.href}"`;
}

for (const kind of ['sqlite', 'postgres']) {
  const skip = kind === 'postgres' && !POSTGRES ? 'COUNTERSIGN_TEST_DATABASE_URL is not set' : false;

  describe(`two processes on one ${kind}`, { skip }, () => {
    const stage = new Stage();
    after(() => stage.close());
    let first;
    let second;
    let mail;

    before(async () => {
      mail = await MailServer.start(stage);
      const own = kind === 'postgres' ? await database(stage) : '';
      const body = `${own}\n${mail.section()}\n[login]\nsignup = "open"\n${PEOPLE}`
        + service('wiki', NEXT)
        + service('code', `${NEXT}/code`, `next_delivery = "code"\nclient_secret = "${SECRET}"`);
      const port = await freePort();
      first = await Countersign.start(stage, body, { port });
      second = await secondProcess(stage, first, kind);
    });

    /** The other process answers on another port, for the same origin: a balancer in front of both would pick. */
    const both = () => [first, second];
    const oneOf = async (attempts) => {
      const answers = await Promise.all(attempts);
      return answers.filter(Boolean).length;
    };

    test('a code offered to both succeeds once', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const visitor = new Visitor(first);
        await visitor.toPeople(`${NEXT}/code`);
        await visitor.press('dev-person-1');
        const { code } = delivered(visitor.url);
        assert.ok(code, visitor.url);

        let token;
        const won = await oneOf(both().map(async (server) => {
          const answer = await server.api('/auth/token', {
            method: 'POST',
            headers: { authorization: `Basic ${Buffer.from(`code:${encodeURIComponent(SECRET)}`).toString('base64')}` },
            body: new URLSearchParams({ code }),
          });
          assert.ok(answer.status < 500, answer.text);
          token ??= answer.body.jwt;
          return answer.status === 200;
        }));

        assert.equal(won, 1);
        for (const server of both()) {
          assert.equal((await server.api('/auth/check', { token })).body.authenticated, false, 'a code that came twice ends its session');
        }
      }
    });

    test('a mailed link offered to both succeeds once', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const address = `${kind}${round}@example.org`;
        const visitor = new Visitor(first);
        await visitor.go(`/login?next=${encodeURIComponent(NEXT)}`);
        await visitor.press('magic-link-submit', { 'magic-link-email': address });
        const { link } = read(await mail.to(address), first.origin);
        await visitor.go(link);
        const pressed = visitor.find('confirm');

        const won = await oneOf(both().map(async (server) => {
          const answer = await server.api(pressed.url.pathname + pressed.url.search, {
            ...pressed.options,
            headers: { ...pressed.options.headers, cookie: visitor.cookies },
          });
          assert.ok(answer.status < 500, answer.text);
          return answer.status === 303 && answer.headers.get('location').startsWith(NEXT);
        }));

        assert.equal(won, 1);
      }
    });

    test('a sign-in offered to both succeeds once', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const visitor = new Visitor(first);
        await visitor.toPeople(NEXT);
        const { url: callback } = visitor.find('dev-person-1');
        assert.match(callback.pathname, /^\/login\/people\/callback$/);

        const won = await oneOf(both().map(async (server) => {
          const back = await server.api(callback.pathname + callback.search, { headers: { cookie: visitor.cookies } });
          assert.ok(back.status < 500, back.text);
          return back.status === 303 && delivered(new URL(back.headers.get('location'), first.origin).href).jwt;
        }));

        assert.equal(won, 1);
      }
    });

    test('a logout on one is dead on the other at once', async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const token = await new Visitor(first).signInAs(1, NEXT);
        const [here, there] = round % 2 === 0 ? [first, second] : [second, first];
        assert.equal((await there.api('/auth/check', { token })).body.authenticated, true);
        assert.ok((await there.api('/auth/authorize?service=wiki', { token })).body.token);

        assert.deepEqual((await here.api('/auth/logout', { method: 'POST', token })).body, { success: true });

        assert.equal((await there.api('/auth/check', { token })).body.authenticated, false);
        assert.deepEqual((await there.api('/auth/authorize?service=wiki', { token })).body, { permissions: {} });
      }
    });

    test('both publish the same keys, and each verifies what the other signed', async () => {
      const [one, other] = await Promise.all(both().map((server) => server.api('/.well-known/jwks.json')));
      assert.deepEqual(one.body.keys.map(({ kid }) => kid).sort(), other.body.keys.map(({ kid }) => kid).sort());

      const token = await new Visitor(first).signInAs(1, NEXT);
      assert.equal((await second.api('/auth/check', { token })).body.authenticated, true);
    });
  });
}

/** Another process with the same issuer, data and database behind another port. */
async function secondProcess(stage, first, kind) {
  const twin = await Countersign.twinOf(first);
  if (kind === 'postgres') {
    // Replicas on several machines share the database and the master key, not a folder.
    const folder = await stage.folder();
    await cp(join(first.folder, 'data', 'master.key'), join(folder, 'data', 'master.key'), { recursive: true });
    await twin.moveTo(folder);
  }
  return twin.serve();
}
