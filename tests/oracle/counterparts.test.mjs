//! The counterparts start, answer, and differ from the real ones exactly where `stage/upstreams.mjs` says.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { readFile } from 'node:fs/promises';
import { decodeJwt } from 'jose';
import { Stage } from './stage/index.mjs';
import { MailServer } from './stage/mail.mjs';
import { ADA, CLIENT, github, google, oidc } from './stage/upstreams.mjs';

const BACK = 'http://localhost:9/login/x/callback';

/** Chooses a person on an emulator's page; answers where the browser would go. */
async function choose(upstream, path, fields) {
  const answer = await fetch(`${upstream.url}${path}`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ redirect_uri: BACK, state: 's', client_id: CLIENT.id, ...fields }) });
  return new URL(answer.headers.get('location')).searchParams.get('code');
}

test('GitHub: REST at the root, one verified address, PKCE ignored, no teams', async (t) => {
  const upstream = await github(Stage.for(t), [BACK]);
  const redeem = async (code, more = {}) => (await fetch(`${upstream.url}/login/oauth/access_token`, {
    method: 'POST', headers: { accept: 'application/json' }, body: new URLSearchParams({ client_id: CLIENT.id, client_secret: CLIENT.secret, code, ...more }),
  })).json();

  const code = await choose(upstream, '/login/oauth/callback', { login: 'ada', scope: 'read:user user:email read:org', code_challenge: 'x', code_challenge_method: 'S256' });
  const { access_token: token } = await redeem(code, { code_verifier: 'not the one' });
  const get = async (path) => (await fetch(`${upstream.url}${path}`, { headers: { authorization: `Bearer ${token}` } }));

  assert.equal((await (await get('/user')).json()).login, 'ada');
  assert.deepEqual(await (await get('/user/emails')).json(), [{ email: ADA, primary: true, verified: true, visibility: 'public' }]);
  assert.deepEqual((await (await get('/user/orgs')).json()).map(({ login }) => login), ['acme']);
  assert.equal((await get('/user/teams')).status, 404);
  assert.equal((await get('/api/v3/user')).status, 404);
  assert.equal((await redeem(code)).error, 'bad_verification_code');
});

test('Google: discovery, PKCE and nonce are real; Basic authentication and azp are missing', async (t) => {
  const upstream = await google(Stage.for(t), [BACK]);
  const metadata = await (await fetch(`${upstream.url}/.well-known/openid-configuration`)).json();
  assert.equal(metadata.issuer, upstream.url);
  assert.ok(metadata.token_endpoint_auth_methods_supported.includes('client_secret_basic'));
  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const start = () => choose(upstream, '/o/oauth2/v2/auth/callback', { email: ADA, scope: 'openid email profile', nonce: 'n', code_challenge: challenge, code_challenge_method: 'S256' });
  const redeem = async (fields, headers = {}) => (await fetch(metadata.token_endpoint, { method: 'POST', headers, body: new URLSearchParams({ grant_type: 'authorization_code', redirect_uri: BACK, ...fields }) })).json();
  const client = { client_id: CLIENT.id, client_secret: CLIENT.secret };

  assert.equal((await redeem({ ...client, code: await start(), code_verifier: 'another' })).error, 'invalid_grant');
  const basic = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}`;
  assert.equal((await redeem({ code: await start(), code_verifier: verifier }, { authorization: basic })).error, 'invalid_client');
  const { id_token: token } = await redeem({ ...client, code: await start(), code_verifier: verifier });

  const claims = decodeJwt(token);
  assert.equal(claims.nonce, 'n');
  assert.equal(claims.email_verified, true);
  assert.match(claims.sub, /^goog_/);
  assert.equal(claims.azp, undefined);
  assert.equal(claims.at_hash, undefined);
});

test('oidc-provider: strict about PKCE and names itself in the answer', async (t) => {
  const upstream = await oidc(Stage.for(t), [BACK]);
  const metadata = await (await fetch(`${upstream.url}/.well-known/openid-configuration`)).json();
  assert.equal(metadata.issuer, upstream.url);
  assert.equal(metadata.authorization_response_iss_parameter_supported, true);

  const query = new URLSearchParams({ response_type: 'code', client_id: CLIENT.id, redirect_uri: BACK, scope: 'openid', state: 's' });
  const answer = await fetch(`${metadata.authorization_endpoint}?${query}`, { redirect: 'manual' });

  const back = new URL(answer.headers.get('location'));
  assert.equal(back.searchParams.get('error'), 'invalid_request');
  assert.equal(back.searchParams.get('iss'), upstream.url);
});

test('the mail server greets in the clear, and with TLS from the first byte', async (t) => {
  const stage = Stage.for(t);
  const greeting = (socket) => new Promise((resolve, reject) => socket.once('error', reject).once('data', (text) => { socket.destroy(); resolve(String(text)); }));

  const plain = await MailServer.start(stage, 'starttls');
  assert.match(await greeting(net.connect(plain.port, '127.0.0.1')), /^220 /);
  const secure = await MailServer.start(stage, 'tls');
  assert.match(await greeting(tls.connect({ port: secure.port, host: 'localhost', ca: await readFile(secure.tls.ca) })), /^220 /);
});
