//! A browser without pictures: cookies, links and forms over plain HTTP, for tests where only the conversation counts.

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'", '#34': '"', '#38': '&', '#60': '<', '#62': '>' };
const decode = (text) => text.replaceAll(/&(#?\w+);/g, (whole, name) => ENTITIES[name.toLowerCase()] ?? whole);

function attributes(tag) {
  const found = {};
  for (const [, name, double, single, bare] of tag.matchAll(/([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    found[name.toLowerCase()] ??= decode(double ?? single ?? bare ?? '');
  }
  return found;
}

export class Visitor {
  #cookies = new Map();
  /** Where the visitor is, and what is shown there. */
  url;
  status;
  html = '';

  constructor(server) {
    this.server = server;
  }

  /** The same browser: a copy of its cookies. */
  twin(server = this.server) {
    const twin = new Visitor(server);
    twin.#cookies = new Map(this.#cookies);
    return twin;
  }

  get cookies() {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** One request, no redirect followed. */
  async send(url, options = {}) {
    const answer = await fetch(url, {
      redirect: 'manual',
      ...options,
      headers: { cookie: this.cookies, accept: 'text/html', ...options.headers },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [pair, ...rest] = line.split(';');
      const [name, ...value] = pair.split('=');
      const isGone = rest.some((part) => /^\s*max-age=(0|-\d+)\s*$/i.test(part)) || value.join('=') === '';
      if (isGone) this.#cookies.delete(name.trim());
      else this.#cookies.set(name.trim(), value.join('='));
    }
    return answer;
  }

  /** Goes to an address of ours and follows redirects as long as they stay with us; answers where it came to. */
  async go(url, options) {
    let next = new URL(url, this.url ?? this.server.origin);
    let answer;
    for (let hops = 0; hops < 12; hops += 1) {
      this.url = next.href;
      if (next.origin !== this.server.origin) {
        this.html = '';
        this.status = undefined;
        return this.url;
      }
      answer = await this.send(next, hops === 0 ? options : {});
      this.status = answer.status;
      this.html = await answer.text();
      const to = answer.headers.get('location');
      if (answer.status < 300 || answer.status > 399 || !to) return this.url;
      next = new URL(to, next);
    }
    throw new Error(`redirected without end at ${this.url}`);
  }

  /** The link or button with this id: what it would send. */
  find(id, fields = {}) {
    const tag = new RegExp(`<(a|button|input)\\b[^>]*\\sid\\s*=\\s*(["']?)${id}\\2(?=[\\s/>])[^>]*>`, 'i').exec(this.html);
    if (!tag) throw new Error(`no #${id} at ${this.url} (${this.status}):\n${this.html}`);
    const button = attributes(tag[0]);
    if (tag[1].toLowerCase() === 'a') return { url: new URL(button.href, this.url) };

    const before = this.html.slice(0, tag.index);
    const start = before.lastIndexOf('<form');
    const end = this.html.indexOf('</form>', tag.index);
    if (start < 0 || end < 0 || before.indexOf('</form>', start) > 0) throw new Error(`#${id} is in no form at ${this.url}`);
    const form = this.html.slice(start, end);
    const { action, method = 'get' } = attributes(/<form\b[^>]*>/i.exec(form)[0]);
    const body = new URLSearchParams();
    for (const [input] of form.matchAll(/<input\b[^>]*>/gi)) {
      const { name, value = '', type = 'text', id: own, checked } = attributes(input);
      if (!name || type === 'submit' || (['checkbox', 'radio'].includes(type) && checked === undefined)) continue;
      body.append(name, fields[own] ?? fields[name] ?? value);
    }
    if (button.name) body.append(button.name, button.value ?? '');
    const url = new URL(button.formaction || action || this.url, this.url);
    if (method.toLowerCase() === 'get') {
      url.search = body.toString();
      return { url };
    }
    return { url, options: { method: 'POST', body, headers: { origin: this.server.origin } } };
  }

  /** Presses the link or button with this id; `fields` are given by the inputs' ids or names. */
  press(id, fields) {
    const { url, options } = this.find(id, fields);
    return this.go(url, options);
  }

  /** Signs in as the `index`th person of the dev provider; answers the login token that `next` received. */
  async signInAs(index, next) {
    await this.toPeople(next);
    await this.press(`dev-person-${index}`);
    return delivered(this.url).jwt;
  }

  /** Goes as far as the dev provider's page of people. */
  async toPeople(next) {
    const { body } = await this.server.api(`/auth/check?next=${encodeURIComponent(next)}`);
    if (body.authenticated !== false) throw new Error(`signed in already: ${JSON.stringify(body)}`);
    await this.go(body.providers.people.url);
  }
}

/** What came back with `next`, in its query or its fragment. */
export function delivered(url) {
  const { search, hash } = new URL(url);
  return { ...Object.fromEntries(new URLSearchParams(hash.slice(1))), ...Object.fromEntries(new URLSearchParams(search)) };
}
