//! What the tests of the running program play on: real processes on loopback, all of them gone when the test ends.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const BINARY = process.env.COUNTERSIGN_BINARY ?? join(ROOT, 'target/debug/countersign');

/** How long anything may take that is not itself under test. */
export const PATIENCE_MS = 30_000;

export class Stage {
  #undo = [];

  /** Ends with the test `t`, or with the suite when `t` is node's own `after` holder. */
  static for(t) {
    const stage = new Stage();
    t.after(() => stage.close());
    return stage;
  }

  /** Whatever was opened last is closed first. */
  later(undo) {
    this.#undo.push(undo);
  }

  async close() {
    while (this.#undo.length > 0) {
      await this.#undo.pop()();
    }
  }

  async folder() {
    const path = await mkdtemp(join(tmpdir(), 'countersign-'));
    this.later(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  /** Starts a program; its whole output is kept. */
  start(program, args, options = {}) {
    const child = new Child(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options }), program);
    this.later(() => child.stop());
    return child;
  }

  /** Listens with a node server on a port of the system's choice; answers the port. */
  async listen(server) {
    await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    this.later(() => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections?.();
    }));
    return server.address().port;
  }
}

/** A running program. */
export class Child {
  output = '';
  #gone;

  constructor(child, name) {
    this.child = child;
    this.name = name;
    for (const pipe of [child.stdout, child.stderr]) {
      pipe?.setEncoding('utf8').on('data', (text) => { this.output += text; });
    }
    this.#gone = new Promise((resolve) => {
      child.once('error', (error) => { this.output += `${error}\n`; resolve(); });
      child.once('close', resolve);
    });
    process.once('exit', () => child.kill('SIGKILL'));
  }

  get isGone() {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }

  get exit() {
    return this.#gone.then(() => this.child.exitCode);
  }

  async kill(signal = 'SIGKILL') {
    if (!this.isGone) this.child.kill(signal);
    await this.#gone;
  }

  /** Asks it to end, and insists after a while. */
  async stop() {
    if (this.isGone) return;
    const insist = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
    await this.kill('SIGTERM');
    clearTimeout(insist);
  }
}

/** Runs a program to its end. */
export async function run(program, args, { input = '', ...options } = {}) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const texts = ['', ''];
  [child.stdout, child.stderr].forEach((pipe, at) => pipe.setEncoding('utf8').on('data', (text) => { texts[at] += text; }));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) {
    throw new Error(`${program} ${args.join(' ')} ended with ${code}\n${texts.join('\n')}`);
  }
  return texts[0];
}

/** A port nobody listens on at this moment. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Whether nobody listens on the port at this moment. */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Asks again and again until the answer is true; fails with the last mistake when patience ends. */
export async function until(what, question, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  let mistake;
  while (Date.now() < end) {
    try {
      const answer = await question();
      if (answer) return answer;
    } catch (error) {
      if (error?.isFinal) throw error;
      mistake = error;
    }
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
  throw new Error(`waited in vain: ${what}${mistake ? `: ${mistake}` : ''}`);
}
