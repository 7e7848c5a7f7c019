//! Service tokens, verified by libraries that nobody here wrote: PyJWT and jose, by the key set and by PEM.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createRemoteJWKSet, importSPKI, jwtVerify } from 'jose';
import { Countersign, PEOPLE, service } from './stage/countersign.mjs';
import { run, Stage } from './stage/index.mjs';
import { Visitor } from './stage/visitor.mjs';

const NEXT = 'http://localhost:9/back';
const PYTHON = process.env.COUNTERSIGN_PYTHON ?? 'python3';
const ALGORITHMS = { es: 'ES256', ed: 'EdDSA', rs: 'RS256' };

const pyjwt = async (question) => JSON.parse(
  await run(PYTHON, [fileURLToPath(new URL('verify.py', import.meta.url))], { input: JSON.stringify(question) }),
);

describe('a service token', () => {
  const stage = new Stage();
  after(() => stage.close());
  let server;
  let login;
  let userid;

  before(async () => {
    server = await Countersign.start(stage, PEOPLE
      + Object.entries(ALGORITHMS).map(([id, alg]) => service(id, `${NEXT}/${id}`, `token_alg = "${alg}"\npermissions = ["table"]`)).join('')
      + service('map', `${NEXT}/map`, 'permissions = ["table"]\npermissions_format = "map"\naudience = ["https://one.example", "https://two.example"]')
      + service('old', `${NEXT}/old`, 'token_format = "classic"\ntoken_alg = "RS256"\npermissions = ["table"]')
      + `
[keys]
access_token_alg = "RS256"
[permissions.table]
kind = "static"
roles = { member = ["wiki:read"], admin = ["wiki:read", "wiki:write"] }
`);
    login = await new Visitor(server).signInAs(0, `${NEXT}/es`);
    userid = (await server.api('/auth/check', { token: login })).body.profile.id;
  });

  const tokenFor = async (id) => {
    const { status, body } = await server.api(`/auth/authorize?service=${id}`, { token: login });
    assert.equal(status, 200);
    assert.equal(body.service, id);
    assert.equal(body.userid, userid);
    assert.equal(body.token_type, 'Bearer');
    return body.token;
  };
  const pemFor = async (id) => (await server.api(`/auth/public-key?service=${id}`)).text;
  const jwks = () => new URL('/.well-known/jwks.json', server.origin);

  for (const [id, alg] of Object.entries(ALGORITHMS)) {
    test(`${alg} passes jose by the key set and by PEM`, async () => {
      const token = await tokenFor(id);
      const rules = { issuer: server.origin, audience: id, typ: 'at+jwt', algorithms: [alg], requiredClaims: ['exp', 'iat', 'sub', 'jti', 'client_id', 'sid', 'auth_time'] };

      const byKeySet = await jwtVerify(token, createRemoteJWKSet(jwks()), rules);
      const byPem = await jwtVerify(token, await importSPKI(await pemFor(id), alg), rules);

      assert.equal(byKeySet.payload.sub, userid);
      assert.equal(byKeySet.payload.client_id, id);
      assert.deepEqual([...byKeySet.payload.permissions].sort(), ['wiki:read', 'wiki:write']);
      assert.equal(byKeySet.payload.exp - byKeySet.payload.iat, 900);
      assert.deepEqual(byPem.payload, byKeySet.payload);
    });

    test(`${alg} passes PyJWT by the key set and by PEM`, async () => {
      const token = await tokenFor(id);
      const question = { token, alg, audience: id, issuer: server.origin, jwks_url: jwks().href, pem: await pemFor(id) };

      const byKeySet = await pyjwt({ ...question, how: 'jwks' });
      const byPem = await pyjwt({ ...question, how: 'pem' });

      assert.equal(byKeySet.claims?.sub, userid, JSON.stringify(byKeySet));
      assert.deepEqual(byPem, byKeySet);
    });

    test(`${alg} for one service is refused by another`, async () => {
      const token = await tokenFor(id);
      const pem = await pemFor(id);

      await assert.rejects(jwtVerify(token, createRemoteJWKSet(jwks()), { issuer: server.origin, audience: 'another' }), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
      assert.deepEqual(await pyjwt({ token, alg, audience: 'another', issuer: server.origin, pem, how: 'pem' }), { refused: 'InvalidAudienceError' });
    });

    test(`${alg} with one letter changed is refused`, async () => {
      const [head, body, signature] = (await tokenFor(id)).split('.');
      const forged = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(body, 'base64url')), permissions: ['everything'] })).toString('base64url');
      const token = [head, forged, signature].join('.');

      await assert.rejects(jwtVerify(token, createRemoteJWKSet(jwks())), { code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
      assert.deepEqual(await pyjwt({ token, alg, audience: id, issuer: server.origin, pem: await pemFor(id), how: 'pem' }), { refused: 'InvalidSignatureError' });
    });
  }

  test('may carry several audiences and permissions as a map', async () => {
    const { payload } = await jwtVerify(await tokenFor('map'), createRemoteJWKSet(jwks()), { audience: 'https://two.example' });

    assert.deepEqual(payload.aud, ['https://one.example', 'https://two.example']);
    assert.deepEqual(payload.permissions, { 'wiki:read': true, 'wiki:write': true });
  });

  test('of the classic form passes the verifier that callers of the ancestor run', async () => {
    const token = await tokenFor('old');
    const pem = await pemFor('old');

    const answers = [
      await pyjwt({ token, pem, how: 'classic' }),
      await pyjwt({ token, pem, how: 'shipped-by-key' }),
      await pyjwt({ token, auth_endpoint: `${server.origin}/auth/`, how: 'shipped-by-address' }),
    ];

    for (const { claims } of answers) {
      assert.deepEqual(Object.keys(claims).sort(), ['exp', 'iat', 'iss', 'jti', 'permissions', 'service', 'userid']);
      assert.equal(claims.userid, userid);
      assert.equal(claims.service, 'old');
      assert.deepEqual(claims.permissions, { 'wiki:read': true, 'wiki:write': true });
    }
  });

  test('that names an audience is refused by the classic verifier', async () => {
    const answer = await pyjwt({ token: await tokenFor('rs'), pem: await pemFor('rs'), how: 'classic' });

    assert.deepEqual(answer, { refused: 'InvalidAudienceError' });
  });

  test('has its key in the key set under its own name, with nothing private', async () => {
    const { keys } = (await server.api('/.well-known/jwks.json')).body;

    for (const key of keys) {
      assert.deepEqual(Object.keys(key).filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'].includes(name)), []);
      assert.equal(key.use, 'sig');
    }
    for (const id of Object.keys(ALGORITHMS)) {
      const { kid } = JSON.parse(Buffer.from((await tokenFor(id)).split('.')[0], 'base64url'));
      assert.ok(keys.some((key) => key.kid === kid && key.alg === ALGORITHMS[id]), `${kid} in ${JSON.stringify(keys)}`);
      assert.equal((await server.api(`/auth/public-key?service=${id}`)).headers.get('x-key-id'), kid);
    }
  });
});
