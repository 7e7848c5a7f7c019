//! A server that logs everything it can, fed with secrets that must never be in its log.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Countersign, PEOPLE, service } from './stage/countersign.mjs';
import { Stage } from './stage/index.mjs';
import { MAIL_PASSWORD, MailServer, read } from './stage/mail.mjs';
import { CLIENT, oidc, sections } from './stage/upstreams.mjs';
import { delivered, Visitor } from './stage/visitor.mjs';

const NEXT = 'http://localhost:9/back';
const CANARIES = {
  'client secret of the upstream': CLIENT.secret,
  'client secret of the service': 'canary-service-secret-5f0a',
  'webhook secret': 'Y2FuYXJ5LXdlYmhvb2stc2VjcmV0LTVmMGEtY2FuYXJ5',
  password: 'canary password 5f0a staple',
  'mistyped password': 'canary mistyped 5f0a staple',
  'master key': Buffer.from('canary master key of 32 bytes !!').toString('base64'),
  'mail password': MAIL_PASSWORD,
};

test('a trace log holds no secret, no token, no code, no cookie and no address', async (t) => {
  const stage = Stage.for(t);
  const mail = await MailServer.start(stage, 'starttls');
  const seen = { ...CANARIES };
  const corp = await oidc(stage, ['http://localhost:9/unused']);
  const server = await Countersign.start(stage, `
[secrets]
master_key = { env = "CANARY_MASTER_KEY" }
${mail.section(`username = "countersign"\npassword = "${CANARIES['mail password']}"`)}
[login]
signup = "open"
${PEOPLE}
${sections({ corp })}
${service('wiki', NEXT)}
${service('code', `${NEXT}/code`, `next_delivery = "code"\nclient_secret = "${CANARIES['client secret of the service']}"`)}
[extensions.crm]
kind = "webhook"
url = "http://127.0.0.1:9/hook"
allow_private = true
secret = "whsec_${CANARIES['webhook secret']}"
events = ["user.created", "user.login", "user.logout"]
`, { log: 'trace', env: { CANARY_MASTER_KEY: CANARIES['master key'] } });

  await t.test('password, right and wrong', async () => {
    seen['address of the password user'] = 'canary-password@example.org';
    await server.addUser({ email: seen['address of the password user'], name: 'Canary', password: CANARIES.password });
    const visitor = new Visitor(server);
    const login = `/login?next=${encodeURIComponent(NEXT)}`;
    await visitor.go(login);
    await visitor.press('password-submit', { email: seen['address of the password user'], password: CANARIES['mistyped password'] });
    await visitor.go(login);
    await visitor.press('password-submit', { email: seen['address of the password user'], password: CANARIES.password });
    seen['login token'] = delivered(visitor.url).jwt;
    seen['service token'] = (await server.api('/auth/authorize?service=wiki', { token: seen['login token'] })).body.token;
    await server.api(`/auth/check?jwt=${seen['login token']}`);
    for (const cookie of visitor.cookies.split('; ')) {
      const [name, ...value] = cookie.split('=');
      // This one says `password`, the name of the method used last.
      if (!name.endsWith('-last')) seen[`cookie ${name}`] = value.join('=');
    }
    assert.ok(seen['cookie countersign'], visitor.cookies);
  });

  await t.test('a mailed link and its code', async () => {
    seen['address of the mail user'] = 'canary-mail@example.org';
    const visitor = new Visitor(server);
    await visitor.go(`/login?next=${encodeURIComponent(NEXT)}`);
    await visitor.press('magic-link-submit', { 'magic-link-email': seen['address of the mail user'] });
    const { link, code } = read(await mail.to(seen['address of the mail user']), server.origin);
    assert.match(code, /^\d{6}$/);
    assert.deepEqual(mail.sessions.at(-1), { secure: true, user: 'countersign' });
    seen['secret of the mailed link'] = new URL(link).search.slice(1).split('=').at(-1);
    await visitor.go(link);
    await visitor.press('confirm');
    seen['login token of the mail user'] = delivered(visitor.url).jwt;
  });

  await t.test('a one-time code', async () => {
    const visitor = new Visitor(server);
    await visitor.toPeople(`${NEXT}/code`);
    await visitor.press('dev-person-1');
    seen['one-time code'] = delivered(visitor.url).code;
    const answer = await server.api('/auth/token', {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`code:${CANARIES['client secret of the service']}`).toString('base64')}` },
      body: new URLSearchParams({ code: seen['one-time code'] }),
    });
    assert.equal(answer.status, 200, answer.text);
    seen['login token by code'] = answer.body.jwt;
  });

  await t.test('an upstream that is asked with a made-up code', async () => {
    const visitor = new Visitor(server);
    const { body } = await server.api(`/auth/check?next=${encodeURIComponent(NEXT)}`);
    await visitor.go(body.providers.corp.url);
    const { searchParams } = new URL(visitor.url);
    seen.state = searchParams.get('state');
    seen.nonce = searchParams.get('nonce');
    seen['upstream code'] = 'canary-upstream-code-5f0a';
    await visitor.go(`${server.origin}/login/corp/callback?${new URLSearchParams({ state: seen.state, code: seen['upstream code'], iss: corp.url })}`);
    assert.ok(visitor.status >= 400, visitor.html);
  });

  await t.test('a logout', async () => {
    assert.deepEqual((await server.api('/auth/logout', { method: 'POST', token: seen['login token'] })).body, { success: true });
  });

  await server.process.stop();
  const log = server.process.output;
  for (const line of ['a password was refused', 'signed in', 'a login at a provider failed', 'answered']) assert.match(log, new RegExp(line));
  const leaks = [];
  for (const [what, secret] of Object.entries(seen)) {
    assert.ok(secret?.length > 5, `${what} was seen`);
    for (const form of new Set([secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, ''), JSON.stringify(secret).slice(1, -1)])) {
      const at = log.indexOf(form);
      if (at >= 0) leaks.push(`${what}: …${log.slice(log.lastIndexOf('\n', at) + 1, at)}[here]`);
    }
  }
  assert.deepEqual(leaks, []);
});
