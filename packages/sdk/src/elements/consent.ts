import { html, nothing, type TemplateResult } from 'lit-html';
import { beginningOf } from '../client.js';
import { HospesError } from '../error.js';
import type { Messages } from '../locales/en.js';
import type { ConsentStep, Interaction, LoginStep, RedirectStep, ScopeView } from '../shapes.js';
import { css } from './css.js';
import { HospesElement, nameOf } from './element.js';
import * as icons from './icons.js';
import type { Properties } from './reactive-element.js';
import { date, initial, shown } from './text.js';

const DAY = 86_400_000;
/** The end dates that are offered, as spans from now in days. */
const ENDS = { day: 1, week: 7, month: 30, quarter: 90, year: 365 } as const;

const NOBODY = { login_hint: null, reauthenticate: false, select_account: false, return_url: null };

/** Why the page must sign somebody in. */
export type LoginReason = 'nobody' | 'reauthenticate' | 'switch';

/**
 * The authorization page: says who asks for what, and lets the user allow or deny it.
 *
 * It begins the interaction of the page's address (`?interaction=…`, or the client's raw query), asks for a login when
 * one is needed, shows the consent, and goes to where the answer leads. It shows nothing before the server has checked
 * the request, and refuses to work inside of a frame.
 *
 * ```html
 * <hospes-consent issuer="https://auth.example.com" host-name="Harbour" login-url="/sign-in"></hospes-consent>
 * ```
 *
 * @fires {CustomEvent<{interaction: LoginStep | ConsentStep, reason: LoginReason, returnUrl: string}>} hospes-login-required - Somebody must sign in. Unless it is cancelled, the element goes to `login-url`, or shows `<hospes-login>` if that is defined.
 * @fires {CustomEvent<{decision: 'allow' | 'deny', interaction: Interaction}>} hospes-decided - The user has decided, and the server has taken it.
 * @fires {CustomEvent<{url: string}>} hospes-redirect - The answer leads to `url`. Unless it is cancelled, the element goes there.
 * @slot - Where `<hospes-login>` is put when it is shown in place.
 * @csspart account - Who is signed in.
 * @csspart switch - The button that signs in with another account.
 * @csspart choice - The account that can be chosen, where the client wants one to be chosen.
 * @csspart facts - Where the answer goes, and for which API.
 * @csspart allow - The button that allows.
 * @csspart deny - The button that denies.
 * @csspart ends - The choice of when the access ends.
 * @csspart open - The way on after the answer: the link to the client.
 * @tag hospes-consent
 */
