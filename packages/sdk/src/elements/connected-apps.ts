import { html, nothing, type TemplateResult } from 'lit-html';
import { createClient } from '../create-client.js';
import { HospesError } from '../error.js';
import type { ConnectedApp, UserView } from '../shapes.js';
import { css } from './css.js';
import { HospesElement, nameOf } from './element.js';
import * as icons from './icons.js';
import type { Properties } from './reactive-element.js';
import { date, shown } from './text.js';

interface Found {
  user: UserView | undefined;
  apps: ConnectedApp[];
}

/**
 * The apps that a user has connected, with what each may do, since when and until when, and a button to disconnect it.
 *
 * ```html
 * <hospes-connected-apps issuer="https://auth.example.com" host-name="Harbour" heading-level="2"></hospes-connected-apps>
 * ```
 *
 * @fires {CustomEvent<{reason: 'nobody', returnUrl: string}>} hospes-login-required - Nobody is signed in. Unless it is cancelled, the element goes to `login-url`, or shows `<hospes-login>` if that is defined.
 * @fires {CustomEvent<{client_id: string}>} hospes-disconnected - An app was disconnected.
 * @fires {CustomEvent<{}>} hospes-signed-out - The user has signed out.
 * @slot - Where `<hospes-login>` is put when it is shown in place.
 * @csspart account - Who is signed in.
 * @csspart app - One app.
 * @csspart disconnect - The button that disconnects.
 * @tag hospes-connected-apps
 */
export class HospesConnectedApps extends HospesElement {
  static override styles = [
    ...HospesElement.styles,
    css`
      .card { max-inline-size: var(--hospes-width, 42rem); }
      .apps { margin-block-start: 1.5rem; }
      .app { padding-block: 1.5rem; border-block-start: 1px solid var(--h-line); }
      .app:last-child { padding-block-end: 0; }
      .app-head { display: flex; align-items: center; gap: .875rem; margin-block-end: .875rem; }
      .app-name { flex: 1; min-inline-size: 0; }
      .app-name h2 { font-size: 1.0625rem; letter-spacing: -.01em; }
      .app-name .badges { margin-block-start: .3125rem; }
      .app .avatar { inline-size: 3rem; block-size: 3rem; font-size: 1.1875rem; }
      .app .hospes-note { margin-block-end: .875rem; }
      .meta { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .75rem 1.5rem; margin-block-start: .875rem; font-size: .875rem; }
      .meta dt { line-height: 1.6; font-size: .8125rem; color: var(--h-muted); }
      .meta .whole { grid-column: 1 / -1; }
      .meta .address { font-size: .8125rem; color: var(--h-muted); }
      .news { margin-block-start: 1.25rem; }
      .news:empty { display: none; }
      .empty { margin-block-start: 1.5rem; padding: 2.5rem 1rem; border: 1px dashed var(--h-line); border-radius: var(--h-radius-small); color: var(--h-muted); text-align: center; }
      .hospes-button.danger { border-color: var(--h-danger-line); color: var(--h-danger); }
      .hospes-button.danger:hover { border-color: var(--h-danger-fill); background: var(--h-danger-fill); color: #fff; }
      .hospes-button.small { inline-size: auto; min-block-size: 2.25rem; padding: .375rem .9375rem; font-size: .875rem; }
      .hospes-button.danger[aria-busy='true'] { background: none; }
      @media (max-width: 30rem) {
        .app-head { flex-wrap: wrap; }
        .app-name { flex-basis: calc(100% - 4rem); }
        .hospes-button.small { inline-size: 100%; min-block-size: 2.75rem; }
        .meta { grid-template-columns: minmax(0, 1fr); gap: .25rem; }
        .meta > div { display: grid; grid-template-columns: 8rem minmax(0, 1fr); gap: 0 .75rem; }
        .meta .address { display: block; }
      }
      @media (min-width: 40rem) { .scopes { display: grid; grid-template-columns: 1fr 1fr; column-gap: 1.5rem; } }
    `,
  ];

  static override properties: Properties = {
    ...HospesElement.properties,
    loginUrl: { attribute: 'login-url' },
    signOut: { attribute: 'sign-out', type: Boolean },
    found: { state: true },
    busy: { state: true },
    news: { state: true },
    refused: { state: true },
  };

  /** The host app's login. It gets `return_url`, and must lead back. */
  declare loginUrl: string | undefined;
  /** Offers to sign out of the server's own session. */
  declare signOut: boolean;

  protected override clientFor = createClient;
  protected declare found: Found | null;
  /** The `client_id` that is being disconnected. */
  protected declare busy: string | null;
  /** The name of the app that was disconnected last. */
  protected declare news: string | null;
  protected declare refused: { clientId: string; error: HospesError } | null;

  constructor() {
    super();
    this.found = this.busy = this.news = this.refused = null;
    this.signOut = false;
  }

