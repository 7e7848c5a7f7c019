//! The program itself: its file, its process, its command line.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { basename, join } from 'node:path';
import { BINARY, freePort, isFree, ROOT, run, until } from './index.mjs';

/** A running server, or several with one file's wishes on different ports. */
export class Countersign {
  /**
   * Writes a file and starts the server on it.
   *
   * `body` is TOML, or a function of the origin; it must not hold `[server]`, `[observability]` or `[rate_limit]`.
   */
  static async start(stage, body, { args = [], ...options } = {}) {
    const server = await Countersign.prepare(stage, body, options);
    await server.serve(args);
    return server;
  }

  /** Writes the file only. */
  static async prepare(stage, body, { port, folder, server = '', log = 'info', limits = '', env = {}, dataDir = 'data' } = {}) {
    const self = new Countersign();
    self.stage = stage;
    self.port = port ?? await freePort();
    self.origin = `http://localhost:${self.port}`;
    self.folder = folder ?? await stage.folder();
    self.config = join(self.folder, `providers-${self.port}.toml`);
    self.env = { PATH: process.env.PATH, HOME: self.folder, NO_COLOR: '1', ...env };
    await mkdir(self.folder, { recursive: true });
    await writeFile(self.config, `
[server]
issuer = "${self.origin}"
listen = ["127.0.0.1:${self.port}"]
data_dir = "${dataDir}"
drain_delay = "0s"
shutdown_grace = "2s"
${server}

[observability]
log_format = "json"
log_level = "${log}"

[rate_limit]
exempt = ["127.0.0.1/32", "::1/128"]
${limits}

${typeof body === 'function' ? body(self.origin) : body}
`);
    return self;
  }

  /**
   * The first command of a newcomer: no file, no arguments, an empty folder.
   *
   * On the port where dev mode always stands; where somebody stands there already, on another, by a copy of the built-in file.
   */
  static async devMode(stage, folder) {
    const self = new Countersign();
    const usual = 8383;
    self.stage = stage;
    self.folder = folder ?? await stage.folder();
    self.port = await isFree(usual) ? usual : await freePort();
    self.origin = `http://localhost:${self.port}`;
    self.env = { PATH: process.env.PATH, HOME: self.folder };
    if (self.port !== usual) {
      const file = await readFile(join(ROOT, 'providers.toml'), 'utf8');
      const moved = file.replace('# listen = ', 'listen = ').replaceAll(`:${usual}`, `:${self.port}`);
      await writeFile(join(self.folder, 'providers.toml'), moved);
    }
    await self.#begin([]);
    return self;
  }

  /** Another process for the same origin, file and data, listening elsewhere; not yet started. */
  static async twinOf(other) {
    const twin = Object.assign(new Countersign(), other, { process: undefined, port: await freePort() });
    twin.config = join(other.folder, `providers-${twin.port}.toml`);
    const file = await readFile(other.config, 'utf8');
    await writeFile(twin.config, file.replace(`listen = ["127.0.0.1:${other.port}"]`, `listen = ["127.0.0.1:${twin.port}"]`));
    return twin;
  }

  /** The same server with another working directory. */
  async moveTo(folder) {
    const config = join(folder, basename(this.config));
    await copyFile(this.config, config);
    Object.assign(this, { folder, config });
  }

  /** Starts the process and waits until it says that it is ready. */
  serve(args = []) {
    return this.#begin(['serve', '--config', this.config, ...args]);
  }

  async #begin(args) {
    this.process = this.stage.start(BINARY, args, { cwd: this.folder, env: this.env });
    await until(`${this.origin} is ready`, async () => {
      if (this.process.isGone) {
        throw Object.assign(new Error(`the server ended\n${this.process.output}`), { isFinal: true });
      }
      return (await this.api('/health/ready')).status === 200;
    });
    return this;
  }

  /** One command of the command line, on the same file. */
  command(args, input) {
    const file = this.config ? ['--config', this.config] : [];
    return run(BINARY, [...file, ...args], { cwd: this.folder, env: this.env, input });
  }

  /** A user with a password, made as an admin makes one. */
  addUser({ email, name, password, role }) {
    const roles = role ? ['--role', role] : [];
    return this.command(['user', 'add', '--email', email, '--name', name, ...roles, '--password-stdin'], `${password}\n`);
  }

  /** One answer of this very process, whatever port its origin names: the host is the origin's, as behind a balancer. */
  api(path, { method = 'GET', headers = {}, body, token } = {}) {
    const { host } = new URL(this.origin);
    const form = body instanceof URLSearchParams ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
    const login = token ? { 'auth-token': token } : {};
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: this.port, path, method, agent: false, headers: { host, ...form, ...login, ...headers } }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part) => { text += part; }).on('error', reject).on('end', () => {
          const isJson = /json/.test(answer.headers['content-type'] ?? '');
          resolve({ status: answer.statusCode, headers: new Headers(Object.entries(answer.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one]))), text, body: isJson ? JSON.parse(text) : undefined });
        });
      });
      request.on('error', reject).end(body?.toString());
    });
  }
}

/** Three people nobody has to prove to be: an admin, a member, and a locked one. */
export const PEOPLE = `
[providers.people]
kind = "dev"
users = [
  { name = "Ada", email = "ada@dev.test", roles = ["admin"] },
  { name = "Bob", email = "bob@dev.test" },
  { name = "Cy", email = "cy@dev.test", locked = true },
]
[roles.admin]
[roles.member]
`;

/** A service whose people come back to `next`. */
export function service(id, next, more = '') {
  return `
[services.${id}]
name = "Team ${id}"
next_urls = ["${next}"]
${more}
`;
}
