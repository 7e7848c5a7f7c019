// node --test
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { decide, isGenuine, keyOf, serve } from './provider.mjs';

// Made with `openssl dgst -sha256 -hmac`, so that not only our own code agrees with itself.
const KEY = keyOf('a secret of 16 bytes or more');
const BODY = '{"user": null}';
const SENT = 1700000000;
const HEADERS = {
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(SENT),
  'webhook-signature': 'v1,AAAA v1,ODcTYR/yIKiAlH0tuO0I3onTTCWJ/YbbgzEcT4YhC+4=',
};

const permissions = (...roles) => decide({ user: { roles } }).permissions;

test('a member reads', () => {
  assert.deepEqual(permissions('member'), { '__NAME__:read': true, '__NAME__:write': false });
});

test('an admin writes', () => {
  assert.equal(permissions('member', 'admin')['__NAME__:write'], true);
});

test('a service that acts for itself is somebody else\'s business', () => {
  assert.deepEqual(decide({ machine: { service: 'wiki' } }), { decision: 'abstain' });
});

test('a question of ours is genuine, and any other is not', () => {
  assert.ok(isGenuine(KEY, HEADERS, BODY, SENT));
  assert.ok(isGenuine(KEY, HEADERS, BODY, SENT + 300));
  assert.ok(!isGenuine(KEY, HEADERS, `${BODY} `, SENT));
  assert.ok(!isGenuine(KEY, HEADERS, BODY, SENT + 301));
  assert.ok(!isGenuine(KEY, HEADERS, BODY, SENT - 301));
  assert.ok(!isGenuine(keyOf('another secret, long enough'), HEADERS, BODY, SENT));
  for (const name of Object.keys(HEADERS)) assert.ok(!isGenuine(KEY, { ...HEADERS, [name]: undefined }, BODY, SENT), name);
});

test('who has no signature gets no answer', async (t) => {
  const server = serve('a secret of 16 bytes or more').listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, { method: 'POST', body: '{}' });
  assert.equal(answer.status, 401);
});
