// What every element does the same way: options, language, focus, frames, and the screen for what went wrong.

import { html, nothing, type TemplateResult } from 'lit-html';
import { clientWith, type ClientOptions, type HospesClient } from '../client.js';
import { HospesError } from '../error.js';
import type { ClientView, ScopeView, UserView } from '../shapes.js';
import type { Messages } from '../locales/en.js';
import { tokenFrom } from '../token-url.js';
import { formStyle } from './form-style.js';
import { frameStyle } from './frame-style.js';
import * as icons from './icons.js';
import { loadLocale, wordless, type Locale } from './locale.js';
import { ReactiveElement, type Properties } from './reactive-element.js';
import { initial, plain, rich, shown, type Values } from './text.js';
import { tokens } from './tokens.js';

/** What went wrong, in the user's terms: chooses title, text and advice. */
type Trouble = 'expired' | 'other_browser' | 'no_interaction' | 'host_mistake' | 'client_mistake' | 'unreachable' | 'busy' | 'fault';

function troubleOf({ type, status, isTemporary }: HospesError): Trouble {
  if (type === 'network_error' || type === 'timeout') return 'unreachable';
  if (type === 'interaction_not_found' || type === 'interaction_already_decided') return 'expired';
  if (type === 'interaction_of_another_browser') return 'other_browser';
  if (type === 'no_interaction') return 'no_interaction';
  if (status === 429 || status === 503) return 'busy';
  // A token of its own login, the profile of that, or whom they name.
  if (/token|jwt|user_not/.test(type)) return 'host_mistake';
  return isTemporary || status < 400 ? 'fault' : 'client_mistake';
}

/**
 * What all elements share: how they reach the server, which language they speak, and how they look.
 *
 * Inside of another site's frame each of them shows only a link that opens the page by itself.
 *
 * @attr {'light' | 'dark'} color-scheme - Left out: what the device prefers.
 * @attr {'shadcn'} theme - Takes what is not set from the variables of shadcn/ui.
 * @fires {CustomEvent<{error: HospesError}>} hospes-error - A call failed. The element shows what the user can do about it; this is for logs.
 * @csspart card - The card around everything.
 * @csspart heading - The heading of what is shown. The focus goes there when that changes.
 * @csspart retry - The button that tries again what failed.
 * @csspart error - The note on what could not be sent.
 * @cssprop --hospes-accent - Buttons and ticks.
 * @cssprop --hospes-accent-ink - Text on the accent.
 * @cssprop --hospes-accent-hover - A button under the pointer. Derived from the accent.
 * @cssprop --hospes-accent-tint - Pale grounds. Derived from the accent and the surface.
 * @cssprop --hospes-link - Small coloured text. Set it if the accent is too pale for text.
 * @cssprop --hospes-focus - The ring around what has the focus.
 * @cssprop --hospes-surface - The card, and fields on it.
 * @cssprop --hospes-text - Text.
 * @cssprop --hospes-muted - Secondary text.
 * @cssprop --hospes-quiet - Grounds under the pointer. Derived from the surface and the text.
 * @cssprop --hospes-line - Hairlines. Derived from the surface and the text.
 * @cssprop --hospes-edge - The edge of fields and of buttons without a ground.
 * @cssprop --hospes-danger - Text and signs of what failed, and of buttons that end something.
 * @cssprop --hospes-danger-tint - The ground of a note on what failed. Derived from the surface and the danger.
 * @cssprop --hospes-danger-line - The edge of such a note. Derived from the surface and the danger.
 * @cssprop --hospes-danger-fill - A button that ends something, under the pointer; its text is white.
 * @cssprop --hospes-warning - Signs of a warning, and that a client is not verified.
 * @cssprop --hospes-warning-tint - The ground of a warning. Derived from the surface and the warning.
 * @cssprop --hospes-warning-line - The edge of a warning. Derived from the surface and the warning.
 * @cssprop --hospes-radius - The corners of the card.
 * @cssprop --hospes-radius-small - The corners of fields, buttons and notes.
 * @cssprop --hospes-font - No font is loaded: name one that the page has.
 * @cssprop --hospes-shadow - The shadow of the card.
 * @cssprop --hospes-width - How wide the card may become. By default 42rem for connected apps and 26.5rem for the login.
 * @cssprop --hospes-padding - Inside of the card. By default less on narrow screens.
 */
