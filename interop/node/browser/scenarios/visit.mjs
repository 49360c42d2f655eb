// One person in a browser of their own, at one host app.

import assert from 'node:assert/strict';
import * as guests from './guest.mjs';

/** Waits for the first of several locators. */
const either = (first, ...rest) => rest.reduce((all, next) => all.or(next), first).first();

export class Visit {
  #complaints = [];
  #tolerated;
  #isServerAway = false;

  constructor(host, guest, profile) {
    Object.assign(this, { host, guest, profile, pictures: process.env.SCENARIO_PICTURES });
    profile.setDefaultTimeout(15_000);
    profile.on('response', (response) => {
      const { origin } = new URL(response.url());
      if (response.status() >= 500 && [host.issuer, host.origin].includes(origin) && !this.#isServerAway) {
        this.#complaints.push(`${response.status()} ${response.url()}`);
      }
    });
    // A policy that blocks something of the host's own says so here.
    profile.on('console', (message) => {
      const [type, text] = [message.type(), message.text()];
      if (type === 'error' && !/Failed to load resource|net::ERR/.test(text) && !this.#tolerated?.test(text)) this.#complaints.push(text);
    });
    profile.on('weberror', (error) => this.#complaints.push(String(error.error())));
  }

  static async open(browser, { host, guest, ...options }) {
    const visit = new Visit(host, guest, await browser.newContext({ locale: 'en', ...options }));
    visit.page = await visit.profile.newPage();
    return visit;
  }

  async close() {
    await this.profile.close();
    assert.deepEqual(this.#complaints, []);
  }

  /** What the scenario is about may be complained of in the console. */
  tolerates(pattern) {
    this.#tolerated = pattern;
  }

  newTab() {
    return this.profile.newPage();
  }

  ask(extra) {
    return guests.ask(this.host, this.guest, extra);
  }

  consent(page = this.page) {
    return this.host.consent(page);
  }

  /** The page with the question, for `who`: after a login where one is asked for. */
  async question(extra, { page = this.page, who = 'ada' } = {}) {
    const asked = await this.ask(extra);
    await page.goto(asked.href);
    await this.logInIfAsked({ page, who });
    await this.consent(page).heading.waitFor();
    return asked;
  }

  async logInIfAsked({ page = this.page, who = 'ada' } = {}) {
    const { host } = this;
    await either(host.login(page), this.consent(page).heading, page.locator('[data-page="guest"]')).waitFor();
    if (!(await host.login(page).isVisible())) return;
    await host.signIn(page, who);
    await either(this.consent(page).heading, page.locator('[data-page="guest"]')).waitFor();
  }

  /** Where the guest's own page is there. */
  atGuest(page = this.page) {
    return page.locator('[data-page="guest"]').waitFor();
  }

  answer(asked) {
    return guests.answerTo(this.host, this.guest, asked);
  }

  async tokens(asked) {
    return guests.tokensFor(this.host, asked, await this.answer(asked));
  }

  /** Answers that came, also none. */
  answers(asked) {
    return this.guest.answers(asked);
  }

  /** Allows, and has the tokens. */
  async allow(asked, page = this.page) {
    await this.consent(page).allow.click();
    await this.atGuest(page);
    return this.tokens(asked);
  }

  /** What a click would send; it is held back for good. */
  async heldSubmit(click, page = this.page) {
    const sent = new Promise((resolve) => {
      page.route('**/*', async (route) => {
        const request = route.request();
        if (request.method() !== 'POST') return route.continue();
        const headers = await request.allHeaders();
        const kept = Object.entries(headers).filter(([name]) => !/^(:|cookie$|content-length$|host$|connection$)/.test(name));
        resolve({ url: request.url(), headers: Object.fromEntries(kept), data: request.postData() ?? '' });
        return route.abort();
      });
    });
    await click();
    const submit = await sent;
    await page.unroute('**/*');
    return submit;
  }

  /** A network on which nothing that is posted arrives before `release`; it counts what was sent. */
  async slowNetwork(page = this.page) {
    const network = { posts: 0 };
    const held = new Promise((resolve) => (network.release = resolve));
    await page.route('**/*', async (route) => {
      if (route.request().method() === 'POST') {
        network.posts += 1;
        await held;
      }
      // What took the place of a request has ended it.
      await route.continue().catch(() => {});
    });
    return network;
  }

  /** Sends what was held back with the cookies of this browser, and goes where the answer leads; the code, if one comes. */
  async follow({ url, ...submit }) {
    let response = await this.profile.request.post(url, { ...submit, maxRedirects: 0 });
    for (let hops = 0; hops < 8; hops += 1) {
      assert.ok(response.status() < 500, `${response.status()} ${response.url()}`);
      const told = /json/.test(response.headers()['content-type'] ?? '') ? Object.values(await response.json()) : [];
      const next = response.headers().location ?? told.find((value) => /^https?:/.test(value));
      if (!next) return undefined;
      const target = new URL(next, response.url());
      if (target.origin === this.guest.origin) return target.searchParams.get('code') ?? undefined;
      assert.ok([this.host.issuer, this.host.origin].includes(target.origin), `it leads to ${target}`);
      response = await this.profile.request.get(target.href, { maxRedirects: 0 });
    }
    return assert.fail(`too many redirects, now at ${response.url()}`);
  }

  /** The next post arrives, and what is answered to it does not. */
  async loseAnswer(click, page = this.page) {
    const lost = new Promise((resolve) => {
      page.route('**/*', async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        await route.fetch({ maxRedirects: 0 });
        await route.abort('connectionreset');
        return resolve();
      });
    });
    await click();
    await lost;
    await page.unroute('**/*');
  }

  async whileServerIsAway(tell) {
    this.#isServerAway = true;
    await this.host.serverDown();
    try {
      await tell();
    } finally {
      await this.host.serverUp();
    }
    this.#isServerAway = false;
  }

  /** What people do on a page that says that it did not work. */
  async tryAgain(page = this.page) {
    if (this.host.retry) return this.host.retry(page);
    // A page of the browser's own has a button that sends the form again.
    if (page.url().startsWith('chrome-error:')) return page.reload();
    const again = page.getByRole('button', { name: /again|retry/i }).or(page.getByRole('link', { name: /again|retry/i }));
    return ((await again.count()) ? again.first() : this.consent(page).allow).click();
  }

  /** What a page says, with what stands in shadow roots. */
  async text(page = this.page) {
    return page.evaluate(() => {
      const words = (node) => {
        if (node.nodeType === Node.TEXT_NODE) return node.data;
        if (node.nodeType === Node.ELEMENT_NODE && (/^(style|script|template)$/i.test(node.tagName) || !node.checkVisibility())) return '';
        const children = node.tagName === 'SLOT' ? node.assignedNodes() : (node.shadowRoot ?? node).childNodes;
        return [...children].map(words).join(' ');
      };
      return words(document.body).replace(/\s+/g, ' ').trim();
    });
  }

  /** A page that says in words why it cannot go on: with a heading, and without a button that allows. */
  async isOver(page = this.page) {
    const words = await this.text(page);
    assert.ok(!(await this.consent(page).allow.isVisible()), `it can still be allowed: ${words}`);
    assert.ok(await page.getByRole('heading').first().isVisible(), `no heading: ${words}`);
    assert.match(words, /expired|already|finished|no longer|answered|over\b|start again|begin again/i);
  }
}
