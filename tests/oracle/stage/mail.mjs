//! A real mail server that keeps what it is given, in the three ways a client may connect.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { run, until } from './index.mjs';

/** What a client must say to be let in, if it says anything. */
export const MAIL_PASSWORD = 'canary mail password 5f0a';

/** A certificate for localhost under an authority of its own; answers the paths. */
export async function certificate(stage) {
  const folder = await stage.folder();
  const at = (name) => join(folder, name);
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=Test authority', '-keyout', at('ca.key'), '-out', at('ca.pem'), '-addext', 'basicConstraints=critical,CA:true']);
  await run('openssl', ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost',
    '-keyout', at('leaf.key'), '-out', at('leaf.csr')]);
  await writeFile(at('leaf.ext'), 'subjectAltName=DNS:localhost\nbasicConstraints=CA:false\n');
  await run('openssl', ['x509', '-req', '-in', at('leaf.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial',
    '-days', '2', '-out', at('leaf.pem'), '-extfile', at('leaf.ext')]);
  return { ca: at('ca.pem'), cert: at('leaf.pem'), key: at('leaf.key') };
}

/** Takes mail. `security` is `none`, `starttls` or `tls`, in the words of `[mail]`. */
export class MailServer {
  mails = [];

  static async start(stage, security = 'none', tls = undefined) {
    const self = new MailServer();
    self.security = security;
    self.tls = security === 'none' ? undefined : tls ?? await certificate(stage);
    self.sessions = [];
    const server = new SMTPServer({
      secure: security === 'tls',
      hideSTARTTLS: security !== 'starttls',
      key: self.tls && await readFile(self.tls.key),
      cert: self.tls && await readFile(self.tls.cert),
      authOptional: true,
      onAuth: (auth, _, done) => (auth.username === 'countersign' && auth.password === MAIL_PASSWORD
        ? done(null, { user: auth.username })
        : done(new Error('who are you?'))),
      onRcptTo: (address, _, done) => (address.address.startsWith('refused')
        ? done(Object.assign(new Error('no such mailbox'), { responseCode: 550 }))
        : done()),
      onData: (stream, session, done) => {
        simpleParser(stream).then((mail) => {
          self.sessions.push({ secure: session.secure, user: session.user });
          self.mails.push(mail);
          done();
        }, done);
      },
    });
    server.on('error', () => {});
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    self.port = server.server.address().port;
    stage.later(() => new Promise((resolve) => { server.close(resolve); }));
    return self;
  }

  /** The section that makes a server send its mail here. */
  section(more = '') {
    return `
[mail]
transport = "smtp"
from = "Countersign <auth@example.org>"
host = "localhost"
port = ${this.port}
security = "${this.security}"
${this.tls ? `ca_file = "${this.tls.ca}"` : ''}
${more}
`;
  }

  /** The `count`th mail to an address, once it is there. */
  to(address, count = 1) {
    return until(`mail ${count} to ${address}`, () => this.mails.filter((mail) => mail.to.value.some((to) => to.address === address))[count - 1]);
  }
}

/** The one link of a mail below `origin`, and the code that may be typed instead. */
export function read(mail, origin) {
  const links = [...mail.text.matchAll(/https?:\/\/[^\s<>"]+/g)].map(([link]) => link).filter((link) => link.startsWith(origin));
  if (links.length !== 1) throw new Error(`${links.length} links in the mail:\n${mail.text}`);
  const code = /(?<!\d)(\d{6,10})(?!\d)/.exec(mail.text.replaceAll(links[0], ''))?.[1];
  return { link: links[0], code };
}