export abstract class HospesElement extends ReactiveElement {
  static override styles = [tokens, formStyle, frameStyle];

  static override properties: Properties = {
    issuer: {},
    client: { attribute: false },
    getToken: { attribute: false },
    tokenUrl: { attribute: 'token-url' },
    locale: {},
    hostName: { attribute: 'host-name' },
    messages: { attribute: false },
    headingLevel: { attribute: 'heading-level', type: Number },
    speech: { state: true },
    failure: { state: true },
    isLoginShown: { state: true },
  };

  /** The server's issuer, with its path if it has one. Left out: the page's own origin. */
  declare issuer: string | undefined;
  /** A client to use instead of one made from `issuer` and `getToken` or `tokenUrl`. */
  declare client: HospesClient | undefined;
  /** Proof of who the user is, asked for before each call. Left out, as `tokenUrl` is: the server's own session. */
  declare getToken: ClientOptions['getToken'];
  /** The same by an address of the host app's, on this page's origin: `GET` answers the proof as JSON, or `null` when nobody is signed in. */
  declare tokenUrl: string | undefined;
  /** A BCP 47 tag. Left out: the language of the page, then that of the browser. */
  declare locale: string | undefined;
  /** What the texts call the host app. Left out: the project's name. */
  declare hostName: string | undefined;
  /** Texts that replace ours, by key; those of scope values too: `scopes.notes:read.title`, `scopes.notes:read.detail`. */
  declare messages: Partial<Messages> | undefined;
  /** The level of the heading: 1, unless the element is only a part of the page. */
  declare headingLevel: number | undefined;

  /** Null while its module is loading. */
  protected declare speech: Locale | null;
  protected declare failure: { error: HospesError; retry: () => void } | null;
  protected declare isLoginShown: boolean;
  /** Makes the client; what calls about interactions only needs no more. */
  protected clientFor = clientWith;
  private made: HospesClient | undefined;
  private screenShown = '';

  constructor() {
    super();
    this.speech = this.failure = null;
    this.isLoginShown = false;
  }

  /** Names the screen: when it changes, the focus goes to its heading. */
  protected abstract readonly screen: string;
  protected abstract renderScreen(): unknown;
  /** Called when the element is on the page and its properties are set; not inside of a frame. */
  protected abstract begin(): void;

  protected override firstUpdated(): void {
    void this.speak();
    if (!this.isFramed) this.begin();
  }

  /** Another site's page around ours could lie about what its visitors click (RFC 9700 §4.16). */
  protected get isFramed(): boolean {
    return window.top !== window.self;
  }

  protected get api(): HospesClient {
    if (this.client) return this.client;
    const { tokenUrl, issuer = location.origin } = this;
    const getToken = this.getToken ?? (tokenUrl ? tokenFrom(tokenUrl) : undefined);
    this.made ??= this.clientFor({ issuer, ...(getToken && { getToken }) });
    return this.made;
  }

  private async speak(): Promise<void> {
    const around = this.parentElement?.closest<HTMLElement>('[lang]')?.lang;
    const wishes = this.locale ? [this.locale] : [...(around ? [around] : []), ...navigator.languages];
    this.api.locale ??= wishes[0];
    try {
      this.speech = await loadLocale(wishes);
    } catch (cause) {
      this.speech = wordless;
      const error = this.report(new HospesError('network_error', `the language of ${wishes[0]} cannot be loaded: ${String(cause)}`));
      this.failure = { error, retry: () => location.reload() };
    }
  }

  protected override willUpdate(changed: ReadonlySet<string>): void {
    if (changed.has('locale') && this.hasUpdated) {
      this.api.locale = this.locale;
      void this.speak();
    }
    if (changed.has('speech') && this.speech) {
      this.dir = this.text('direction');
      this.lang = this.speech.tag;
    }
  }

