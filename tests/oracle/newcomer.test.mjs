//! A permission provider of each kind, as a newcomer makes one: `plugin new`, what it says, a server, and a token with the permission.
//!
//! What is printed is done to the letter, but for the port: the system chooses that.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Countersign, PEOPLE, service } from './stage/countersign.mjs';
import { BINARY, ROOT, run, Stage, until } from './stage/index.mjs';
import { Visitor } from './stage/visitor.mjs';

const NEXT = 'http://localhost:9/back';
const TOOLS = { PATH: process.env.PATH, HOME: process.env.HOME, GOFLAGS: '-mod=mod', GOCACHE: process.env.GOCACHE, CARGO_HOME: process.env.CARGO_HOME, RUSTUP_HOME: process.env.RUSTUP_HOME };
const env = (more) => Object.fromEntries(Object.entries({ ...TOOLS, ...more }).filter(([, value]) => value !== undefined));

/** One line, as it is typed. */
const type = (line, cwd, more = {}) => run('sh', ['-c', line], { cwd, env: env(more) });

const worksHere = (line) => type(line, '/').then(() => true, () => false);

/** Starts a line in a process group of its own, which ends with the stage; answers the address that it prints. */
async function start(stage, line, cwd, more) {
  const child = spawn('sh', ['-c', line], { cwd, env: env(more), detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = () => { try { process.kill(-child.pid, 'SIGKILL'); } catch { /* it is gone */ } };
  process.once('exit', end);
  stage.later(end);
  let output = '';
  for (const pipe of [child.stdout, child.stderr]) pipe.setEncoding('utf8').on('data', (text) => { output += text; });
  return until(`${line} listens`, () => {
    if (child.exitCode !== null) throw Object.assign(new Error(`${line} ended\n${output}`), { isFinal: true });
    return /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
  }, 120_000);
}

/** What the program printed: the steps by name, and the section. */
function printed(output) {
  const [before, after] = output.split('\nPut this into providers.toml:\n\n');
  const [section] = after.split('\nand its id into the service');
  const steps = before.split('\n').flatMap((line) => {
    const [, name, what] = /^ {2}(\w+) +(.+)$/.exec(line) ?? [];
    return name ? [[name, what]] : [];
  });
  return { steps: Object.fromEntries(steps), section };
}

/** What the two people of the dev provider may do in the wiki, out of their tokens. */
async function tokensOf(server) {
  const permissions = async (index) => {
    const login = await new Visitor(server).signInAs(index, NEXT);
    const { status, body, text } = await server.api('/auth/authorize?service=wiki', { token: login });
    assert.equal(status, 200, `${text}\n${server.process.output}`);
    return JSON.parse(Buffer.from(body.token.split('.')[1], 'base64url')).permissions;
  };
  return { ada: await permissions(0), bob: await permissions(1) };
}

/** Why the server cannot have the section; undefined if it can. */
async function refusal(stage, section, more) {
  const server = await Countersign.prepare(stage, `${PEOPLE}\n${section}`, more);
  return server.command(['config', 'check']).then(() => undefined, (error) => error.message);
}

const LANGS = [
  { lang: 'python', needs: 'python3 --version' },
  { lang: 'node', needs: 'node --test --help' },
  { lang: 'go', needs: 'go version' },
  { lang: 'rust', needs: 'rustup target add wasm32-unknown-unknown && cargo --version' },
  { lang: 'cedar' },
  { lang: 'policy' },
  { lang: 'sh', args: ['--allow-exec'] },
  { lang: 'sql', needs: 'sqlite3 --version' },
];

describe('a newcomer', () => {
  for (const { lang, needs, args = [] } of LANGS) {
    test(`writes a provider with --lang ${lang} and holds a token with its permission`, async (t) => {
      if (needs && !await worksHere(needs)) return t.skip(`SKIPPED: \`${needs}\` does not work here`);
      const began = performance.now();
      const stage = Stage.for(t);
      const folder = await stage.folder();
      const { steps, section } = printed(await run(BINARY, ['plugin', 'new', '--lang', lang, 'billing'], { cwd: folder, env: env({}) }));
      const secret = steps.Secret && (await type(`${steps.Secret.split('#')[0]}; printf %s "$BILLING_SECRET"`, folder)).trim();
      const more = secret ? { BILLING_SECRET: secret } : {};
      const without = await refusal(stage, section, { folder, env: more });
      if (/feature `(cedar|wasm)`|built without/.test(without ?? '')) return t.skip(`SKIPPED: this program was built without it: ${lang}`);

      for (const name of ['Once', 'Build']) if (steps[name]) await type(steps[name], folder, more);
      let written = section;
      if (secret) written = section.replace(/http:\/\/127\.0\.0\.1:9000/, await start(stage, steps.Start, folder, { ...more, PORT: '0' }));
      const body = `${PEOPLE}${service('wiki', NEXT, 'permissions = ["billing"]')}\n${written}`;
      const server = await Countersign.start(stage, body, { folder, env: more, args });
      if (steps.Test.startsWith('countersign ')) await server.command(steps.Test.split(' ').slice(1));
      else await type(steps.Test, folder, more);
      const { ada, bob } = await tokensOf(server);

      assert.deepEqual([...ada].sort(), ['billing:read', 'billing:write']);
      assert.deepEqual(bob, ['billing:read']);
      t.diagnostic(`${lang}: ${((performance.now() - began) / 1000).toFixed(1)} s from nothing to a token`);
      return undefined;
    });
  }
});

/** The blocks of the readme's chapter about permissions: files by their names, and the sections. */
async function chapter() {
  const text = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [, permissions] = /\n## Permissions\n([\s\S]*?)\n## /.exec(text);
  const files = new Map();
  const sections = [];
  for (const [, name, language, code] of permissions.matchAll(/(?:^`([\w./-]+)`\n\n)?^```(\w+)\n([\s\S]*?)^```/gm)) {
    if (name) files.set(name, code);
    else if (language === 'toml') sections.push(code);
  }
  return { files, sections };
}

test('the examples of the readme do what it says', async (t) => {
  const { files, sections } = await chapter();
  assert.ok(sections.length >= 7 && files.size >= 5, `${sections.length} sections, ${files.size} files`);
  for (const section of sections) {
    const [, id, kind] = /\[permissions\.([\w-]+)\]\nkind = "(\w+)"/.exec(section) ?? [];
    if (!kind) {
      if (section.includes('[[case]]')) continue;
      await t.test(section.split('\n')[0], async (t) => {
        assert.equal(await refusal(Stage.for(t), section, { env: { HR_SECRET: 'a secret of 16 bytes or more' } }), undefined);
      });
      continue;
    }
    await t.test(`${kind}: ${id}`, async (t) => {
      const stage = Stage.for(t);
      const folder = await stage.folder();
      for (const [name, code] of files) {
        if (name.endsWith('.rs')) continue;
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), code);
        if (code.startsWith('#!')) await chmod(join(folder, name), 0o755);
      }
      let written = section;
      const more = { BILLING_SECRET: 'a secret of 16 bytes or more' };
      if (kind === 'wasm') {
        if (!await worksHere('rustup target add wasm32-unknown-unknown && cargo --version')) return t.skip('SKIPPED: no rustup here');
        await run(BINARY, ['plugin', 'new', '--lang', 'rust', 'quota'], { cwd: folder, env: env({}) });
        const library = join(folder, 'quota/src/lib.rs');
        const scaffold = await readFile(library, 'utf8');
        const example = [...files].find(([name]) => name.endsWith('lib.rs'))[1];
        await writeFile(library, scaffold.replace(/\/\/\/ The answer to one question[\s\S]*?\n}\n/, () => example).replace(/#\[cfg\(test\)\][\s\S]*$/, ''));
        await type('cd quota && cargo build --release --target wasm32-unknown-unknown', folder);
      }
      if (kind === 'sql') {
        if (!await worksHere('sqlite3 --version')) return t.skip('SKIPPED: no sqlite3 here');
        await type("sqlite3 shop.db \"create table grants (email, service, permission, allowed); insert into grants values ('ada@dev.test', 'wiki', 'shop:order', 1), ('ada@dev.test', 'wiki', 'shop:refund', 0)\"", folder);
      }
      if (kind === 'http') {
        if (!await worksHere('python3 --version')) return t.skip('SKIPPED: no python3 here');
        written = section.replace('http://127.0.0.1:9000', await start(stage, 'python3 -u billing.py', folder, { ...more, PORT: '0' }));
      }
      const without = await refusal(stage, written, { folder, env: more });
      if (/feature `(cedar|wasm)`|built without/.test(without ?? '')) return t.skip(`SKIPPED: this program was built without it: ${kind}`);
      const body = `${PEOPLE}[roles.staff]\n${service('wiki', NEXT, `permissions = ["${id}"]`)}\n${written}`;
      const server = await Countersign.start(stage, body, { folder, env: more, args: kind === 'exec' ? ['--allow-exec'] : [] });
      const { ada } = await tokensOf(server);
      assert.ok(ada.length > 0, `${kind} grants Ada nothing`);
      return undefined;
    });
  }
});
