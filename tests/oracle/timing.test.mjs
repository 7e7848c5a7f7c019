//! How long a refusal takes tells nobody who has an account: interleaved samples at the real binary, compared by Mann-Whitney's U.
//!
//! Machines that do other things at the same time are noisy, so the test itself only holds the medians together; the figures are
//! printed for whoever wants to judge them. COUNTERSIGN_TIMING_SAMPLES says how many there are of each kind (60 unless given).
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Countersign } from './stage/countersign.mjs';
import { Stage } from './stage/index.mjs';
import { MailServer } from './stage/mail.mjs';

const SAMPLES = Number(process.env.COUNTERSIGN_TIMING_SAMPLES ?? 60);
const WARM_UP = 5;
const SECRET = 'purple elephants dance at noon';
/** How far the medians may lie apart: twice the work shows, a busy machine does not. */
const APART = 0.6;

const stage = new Stage();
after(() => stage.close());

/** The cookie of a browser and the token of its forms. */
async function visit(server, path) {
  const page = await server.api(path);
  const cookie = page.headers.get('set-cookie')?.split(';')[0];
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1];
  assert.ok(cookie && csrf, `${path}: ${page.status}`);
  return { cookie, csrf };
}

/** Milliseconds until the answer is there. */
async function timed(server, path, browser, fields, status) {
  const body = new URLSearchParams({ csrf: browser.csrf, ...fields });
  const began = process.hrtime.bigint();
  const answer = await server.api(path, { method: 'POST', headers: { cookie: browser.cookie, origin: server.origin }, body });
  const took = Number(process.hrtime.bigint() - began) / 1e6;
  assert.equal(answer.status, status, `${path} ${fields.email}: ${answer.text.slice(0, 200)}`);
  return took;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

/** The two-sided p of Mann-Whitney's U, by its normal approximation. */
function mannWhitney(a, b) {
  const all = [...a.map((value) => [value, 0]), ...b.map((value) => [value, 1])].sort((x, y) => x[0] - y[0]);
  const ranks = all.reduce((sum, [, from], index) => (from === 0 ? sum + index + 1 : sum), 0);
  const u = ranks - (a.length * (a.length + 1)) / 2;
  const mean = (a.length * b.length) / 2;
  const deviation = Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12);
  return erfc(Math.abs(u - mean) / deviation / Math.SQRT2);
}

/** Abramowitz and Stegun 7.1.26. */
function erfc(x) {
  const t = 1 / (1 + 0.3275911 * x);
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return poly * Math.exp(-x * x);
}

/** Samples every kind in turn and says how they compare with the first. */
async function compare(what, kinds, sample) {
  const took = new Map(kinds.map((kind) => [kind, []]));
  for (let round = -WARM_UP; round < SAMPLES; round += 1) {
    for (const kind of kinds) {
      const value = await sample(kind, round);
      if (round >= 0) {
        took.get(kind).push(value);
      }
    }
  }
  const [first] = kinds;
  const base = median(took.get(first));
  for (const kind of kinds) {
    const mine = median(took.get(kind));
    const p = mannWhitney(took.get(first), took.get(kind));
    console.log(`${what}: ${kind.padEnd(12)} median ${mine.toFixed(2)} ms, against ${first}: ${((mine / base - 1) * 100).toFixed(1)} %, p = ${p.toFixed(3)}`);
    assert.ok(Math.abs(mine / base - 1) <= APART, `${what}: ${kind} takes ${mine.toFixed(2)} ms, ${first} ${base.toFixed(2)} ms`);
  }
}

test('the time of a refusal says nothing about the account', async () => {
  const mail = await MailServer.start(stage);
  const server = await Countersign.start(stage, `${mail.section()}\n[login]\nsignup = "closed"\n[roles.admin]\n[roles.member]\n`);
  const known = ['existing', 'locked', 'unverified'];
  for (const kind of known) {
    const more = kind === 'unverified' ? ['--unverified'] : [];
    await server.command(['user', 'add', '--email', `${kind}@example.org`, '--name', kind, '--password-stdin', ...more], `${SECRET}\n`);
  }
  await server.command(['user', 'add', '--email', 'passwordless@example.org', '--name', 'No']);
  await server.command(['user', 'lock', 'locked@example.org']);
  const kinds = [...known, 'passwordless', 'nobody'];
  const browser = await visit(server, '/login');
  const forgetful = await visit(server, '/login/forgot');

  await compare('sign-in', kinds, (kind) => timed(server, '/login/password', browser, { email: `${kind}@example.org`, password: 'not the password' }, 401));
  await compare('reset', kinds, (kind) => timed(server, '/login/forgot', forgetful, { email: `${kind}@example.org` }, 303));
});
