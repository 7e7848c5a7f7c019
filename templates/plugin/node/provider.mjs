// Says what people may do, when Countersign asks: `decide` is the part to change.
//
//   export __SECRET__=...       # the same as the server's, 16 bytes or more
//   node provider.mjs           # listens on 127.0.0.1:9000, or on $PORT
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const LONGEST = 1024 * 1024; // of a question, in bytes
const TOLERANCE = 5 * 60; // how old a question may be, in seconds

/** The answer to one question of the contract. */
export function decide({ user }) {
  if (!user) return { decision: 'abstain' }; // a service acts for itself
  const mayWrite = user.roles.includes('admin');
  return { permissions: { '__NAME__:read': true, '__NAME__:write': mayWrite }, cache_ttl: 60 };
}

/** The bytes that sign: `whsec_` and base64, or any other text as it stands. */
export function keyOf(secret) {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
}

/** Whether somebody with the key asked this, and just now (Standard Webhooks). */
export function isGenuine(key, headers, body, now) {
  const { 'webhook-id': id = '', 'webhook-timestamp': sent = '', 'webhook-signature': given = '' } = headers;
  if (!/^\d{1,11}$/.test(sent) || Math.abs(now - Number(sent)) > TOLERANCE) return false;
  const wanted = Buffer.from(`v1,${createHmac('sha256', key).update(`${id}.${sent}.`).update(body).digest('base64')}`);
  const isSame = (text) => text.length === wanted.length && timingSafeEqual(text, wanted);
  return given.split(' ').map((each) => isSame(Buffer.from(each))).includes(true);
}

/** A server that is ready to listen. */
export function serve(secret) {
  const key = keyOf(secret);
  const server = createServer({ requestTimeout: 10_000 }, async (request, response) => {
    const answer = (status, body = '') => response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    try {
      const chunks = [];
      let length = 0;
      for await (const chunk of request) {
        length += chunk.length;
        if (length > LONGEST) return void answer(413);
        chunks.push(chunk);
      }
      const body = Buffer.concat(chunks);
      if (!isGenuine(key, request.headers, body, Date.now() / 1000)) return void answer(401);
      answer(200, JSON.stringify(decide(JSON.parse(body))));
    } catch (error) {
      console.error(error);
      if (!response.headersSent) answer(500);
    }
  });
  return server;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const secret = process.env.__SECRET__ ?? '';
  if (secret.length < 16) {
    console.error('set __SECRET__ to the secret of the section, 16 bytes or more');
    process.exit(1);
  }
  const server = serve(secret).listen(Number(process.env.PORT ?? 9000), '127.0.0.1', () => {
    console.log(`listening on http://127.0.0.1:${server.address().port}/`);
  });
}