export class HospesConsent extends HospesElement {
  static override styles = [
    ...HospesElement.styles,
    css`
      .pair { display: flex; align-items: center; justify-content: center; gap: .75rem; margin-block-end: 1.25rem; }
      .dots { inline-size: 1.75rem; block-size: 3px; background: radial-gradient(circle, var(--h-edge) 1.4px, transparent 1.6px) 0 0 / 7px 3px; }
      .site { margin-block-start: .375rem; font-size: .8125rem; color: var(--h-muted); }
      .site > * { margin-inline: .375rem; color: inherit; }
      .hospes-form > .block { margin-block-start: 1.5rem; }
      /* Below the name: beside it there is no room for these words in any language. */
      .person .who { flex-basis: calc(100% - 3rem); }
      .person .text-button { flex: 0 1 auto; margin-inline-start: 2.75rem; margin-block-end: -.25rem; padding-block-start: 0; }
      .block { min-inline-size: 0; }
      .block > h2, legend { margin-block-end: .4375rem; padding: 0; }
      .block > .hint { margin-block-start: .5rem; }
      .tag { display: inline-block; padding: 0 .4375rem; border-radius: 99px; background: var(--h-accent-tint); color: var(--h-link); font-size: .75rem; font-weight: 600; line-height: 1.25rem; }
      .tick { display: flex; gap: .6875rem; margin-inline: -.625rem; padding: .3125rem .625rem; border-radius: var(--h-radius-small); cursor: pointer; }
      .tick:hover { background: var(--h-quiet); }
      .tick input { flex: none; inline-size: 1.125rem; block-size: 1.125rem; margin: .125rem 0 0; accent-color: var(--h-accent); cursor: pointer; }
      .hospes-form > .facts { margin-block-start: 1.375rem; }
      .facts { border-block: 1px solid var(--h-line); font-size: .875rem; }
      .facts > div, .ends { display: grid; grid-template-columns: 7.25rem minmax(0, 1fr); gap: .125rem 1rem; }
      .facts > div { padding-block: .6875rem; }
      .facts > div + div { border-block-start: 1px solid var(--h-line); }
      .facts dt, .ends { color: var(--h-muted); }
      .facts dd { grid-column: 2; overflow-wrap: anywhere; }
      .facts dd .address:not(.strong) { display: block; font-size: .8125rem; color: var(--h-muted); }
      .ends { align-items: center; font-size: .875rem; }
      .select { position: relative; display: block; }
      .select .hospes-icon { position: absolute; inset-inline-end: .8125rem; inset-block-start: calc(50% - .5rem); pointer-events: none; }
      select.hospes-input { min-block-size: 2.5rem; padding-block: .4375rem; padding-inline-end: 2.25rem; font-size: .875rem; appearance: none; -webkit-appearance: none; cursor: pointer; text-overflow: ellipsis; }
      .choice { display: flex; align-items: center; gap: .75rem; inline-size: 100%; padding: .8125rem; border: 1px solid var(--h-edge); border-radius: var(--h-radius-small); background: var(--h-surface); font: inherit; color: inherit; text-align: start; cursor: pointer; }
      .choice:hover { border-color: var(--h-focus); background: var(--h-accent-tint); }
      .choice > .hospes-icon { color: var(--h-muted); }
      :host([dir='rtl']) .choice > .hospes-icon { transform: scaleX(-1); }
      @media (max-width: 30rem) {
        .facts > div, .ends { grid-template-columns: minmax(0, 1fr); }
        .facts dd { grid-column: 1; }
        select.hospes-input { min-block-size: 3rem; font-size: 1rem; }
      }
    `,
  ];

  static override properties: Properties = {
    ...HospesElement.properties,
    interaction: {},
    loginUrl: { attribute: 'login-url' },
    step: { state: true },
    decided: { state: true },
    busy: { state: true },
    refused: { state: true },
  };

  /** The handle of the interaction. Left out: that of the page's address. */
  declare interaction: string | undefined;
  /** The host app's login. It gets `return_url`, and `reason` (`reauthenticate` or `switch`) if it is not the first login, and must lead back. */
  declare loginUrl: string | undefined;

  protected declare step: Interaction | null;
  /** What was decided, once the server has taken it. */
  protected declare decided: 'allow' | 'deny' | null;
  protected declare busy: 'allow' | 'deny' | null;
  /** Why the last decision could not be sent. */
  protected declare refused: HospesError | null;

  constructor() {
    super();
    this.step = this.decided = this.busy = this.refused = null;
  }

  protected override get projectName(): string | undefined {
    return this.step?.project.name;
  }

  protected get screen(): string {
    if (this.isLoginShown) return 'login';
    if (this.step?.next === 'login') return this.isChoice(this.step) ? 'account' : 'login-needed';
    return this.step?.next ?? 'waiting';
  }

  protected begin(): void {
    // Also so that what was ticked for one question does not count for the next.
    this.step = null;
    void this.attempt(async () => {
      const from = this.interaction ? { interaction_id: this.interaction } : beginningOf(location.href);
      if (!from) throw new HospesError('no_interaction', 'address without `interaction` or `client_id`', 400);
      const step = await this.api.interactions.start(from);
      // A reload, or the way back from a login, goes on with the same interaction.
      if ('query' in from) history.replaceState(history.state, '', `${location.pathname}?interaction=${encodeURIComponent(step.interaction_id)}`);
      this.go(step);
    });
  }

  private isChoice(step: LoginStep): boolean {
    return step.login.select_account && !step.login.reauthenticate && step.user !== null;
  }

  private go(step: Interaction): void {
    this.step = step;
    this.busy = this.refused = null;
    if (step.next === 'redirect') this.leave(step);
    if (step.next === 'login' && !this.isChoice(step)) this.askForLogin(step, step.login.reauthenticate ? 'reauthenticate' : 'nobody');
  }

  private leave({ redirect_url }: RedirectStep): void {
    if (this.tell('hospes-redirect', { url: redirect_url }, true)) location.assign(redirect_url);
  }