  protected override updated(_changed: ReadonlySet<string>): void {
    const screen = !this.speech ? 'waiting' : this.isFramed ? 'framed' : this.failure ? 'failed' : this.screen;
    if (screen === this.screenShown) return;
    const isFirst = this.screenShown === '';
    this.screenShown = screen;
    // Not away from what somebody is doing elsewhere on the page.
    const { activeElement } = document;
    const isFree = !activeElement || activeElement === document.body || this.contains(activeElement);
    if (!isFirst && isFree) this.renderRoot.querySelector<HTMLElement>('h1')?.focus({ preventScroll: screen === 'list' });
  }

  protected override render(): unknown {
    if (!this.speech) return this.waiting();
    if (this.isFramed) return this.card('framed', this.renderFramed());
    if (this.failure) return this.card('failed', this.renderFailure(this.failure.error, this.failure.retry));
    return this.renderScreen();
  }

  /** Tells the page. False: the page takes it from here. */
  protected tell(name: string, detail: unknown, cancelable = false): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable }));
  }

  /** Runs `work`; what fails becomes the screen of what went wrong, from which it can be tried again. */
  protected async attempt(work: () => Promise<void>): Promise<void> {
    this.failure = null;
    try {
      await work();
    } catch (cause) {
      this.failure = { error: this.report(cause), retry: () => void this.attempt(work) };
    }
  }

  protected report(cause: unknown): HospesError {
    const error = cause instanceof HospesError ? cause : new HospesError('unexpected_answer', String(cause));
    this.tell('hospes-error', { error });
    return error;
  }

  protected text(key: keyof Messages): string {
    return this.messages?.[key] ?? this.speech?.messages[key] ?? '';
  }

  /** A text for markup. */
  protected t(key: keyof Messages, values: Values = {}): unknown {
    return rich(this.text(key), { host: this.host, ...values });
  }

  /** A text for an attribute. */
  protected p(key: keyof Messages, values: Values = {}): string {
    return plain(this.text(key), { host: this.host, ...values });
  }

  /** What the host app is called. */
  protected get host(): string {
    return shown(this.hostName ?? this.projectName ?? location.hostname);
  }

  protected get projectName(): string | undefined {
    return undefined;
  }

  protected card(part: string, content: unknown): TemplateResult {
    return html`<div class="card" part="card" data-screen=${part}>${content}</div>`;
  }

  protected heading(content: unknown): TemplateResult {
    return html`<h1 part="heading" tabindex="-1" aria-level=${this.headingLevel ?? 1}>${content}</h1>`;
  }

  protected waiting(): TemplateResult {
    return this.card('waiting', html`<div class="waiting" role="status"><span class="spinner"></span><span class="hint">${this.t('loading')}</span></div>`);
  }

  /** Tells the page that somebody must sign in, and goes to the host app's login, if it has one. True: ours is needed. */
  protected needsLogin(loginUrl: string | undefined, detail: { reason: string; returnUrl: string; interaction?: unknown }): boolean {
    if (!this.tell('hospes-login-required', detail, true)) return false;
    if (!loginUrl) return true;
    const login = new URL(loginUrl, location.href);
    login.searchParams.set('return_url', detail.returnUrl);
    if (detail.reason !== 'nobody') login.searchParams.set('reason', detail.reason);
    location.assign(login);
    return false;
  }

  /** Shows `<hospes-login>` in the slot, if it is defined: in the light DOM, where password managers find it. */
  protected openLogin(more: Record<string, unknown>, onSignedIn: () => void, onCancel?: () => void): void {
    if (!customElements.get('hospes-login')) return;
    const { api: client, host: hostName, messages, headingLevel, speech } = this;
    const login = Object.assign(document.createElement('hospes-login'), { client, hostName, messages, headingLevel, locale: speech?.tag, ...more });
    for (const name of ['theme', 'color-scheme']) {
      const value = this.getAttribute(name);
      if (value) login.setAttribute(name, value);
    }
    for (const [event, then] of [['hospes-signed-in', onSignedIn], ['hospes-cancel', onCancel]] as const) {
      login.addEventListener(event, () => {
        login.remove();
        this.isLoginShown = false;
        then?.();
      });
    }
    this.append(login);
    this.isLoginShown = true;
  }

  protected face(user: UserView, action: unknown = nothing): TemplateResult {
    const login = shown(user.email ?? user.user_id);
    const name = shown(user.name ?? '') || login;
    return html`<div class="person" part="account"><span class="face" aria-hidden="true">${initial(name)}</span
      ><span class="who"><span class="who-name"><span class="hospes-hidden">${this.t('consent.signed_in_as')} </span><bdi>${name}</bdi></span>${name === login ? nothing : html`<span class="who-login"><bdi>${login}</bdi></span>`}</span>${action}</div>`;
  }

  protected avatar(client: ClientView): TemplateResult {
    const logo = client.logo_url && /^(https:|data:image\/)/i.test(client.logo_url) ? client.logo_url : null;
    return html`<span class="avatar" aria-hidden="true"><span>${initial(nameOf(client))}</span>${logo ? html`<img src=${logo} alt="" referrerpolicy="no-referrer">` : nothing}</span>`;
  }

  protected badge(client: ClientView, isShort = false): TemplateResult {
    if (client.first_party) return html`<span class="badge good">${icons.check}<span>${this.t('client.first_party')}</span></span>`;
    return client.verified
      ? html`<span class="badge good">${icons.check}<span>${this.t(isShort ? 'client.verified_short' : 'client.verified')}</span></span>`
      : html`<span class="badge"><span>${this.t(isShort ? 'client.unverified_short' : 'client.unverified')}</span></span>`;
  }

  /** A scope value in words: those of the elements for the standard values, else the server's. */
  protected scopeWords({ scope, text, detail: more }: Pick<ScopeView, 'scope' | 'text' | 'detail'>, mark: unknown = nothing): TemplateResult {
    const own = (part: string) => this.text(`scopes.${scope}.${part}` as keyof Messages);
    const words = own('title');
    const detail = words ? own('detail') : shown(more ?? '', 600);
    const title = words || (text ? html`<bdi>${shown(text, 600)}</bdi>` : this.t('consent.unnamed_scope', { value: scope }));
    return html`<span class="scope"><span class="scope-title">${title}${mark}</span>${detail ? html`<span class="scope-detail">${detail}</span>` : nothing}</span>`;
  }

  /** One line on what failed, for a form that can be sent again. */
  protected problem(error: HospesError): TemplateResult {
    const trouble = troubleOf(error);
    return html`<div class="hospes-note danger" role="alert" part="error">${icons.warn}<p>${this.t(`error.${trouble}.text`)} ${this.t(`error.${trouble}.advice`)}${this.errorId(error.requestId)}</p></div>`;
  }

  private errorId(requestId: string | null): unknown {
    return requestId ? html` ${this.t('error.id')} <code>${requestId}</code>` : nothing;
  }

  private renderFailure(error: HospesError, retry: () => void): TemplateResult {
    const trouble = troubleOf(error);
    return html`<div class="head"><span class="sign bad" aria-hidden="true">${icons.warn}</span>${this.heading(this.t(`error.${trouble}.title`))}<p class="lead" role="alert">${this.t(`error.${trouble}.text`)}</p></div>
      <p class="advice">${this.t(`error.${trouble}.advice`)}</p>
      ${error.isTemporary || error.status < 400 ? html`<div class="hospes-actions"><button class="hospes-button primary" part="retry" @click=${retry}>${this.t('retry')}</button></div>` : nothing}
      <details class="after"><summary>${this.t('error.details')}</summary><p class="hint" lang="en" dir="ltr"><code>${error.type}</code>: ${error.message}</p></details>
      ${error.requestId ? html`<p class="hint">${this.errorId(error.requestId)}</p>` : nothing}`;
  }

  private renderFramed(): TemplateResult {
    return html`<div class="head centred"><span class="sign bad" aria-hidden="true">${icons.warn}</span>${this.heading(this.t('framed.title'))}<p class="lead" role="alert">${this.t('framed.text')}</p></div>
      <div class="hospes-actions"><a class="hospes-button primary" href=${location.href} target="_blank" rel="noopener">${this.t('framed.open')}</a></div>`;
  }
}

/** What a client is called. */
export function nameOf(client: ClientView): string {
  return shown(client.name) || shown(client.client_id);
}
