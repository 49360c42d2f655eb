// A person at a browser without JavaScript: a cookie jar that follows redirects and fills in forms.
//
// It knows the pages only by their stable hooks (`data-page` and the ids of forms and buttons), so it also proves
// that the pages are plain HTML forms.

import assert from 'node:assert/strict';

export const issuer = process.env.INTEROP_ISSUER;
assert.ok(issuer, 'run me by interop/with-hospes');

export const PASSWORD = 'correct horse battery staple';

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decode(text) {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, name) => {
    if (name[0] !== '#') return entities[name] ?? whole;
    return String.fromCodePoint(name[1].toLowerCase() === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1)));
  });
}

function attributes(tag) {
  const found = {};
  for (const [, name, , double, single, bare] of tag.matchAll(
    /\s([\w:-]+)(\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g,
  )) {
    found[name.toLowerCase()] = decode(double ?? single ?? bare ?? '');
  }
  return found;
}

/** A page of ours, read into its forms. */
export class Page {
  constructor(url, response, html) {
    this.url = url;
    this.status = response.status;
    this.headers = response.headers;
    this.html = html;
    this.name = attributes(html.match(/<body\b[^>]*>/i)?.[0] ?? '')['data-page'];
    this.error = html.match(/data-error="([^"]*)"/)?.[1];
    this.forms = [...html.matchAll(/<form\b[^>]*>([\s\S]*?)<\/form>/gi)].map(([whole, inner]) => {
      const form = attributes(whole.match(/<form\b[^>]*>/i)[0]);
      const inputs = [...inner.matchAll(/<input\b[^>]*>/gi)].map(([tag]) => attributes(tag));
      const selects = [...inner.matchAll(/<select\b[^>]*>/gi)].map(([tag]) => attributes(tag));
      const buttons = [...inner.matchAll(/<button\b[^>]*>/gi)].map(([tag]) => attributes(tag));
      return { id: form.id, method: (form.method ?? 'get').toLowerCase(), action: form.action ?? '', inputs, selects, buttons };
    });
  }

  /** The form that a button belongs to. */
  formOf(id) {
    for (const form of this.forms) {
      const button = form.buttons.find((button) => button.id === id);
      if (button) return { form, button };
    }
    throw new Error(`no button ${id} on the page ${this.name} (${this.status}) at ${this.url}: ${this.html}`);
  }

  fields(id) {
    const form = this.forms.find((form) => form.id === id);
    assert.ok(form, `no form ${id} on the page ${this.name}`);
    return Object.fromEntries(form.inputs.map((input) => [input.name, input.value ?? '']));
  }
}

export class Person {
  #cookies = new Map();

  /** `homes` are those who draw the pages. */
  constructor(username, password = PASSWORD, ...homes) {
    this.homes = (homes.length ? homes : [issuer]).map((home) => new URL(home).origin);
    this.username = username;
    this.password = password;
    this.visited = [];
  }

  async #send(url, init = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...init.headers },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...rest] = line.split(';');
      const at = pair.indexOf('=');
      const gone = rest.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute));
      if (gone) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /** Follows redirects while they stay with us; the answer is a page, or the URL that leads away. */
  async #follow(url, init) {
    for (let hops = 0; hops < 12; hops += 1) {
      const response = await this.#send(url, init);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || !location) {
        return new Page(url, response, await response.text());
      }
      assert.notEqual(response.status, 307, 'a 307 would send the form (and the password) on');
      await response.arrayBuffer();
      const next = new URL(location, url);
      if (!this.homes.includes(next.origin)) return next;
      url = next.href;
      init = undefined;
    }
    throw new Error(`too many redirects, now at ${url}`);
  }

  visit(url) {
    return this.#follow(String(url));
  }

  /** Presses a button, with the form's fields as they stand on the page and `changes` typed in; `null` unticks. */
  press(page, id, changes = {}) {
    const { form, button } = page.formOf(id);
    assert.equal(form.method, 'post');
    const body = new URLSearchParams();
    for (const input of form.inputs) {
      if (!input.name || changes[input.name] === null) continue;
      if ((input.type === 'checkbox' || input.type === 'radio') && !('checked' in input)) continue;
      if (!(input.name in changes)) body.append(input.name, input.value ?? '');
    }
    for (const [name, value] of Object.entries(changes)) if (value !== null) body.append(name, value);
    if (button.name) body.append(button.name, button.value ?? '');
    return this.#follow(new URL(form.action || page.url, page.url).href, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(page.url).origin },
    });
  }

  /**
   * Goes through an authorization as far as it leads: logs in, goes on with the account, allows.
   * The answer is the URL that leads back to the client, or `{ action, parameters }` of a posted form.
   */
  async authorize(url, { answer = 'consent-allow', untick = [] } = {}) {
    this.visited = [];
    let page = await this.visit(url);
    for (let steps = 0; steps < 8 && page instanceof Page; steps += 1) {
      this.visited.push(page.name);
      switch (page.name) {
        case 'login':
          page = await this.press(page, 'login-submit', { username: this.username, password: this.password });
          break;
        case 'account':
          page = await this.press(page, 'account-continue');
          break;
        case 'consent':
          page = await this.press(page, answer, Object.fromEntries(untick.map((value) => [`scope:${value}`, null])));
          break;
        case 'form-post': {
          const form = page.forms.find((form) => form.id === 'form-post') ?? page.forms[0];
          const parameters = new URLSearchParams(form.inputs.filter((i) => i.name).map((i) => [i.name, i.value ?? '']));
          return { action: form.action, parameters };
        }
        default:
          throw new Error(`stuck on the page ${page.name} (${page.status}, ${page.error}) at ${page.url}: ${page.html}`);
      }
    }
    assert.ok(page instanceof URL, `no way back to the client; pages: ${this.visited.join(', ')}`);
    return page;
  }
}