  protected get screen(): string {
    return this.isLoginShown ? 'login' : this.found ? 'list' : 'waiting';
  }

  protected begin(): void {
    void this.attempt(async () => {
      try {
        const [{ connected_apps: apps }, session] = await Promise.all([this.api.connectedApps.list(), this.api.session.current()]);
        this.found = { user: session?.user, apps };
      } catch (cause) {
        if (!(cause instanceof HospesError && cause.isSignedOut)) throw cause;
        this.askForLogin();
      }
    });
  }

  /** Reads the list again: after a login, or when something was connected meanwhile. */
  reload(): void {
    this.begin();
  }

  private askForLogin(): void {
    this.found = null;
    if (this.needsLogin(this.loginUrl, { reason: 'nobody', returnUrl: location.href })) this.openLogin({}, () => this.begin());
  }

  private async disconnect({ client }: ConnectedApp): Promise<void> {
    if (this.busy || !this.found) return;
    this.busy = client.client_id;
    this.refused = this.news = null;
    try {
      await this.api.connectedApps.revoke(client.client_id);
      this.found = { ...this.found, apps: this.found.apps.filter((own) => own.client.client_id !== client.client_id) };
      this.news = nameOf(client);
      this.tell('hospes-disconnected', { client_id: client.client_id });
      // The button that had the focus is gone.
      await this.updateComplete;
      this.renderRoot.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
    } catch (cause) {
      const error = this.report(cause);
      if (error.isSignedOut) this.askForLogin();
      else this.refused = { clientId: client.client_id, error };
    } finally {
      this.busy = null;
    }
  }

  private async leave(): Promise<void> {
    await this.attempt(async () => {
      await this.api.session.logOut();
      this.tell('hospes-signed-out', {});
      this.askForLogin();
    });
  }

  protected renderScreen(): unknown {
    if (this.isLoginShown) return html`<slot></slot>`;
    return this.found ? this.card('list', this.renderList(this.found)) : this.waiting();
  }

  private renderList({ user, apps }: Found): TemplateResult {
    const action = this.signOut ? html`<button class="text-button" @click=${() => void this.leave()}>${this.t('apps.sign_out')}</button>` : nothing;
    return html`<div class="head">${this.heading(this.t('apps.title'))}<p class="lead">${this.t('apps.lead')}</p></div>
      ${user ? this.face(user, action) : action}
      <div class="news" role="status">${this.news === null ? nothing : html`<div class="hospes-note good">${icons.check}<p>${this.t('apps.disconnected', { client: this.news })}</p></div>`}</div>
      ${apps.length ? html`<ul class="apps">${apps.map((own) => this.renderApp(own))}</ul>` : html`<p class="empty">${this.t('apps.none')}</p>`}`;
  }

  private renderApp(app: ConnectedApp): TemplateResult {
    const { client, scopes, resources, connected_at, last_used_at, expires_at } = app;
    const name = nameOf(client);
    const time = (at: string) => html`<time datetime=${at}>${date(at, this.lang)}</time>`;
    return html`<li class="app" part="app" data-client=${client.client_id}>
      <div class="app-head">${this.avatar(client)}<div class="app-name"><h2 aria-level=${(this.headingLevel ?? 1) + 1}><bdi>${name}</bdi></h2><p class="badges">${this.badge(client, true)}</p></div
        ><button class="hospes-button danger small" part="disconnect" aria-label=${this.p('apps.disconnect_label', { client: name })} aria-disabled=${this.busy ? 'true' : nothing} aria-busy=${this.busy === client.client_id ? 'true' : nothing} @click=${() => void this.disconnect(app)}>${this.t('apps.disconnect')}</button></div>
      ${this.refused?.clientId === client.client_id ? this.problem(this.refused.error) : nothing}
      <ul class="scopes">${scopes.map((scope) => html`<li data-scope=${scope.scope}>${icons.check}${this.scopeWords(scope)}</li>`)}</ul>
      <dl class="meta">
        ${resources.map((own) => html`<div class="whole"><dt>${this.t('apps.resource')}</dt><dd>${own.name ? html`<bdi class="strong">${shown(own.name)}</bdi> ` : nothing}<bdi class="address">${own.resource}</bdi></dd></div>`)}
        <div><dt>${this.t('apps.since')}</dt><dd>${time(connected_at)}</dd></div>
        <div><dt>${this.t('apps.last_used')}</dt><dd>${last_used_at ? time(last_used_at) : this.t('apps.never_used')}</dd></div>
        <div><dt>${this.t('apps.ends')}</dt><dd>${expires_at ? time(expires_at) : this.t('apps.ends_never')}</dd></div>
      </dl>
    </li>`;
  }
}

HospesConnectedApps.define('hospes-connected-apps');

declare global {
  interface HTMLElementTagNameMap {
    'hospes-connected-apps': HospesConnectedApps;
  }
}