  private askForLogin(step: LoginStep | ConsentStep, reason: LoginReason): void {
    const own = new URL(location.href);
    if (!own.searchParams.has('interaction')) own.searchParams.set('interaction', step.interaction_id);
    const returnUrl = (step.next === 'login' && step.login.return_url) || own.href;
    if (!this.needsLogin(this.loginUrl, { interaction: step, reason, returnUrl })) return;
    const more = {
      clientName: nameOf(step.client),
      reauthenticate: reason === 'reauthenticate',
      loginHint: step.next === 'login' ? step.login.login_hint : null,
    };
    const onCancel = () => void (reason === 'switch' || this.decide('deny', step));
    this.openLogin(more, () => void this.goOn(step.interaction_id), onCancel);
  }

  /** Somebody has signed in; the page calls this when its own login was shown without leaving it. */
  async continue(): Promise<void> {
    if (this.step) await this.goOn(this.step.interaction_id);
  }

  private async goOn(interactionId: string): Promise<void> {
    this.step = null;
    await this.attempt(async () => {
      try {
        this.go(await this.api.interactions.login(interactionId));
      } catch (cause) {
        if (!(cause instanceof HospesError && cause.isSignedOut)) throw cause;
        this.go(await this.api.interactions.start({ interaction_id: interactionId }));
      }
    });
  }

  private async decide(decision: 'allow' | 'deny', step: LoginStep | ConsentStep): Promise<void> {
    if (this.busy) return;
    this.busy = decision;
    this.refused = null;
    const answer = decision === 'deny' ? { decision } : { decision, scopes: this.ticked(step), expires_at: this.end() };
    try {
      const next = await this.api.interactions.decide(step.interaction_id, answer);
      this.decided = decision;
      this.tell('hospes-decided', { decision, interaction: next });
      this.go(next);
    } catch (cause) {
      this.busy = null;
      const error = this.report(cause);
      if (error.isTemporary) this.refused = error;
      // Signed out, or in as another, while the page was open.
      else if (error.isSignedOut) this.go({ ...step, next: 'login', login: NOBODY });
      // An answer was lost: the server says again where to go.
      else if (error.type === 'interaction_already_decided') this.begin();
      else this.failure = { error, retry: () => this.begin() };
    }
  }

  private ticked({ scopes }: LoginStep | ConsentStep): string[] {
    const unticked = new Set([...this.renderRoot.querySelectorAll<HTMLInputElement>('input:not(:checked)')].map((box) => box.value));
    return scopes.filter((own) => own.grantable && !(own.optional && unticked.has(own.scope))).map((own) => own.scope);
  }

  private end(): string | null {
    const days = Number(this.renderRoot.querySelector('select')?.value ?? 0);
    return days ? new Date(Date.now() + days * DAY).toISOString() : null;
  }

  protected renderScreen(): unknown {
    const { step } = this;
    if (this.isLoginShown) return html`<slot></slot>`;
    if (!step) return this.waiting();
    if (step.next === 'redirect') return this.card('outcome', this.renderLeaving(step));
    if (step.next === 'consent') return this.card('consent', this.renderConsent(step));
    if (this.isChoice(step)) return this.card('account', this.renderChoice(step));
    return this.loginUrl ? this.waiting() : this.card('login-needed', this.renderLoginNeeded());
  }

  private renderLoginNeeded(): TemplateResult {
    return html`<div class="head centred">${this.heading(this.t('login.needed_title'))}<p class="lead">${this.t('login.needed')}</p></div>
      <div class="hospes-actions"><button class="hospes-button primary" @click=${() => void this.continue()}>${this.t('retry')}</button></div>
      ${this.refused ? this.problem(this.refused) : nothing}`;
  }

  private renderChoice(step: LoginStep): TemplateResult {
    const { user, client } = step;
    const name = shown(user?.name ?? user?.email ?? user?.user_id ?? '');
    return html`<div class="head">${this.heading(this.t('account.title'))}<p class="lead">${this.t('account.lead', { client: nameOf(client) })}</p></div>
      <div class="hospes-form">
        <button class="choice" part="choice" @click=${() => void this.goOn(step.interaction_id)}><span class="face" aria-hidden="true">${initial(name)}</span
          ><span class="who"><span class="who-name">${this.t('account.continue', { name })}</span>${user?.name && user.email ? html`<span class="who-login"><bdi>${shown(user.email)}</bdi></span>` : nothing}</span>${icons.forth}</button>
        <div class="hospes-actions">
          <button class="hospes-button secondary" @click=${() => this.askForLogin(step, 'switch')}>${this.t('account.switch')}</button>
          <button class="hospes-button quiet" @click=${() => void this.decide('deny', step)}>${this.t('account.cancel')}</button>
        </div>
        ${this.refused ? this.problem(this.refused) : nothing}
      </div>`;
  }

