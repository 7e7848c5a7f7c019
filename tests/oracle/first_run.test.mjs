//! The first minute of a newcomer: no file, one command, what it prints, and an admin by the printed link.
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Countersign } from './stage/countersign.mjs';
import { Stage } from './stage/index.mjs';
import { Visitor } from './stage/visitor.mjs';

test('one command in an empty folder leads to a signed-in admin', async (t) => {
  const server = await Countersign.devMode(Stage.for(t));
  const { origin } = server;
  const printed = server.process.output.split('\n').filter((line) => !line.startsWith('{')).join('\n');
  const line = (name) => new RegExp(`^\\s*${name}\\s+(\\S+)`, 'm').exec(printed)?.[1] ?? assert.fail(`no ${name} in\n${printed}`);

  await t.test('the printed lines name every place, in at most twelve lines and without colours', () => {
    assert.equal(line('Sign in'), `${origin}/login`);
    assert.equal(line('Demo app'), `${origin}/demo`);
    assert.ok(line('Admin link').startsWith(`${origin}/setup/`));
    assert.equal(line('Mail sink'), `${origin}/dev/mail`);
    assert.ok(printed.trim().split('\n').length <= 12, printed);
    assert.doesNotMatch(printed, /\u001b\[/);
  });

  await t.test('what it keeps is readable by its owner only', async () => {
    const data = join(server.folder, 'countersign-data');
    assert.equal((await stat(join(data, 'master.key'))).mode & 0o777, 0o600);
    assert.ok((await readdir(data)).some((name) => name.endsWith('.db')));
  });

  await t.test('a wrong set-up link is refused', async () => {
    const visitor = new Visitor(server);
    await visitor.go(`${line('Admin link').slice(0, -4)}XXXX`);
    assert.ok(visitor.status >= 400 && visitor.status < 500, String(visitor.status));
  });

  await t.test('the link sets the admin up once', async () => {
    const visitor = new Visitor(server);
    await visitor.go(line('Admin link'));
    assert.equal(visitor.status, 200, visitor.html);
    await visitor.press('setup-submit', { email: 'root@example.org', name: 'Root', password: 'correct horse battery staple' });
    assert.equal(visitor.status, 200, visitor.html);
    await visitor.go('/account');
    assert.equal(new URL(visitor.url).pathname, '/account', visitor.html);
    assert.match(visitor.html, /root@example\.org|Root/);

    const late = new Visitor(server);
    await late.go(line('Admin link'));
    assert.equal(late.status, 410);
  });

  await t.test('the admin is an admin and may sign in again', async () => {
    const users = JSON.parse(await server.command(['user', 'list', '--json']));
    const admin = users.find((user) => JSON.stringify(user).includes('root@example.org'));
    assert.ok(admin.roles.includes('admin'), JSON.stringify(admin));

    const visitor = new Visitor(server);
    await visitor.go('/login');
    await visitor.press('password-submit', { email: 'root@example.org', password: 'correct horse battery staple' });
    assert.equal(new URL(visitor.url).pathname, '/account', visitor.html);
  });

  await t.test('the demo shows a token to whoever signs in', async () => {
    const visitor = new Visitor(server);
    await visitor.go(line('Demo app'));
    await visitor.press('demo-start');
    await visitor.press('idp-people');
    await visitor.press('dev-person-0');
    assert.equal(visitor.url, line('Demo app'));
    assert.match(visitor.html, /eyJ[\w-]+\.[\w-]+\.[\w-]+/);
    assert.match(visitor.html, /demo:write/);
  });
});

test('a second start finds the same keys and people', async (t) => {
  const stage = Stage.for(t);
  const folder = await stage.folder();
  const keys = [];
  for (let start = 0; start < 2; start += 1) {
    const server = await Countersign.devMode(stage, folder);
    keys.push((await server.api('/.well-known/jwks.json')).body.keys.map(({ kid }) => kid).sort());
    await server.process.stop();
    assert.equal(await server.process.exit, 0, server.process.output);
  }
  assert.deepEqual(keys[0], keys[1]);
});

test('a server without an administrator says so, and prints the link, until there is one', async (t) => {
  const stage = Stage.for(t);
  const server = await Countersign.start(stage, '');
  const visitor = new Visitor(server);
  await visitor.go('/login');
  assert.equal(visitor.status, 200);
  assert.match(visitor.html, /no administrator/i);
  assert.match(visitor.html, /countersign admin link/);

  const link = /Admin link\s+(\S+)/.exec(server.process.output)?.[1] ?? assert.fail(server.process.output);
  await visitor.go(link);
  await visitor.press('setup-submit', { email: 'root@example.org', name: 'Root', password: 'correct horse battery staple' });
  assert.equal(new URL(visitor.url).pathname, '/account', visitor.html);

  const other = new Visitor(server);
  await other.go('/login');
  assert.doesNotMatch(other.html, /no administrator/i);
});
