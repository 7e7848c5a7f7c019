//! Upstreams that nobody here wrote: `emulate` plays GitHub and Google, `oidc-provider` is a certified OpenID provider.
//!
//! What `emulate` 0.12.2 gets wrong against the real ones (the tests in `counterparts.test.mjs` hold it to this list):
//!
//! GitHub
//! - REST stands at the root of the host; the real one at api.github.com, and below /api/v3 on an Enterprise Server.
//! - PKCE is ignored; the real one checks a challenge that was sent.
//! - `/user/emails` always has exactly one address, primary and verified; the real one lists all, and any may be unverified.
//! - There is no way to refuse; the real one has Cancel and sends `error=access_denied` with the state.
//! - The code is bound neither to the client nor to `redirect_uri`; the real one binds it to both.
//! - A person who agreed before is asked again; the real one sends the browser straight back.
//! - No `User-Agent` is demanded; the real API answers 403 without one.
//! - People `admin` and `ghost` exist unasked. `/user/teams` does not exist.
//!
//! Google
//! - `iss` is the emulator's own origin; the real one is https://accounts.google.com.
//! - Discovery promises `client_secret_basic`, but only `client_secret_post` works; the real one takes both.
//! - ID tokens lack `azp` and `at_hash`; subjects start with `goog_`; the real ones are up to 255 digits.
//! - The code is bound neither to the client nor to `redirect_uri`; `prompt`, `hd` and `login_hint` are ignored.
//! - There is no way to refuse, and no consent screen.
//!
//! Where a difference matters, the Rust tests have fakes of the real form, and the program speaks the real form.
import { createServer } from 'node:http';
import { createEmulator } from 'emulate';
import Provider from 'oidc-provider';

export const CLIENT = { id: 'countersign-client', secret: 'a secret that only the upstream and we know' };

/** One shared address, so that two upstreams can vouch for the same person. */
export const ADA = 'ada@example.org';

/** GitHub, with Ada, and Grace whom nobody else knows. */
export async function github(stage, redirectUris, port = 0) {
  const people = [
    { login: 'ada', name: 'Ada Lovelace', email: ADA },
    { login: 'grace', name: 'Grace Hopper', email: 'grace@example.org' },
    { login: 'silent', name: 'No Public Address', email: null },
  ];
  const seed = {
    github: {
      users: people,
      orgs: [{ login: 'acme', name: 'Acme', members: [{ login: 'ada', role: 'admin' }] }],
      oauth_apps: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, name: 'Countersign', redirect_uris: redirectUris }],
    },
  };
  return emulator(stage, 'github', seed, port);
}

/** Google, with Ada, Carol of a hosted domain, and Dora whose address is unverified. */
export async function google(stage, redirectUris, port = 0) {
  const seed = {
    google: {
      users: [
        { email: ADA, name: 'Ada Lovelace' },
        { email: 'carol@acme.test', name: 'Carol Shaw', hd: 'acme.test' },
        { email: 'dora@example.org', name: 'Dora', email_verified: false },
      ],
      oauth_clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, name: 'Countersign', redirect_uris: redirectUris }],
    },
  };
  return emulator(stage, 'google', seed, port);
}

async function emulator(stage, service, seed, port) {
  const upstream = await createEmulator({ service, port, seed });
  const running = new Upstream(upstream.url, () => upstream.close());
  stage.later(() => running.stop());
  return running;
}

/**
 * A certified OpenID provider; whoever types a login is that person, at example.org, and one of `groups`. For whom is in `gone` there
 * is no account any more.
 */
export async function oidc(stage, redirectUris, wanted = 0) {
  const server = createServer();
  const port = await new Promise((resolve) => { server.listen(wanted, '127.0.0.1', () => resolve(server.address().port)); });
  const issuer = `http://localhost:${port}`;
  const world = { groups: ['crew'], gone: new Set() };
  const provider = quietly(() => new Provider(issuer, {
    clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: redirectUris, grant_types: ['authorization_code', 'refresh_token'] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
    findAccount: (_, login) => world.gone.has(login) ? undefined : ({
      accountId: login,
      claims: () => ({
        sub: login,
        email: `${login}@example.org`,
        email_verified: !login.startsWith('unverified'),
        name: `${login[0].toUpperCase()}${login.slice(1)}`,
        preferred_username: login,
        groups: world.groups,
      }),
    }),
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ['only for tests'] },
    jwks: undefined,
  }));
  server.on('request', provider.callback());
  const running = new Upstream(issuer, () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  }));
  stage.later(() => running.stop());
  return Object.assign(running, { world });
}

/** oidc-provider says at length that its development defaults are not for production; here they are meant. */
function quietly(work) {
  const { warn, info } = console;
  console.warn = console.info = () => {};
  try {
    return work();
  } finally {
    Object.assign(console, { warn, info });
  }
}

/** An upstream that can go down in the middle of a sign-in. */
export class Upstream {
  #stop;

  constructor(url, stop) {
    this.url = url;
    this.#stop = stop;
  }

  async stop() {
    const stop = this.#stop;
    this.#stop = async () => {};
    await stop();
  }
}

/** The sections that make a server use these upstreams; each may be missing. */
export function sections({ google, github, corp }) {
  const client = `client_id = "${CLIENT.id}"\nclient_secret = "${CLIENT.secret}"`;
  return [
    google && `[providers.google]\nissuer = "${google.url}"\n${client}`,
    github && `[providers.github]\nbase_url = "${github.url}"\napi_url = "${github.url}"\n${client}`,
    corp && `[providers.corp]\nkind = "oidc"\nname = "Corporate SSO"\nissuer = "${corp.url}"\nscopes = ["openid", "email", "profile"]\n${client}`,
  ].filter(Boolean).join('\n\n');
}

/** Where each upstream must send the browser back to. */
export function callbacks(origin) {
  return { google: [`${origin}/login/google/callback`], github: [`${origin}/login/github/callback`], corp: [`${origin}/login/corp/callback`] };
}
