//! What an extension must be told survives the death of the process: same event, same id, at least once.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Countersign, PEOPLE, service } from './stage/countersign.mjs';
import { Stage, until } from './stage/index.mjs';
import { Visitor } from './stage/visitor.mjs';

const NEXT = 'http://localhost:9/back';
const KEY = randomBytes(32).toString('base64');

/** Listens for webhooks; answers what `status` says at that moment. */
class Receiver {
  status = 503;
  calls = [];

  static async listen(stage) {
    const self = new Receiver();
    self.port = await stage.listen(createServer((request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part)).on('end', () => {
        self.calls.push({ headers: request.headers, body: Buffer.concat(parts).toString(), status: self.status });
        response.writeHead(self.status).end();
      });
    }));
    return self;
  }

  delivered() {
    return this.calls.filter(({ status }) => status < 300);
  }
}

/** Standard Webhooks: HMAC-SHA256 over id, time and body. */
function assertSigned({ headers, body }) {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const mac = createHmac('sha256', Buffer.from(KEY, 'base64')).update(signed).digest('base64');
  assert.ok(headers['webhook-signature'].split(' ').includes(`v1,${mac}`), headers['webhook-signature']);
}

test('an event not yet delivered survives kill -9 and arrives with the same id', async (t) => {
  const stage = Stage.for(t);
  const receiver = await Receiver.listen(stage);
  const server = await Countersign.start(stage, `${PEOPLE}${service('wiki', NEXT)}
[extensions.crm]
kind = "webhook"
url = "http://127.0.0.1:${receiver.port}/hook"
allow_private = true
secret = "whsec_${KEY}"
events = ["user.created", "user.login", "user.logout"]
`);
  const token = await new Visitor(server).signInAs(1, NEXT);
  const { body: { profile } } = await server.api('/auth/check', { token });
  await until('a first attempt', () => receiver.calls.length > 0);

  await server.process.kill('SIGKILL');
  const attempted = receiver.calls.map(({ headers }) => headers['webhook-id']);
  receiver.status = 204;
  await server.serve();

  await until('the events of the sign-in', () => receiver.delivered().some(({ body }) => JSON.parse(body).type === 'user.login'), 180_000);
  for (const id of new Set(attempted)) {
    await until(`${id} again`, () => receiver.delivered().some(({ headers }) => headers['webhook-id'] === id), 180_000);
  }
  receiver.delivered().forEach(assertSigned);
  assert.ok(receiver.delivered().some(({ body }) => body.includes(profile.id)));
  const bodies = Map.groupBy(receiver.calls, ({ headers }) => headers['webhook-id']);
  for (const [id, calls] of bodies) {
    assert.equal(new Set(calls.map(({ body }) => body)).size, 1, `${id} always says the same`);
  }
});

test('a logout is told', async (t) => {
  const stage = Stage.for(t);
  const receiver = await Receiver.listen(stage);
  receiver.status = 204;
  const server = await Countersign.start(stage, `${PEOPLE}${service('wiki', NEXT)}
[extensions.crm]
kind = "webhook"
url = "http://127.0.0.1:${receiver.port}/hook"
allow_private = true
secret = "whsec_${KEY}"
events = ["user.logout"]
`);
  const token = await new Visitor(server).signInAs(1, NEXT);

  await server.api('/auth/logout', { method: 'POST', token });

  const [call] = await until('the event', () => receiver.delivered().length > 0 && receiver.delivered(), 120_000);
  assert.equal(JSON.parse(call.body).type, 'user.logout');
  assertSigned(call);
});