  /** A page of the client's own, if it is on the web. */
  private page(url: string | null, text: keyof Messages): TemplateResult | typeof nothing {
    return url?.startsWith('https://') ? html`<a href=${url} target="_blank" rel="noopener noreferrer">${this.t(text)}</a>` : nothing;
  }

  private renderConsent(step: ConsentStep): TemplateResult {
    const { client, user, scopes, confirm_only } = step;
    const name = nameOf(client);
    const title = confirm_only ? this.t('consent.title_confirm', { client: name }) : this.t('consent.title', { client: name });
    return html`<div class="head centred">
        <div class="pair" aria-hidden="true">${this.avatar(client)}<span class="dots"></span><span class="avatar own">${initial(this.host)}</span></div>
        ${this.heading(title)}
        <p class="badges">${this.badge(client)}</p>
        ${client.verified ? html`<p class="site"><bdi>${client.client_url ? hostOf(client.client_url) : nothing}</bdi> ${this.page(client.policy_url, 'consent.policy')} ${this.page(client.tos_url, 'consent.terms')}</p>` : nothing}
      </div>
      <form class="hospes-form" @submit=${(event: Event) => event.preventDefault()}>
        ${client.deceptive ? html`<div class="hospes-note danger" role="note">${icons.warn}<p>${this.t('consent.deceptive')}</p></div>` : nothing}
        ${user ? this.face(user, html`<button type="button" class="text-button" part="switch" @click=${() => this.askForLogin(step, 'switch')}>${this.t('consent.switch')}</button>`) : nothing}
        ${confirm_only ? nothing : this.renderScopes(scopes, name)}
        ${this.renderFacts(step)}
        ${step.end_date_allowed && !confirm_only ? this.renderEnds() : nothing}
        ${this.renderWarning(step, name)}
        ${this.refused ? this.problem(this.refused) : nothing}
        <div class="hospes-actions pairwise">${this.button('allow', 'primary', step)}${this.button('deny', 'secondary', step)}</div>
      </form>
      <p class="hint centred after">${this.t('consent.revocable')}</p>`;
  }

  private button(decision: 'allow' | 'deny', look: string, step: ConsentStep): TemplateResult {
    const words = step.confirm_only ? ({ allow: 'confirm', deny: 'cancel' } as const) : ({ allow: 'allow', deny: 'deny' } as const);
    // Not `disabled`: that would throw the focus back to the top of the page.
    return html`<button type="button" class="hospes-button ${look}" part=${decision} aria-disabled=${this.busy ? 'true' : nothing} aria-busy=${this.busy === decision ? 'true' : nothing} @click=${() => void this.decide(decision, step)}>${this.t(`consent.${words[decision]}`)}</button>`;
  }

  private renderScopes(scopes: ScopeView[], name: string): unknown {
    const isAgain = scopes.some((own) => own.granted_before);
    const words = (own: ScopeView) => this.scopeWords(own, isAgain && own.grantable && !own.granted_before ? html` <span class="tag">${this.t('consent.new')}</span>` : nothing);
    const list = (own: ScopeView[], mark: unknown) => own.map((scope) => html`<li data-scope=${scope.scope}>${mark}${words(scope)}</li>`);
    const required = scopes.filter((own) => own.grantable && !own.optional);
    const optional = scopes.filter((own) => own.grantable && own.optional);
    const refused = scopes.filter((own) => !own.grantable);
    return html`
      ${required.length ? html`<section class="block" aria-labelledby="required"><h2 id="required">${this.t('consent.required', { client: name })}</h2><ul class="scopes">${list(required, icons.check)}</ul></section>` : nothing}
      ${optional.length ? html`<fieldset class="block"><legend>${this.t('consent.optional')}</legend>${optional.map((own) => html`<label class="tick" data-scope=${own.scope}><input type="checkbox" value=${own.scope} checked>${words(own)}</label>`)}</fieldset>` : nothing}
      ${refused.length ? html`<section class="block" aria-labelledby="refused"><h2 id="refused">${this.t('consent.refused')}</h2><ul class="scopes refused">${list(refused, icons.no)}</ul><p class="hint">${this.t('consent.refused_why')}</p></section>` : nothing}`;
  }

  private renderFacts({ client, redirect, resources }: ConsentStep): TemplateResult {
    const identity = /^https:/i.test(client.client_id) ? hostOf(client.client_id) : '';
    const host = shown(redirect.host, 255);
    const destination = redirect.kind === 'web' ? html`<bdi class="strong address">${host}</bdi>` : this.t(`consent.destination_${redirect.kind}`, { host });
    return html`<dl class="facts" part="facts">
        ${resources.length ? html`<div><dt>${this.t('consent.resource')}</dt>${resources.map((own) => html`<dd>${own.name ? html`<bdi class="strong">${shown(own.name)}</bdi> ` : nothing}<bdi class="address">${own.resource}</bdi></dd>`)}</div>` : nothing}
        ${identity ? html`<div><dt>${this.t('consent.identity')}</dt><dd><bdi class="strong address">${identity}</bdi></dd></div>` : nothing}
        <div><dt>${this.t('consent.destination')}</dt><dd>${destination}${redirect.uri ? html`<details><summary>${this.t('consent.whole_address')}</summary><bdi class="address">${shown(redirect.uri, 2000)}</bdi></details>` : nothing}</dd></div>
      </dl>`;
  }

  private renderEnds(): TemplateResult {
    const options = (Object.keys(ENDS) as (keyof typeof ENDS)[]).map((name) => {
      const day = date(Date.now() + ENDS[name] * DAY, this.lang);
      return html`<option value=${ENDS[name]}>${this.p(`consent.ends_${name}`, { date: day })}</option>`;
    });
    return html`<label class="ends"><span>${this.t('consent.ends')}</span><span class="select"><select class="hospes-input" part="ends"><option value="0">${this.t('consent.ends_never')}</option>${options}</select>${icons.down}</span></label>`;
  }

  private renderWarning({ client, redirect }: ConsentStep, name: string): unknown {
    const kind = redirect.kind !== 'web' ? redirect.kind : client.verified || client.first_party ? null : 'unverified';
    return kind ? html`<div class="hospes-note warning" role="note">${icons.warn}<p>${this.t(`consent.warn_${kind}`, { client: name })}</p></div>` : nothing;
  }

  /** A site takes the page's place; a program on the device does not, so the page says how it ended. */
  private renderLeaving({ client, redirect, redirect_url }: RedirectStep): TemplateResult {
    const name = nameOf(client);
    // An address of the server's is not the program's yet: its own page says how it ended.
    if (redirect.kind !== 'app' || redirect_url.startsWith(`${this.api.issuer}/`)) {
      return html`<div class="head centred" role="status"><span class="spinner"></span>${this.heading(this.t('form_post.title', { client: name }))}<p class="lead">${this.t('form_post.lead')}</p></div>
        <div class="hospes-actions"><a class="hospes-button primary" part="open" href=${redirect_url} rel="noopener">${this.t('form_post.submit', { client: name })}</a></div>`;
    }
    const outcome = this.decided === 'deny' ? 'denied' : /[?&#]error=/.test(redirect_url) ? 'failed' : 'allowed';
    return html`<div class="head centred" role="status"><span class="sign ${outcome === 'allowed' ? 'good' : ''}" aria-hidden="true">${outcome === 'allowed' ? icons.check : icons.no}</span>${this.heading(this.t(`outcome.${outcome}.title`, { client: name }))}<p class="lead">${this.t(`outcome.${outcome}.lead`, { client: name })}</p></div>
      <div class="hospes-actions"><a class="hospes-button primary" part="open" href=${redirect_url} rel="noopener">${this.t('outcome.open', { client: name })}</a></div>
      <p class="hint centred after">${this.t('outcome.close')}</p>`;
  }
}

function hostOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return '';
  }
}

HospesConsent.define('hospes-consent');

declare global {
  interface HTMLElementTagNameMap {
    'hospes-consent': HospesConsent;
  }
}
