import { html, nothing, render, type TemplateResult } from 'lit-html';
import { HospesError } from '../error.js';
import type { UserView } from '../shapes.js';
import type { Messages } from '../locales/en.js';
import { adopt, css } from './css.js';
import { HospesElement } from './element.js';
import { fieldStyle } from './field-style.js';
import { formStyle } from './form-style.js';
import * as icons from './icons.js';
import type { LoginMethod } from './login-method.js';
import { passwordMethod } from './password-method.js';
import type { Properties } from './reactive-element.js';
import { rich } from './text.js';

/** Texts of what went wrong with what was typed. */
type Mistake = 'wrong_credentials' | 'incomplete' | 'too_many_attempts';

/**
 * The login: email and password, with the fields in the page itself, where password managers find them.
 *
 * It signs in at the server, says so, and goes to `return-url`. It refuses to work inside of a frame.
 *
 * ```html
 * <hospes-login issuer="https://auth.example.com" host-name="Harbour" return-url="/account"></hospes-login>
 * ```
 *
 * @fires {CustomEvent<{user: UserView}>} hospes-signed-in - Somebody has signed in. Unless it is cancelled, the element goes to `return-url`, if it has one.
 * @fires {CustomEvent<{}>} hospes-cancel - The user does not want to sign in.
 * @slot - Its own form, which it draws into the page. Put nothing there.
 * @tag hospes-login
 */
export class HospesLogin extends HospesElement {
  static override styles = [...HospesElement.styles, css`.card { max-inline-size: var(--hospes-width, 26.5rem); }`];

  static override properties: Properties = {
    ...HospesElement.properties,
    clientName: { attribute: 'client-name' },
    loginHint: { attribute: 'login-hint' },
    reauthenticate: { type: Boolean },
    returnUrl: { attribute: 'return-url' },
    methods: { attribute: false },
    isBusy: { state: true },
    mistake: { state: true },
    refused: { state: true },
  };

  /** Who the login is for, if it is for a client: the heading then names it, and there is a button to cancel. */
  declare clientName: string | undefined;
  /** The email address to fill in. */
  declare loginHint: string | null | undefined;
  /** Somebody is signed in and proves it again. */
  declare reauthenticate: boolean;
  /** Where to go after the login: an address of this page's origin. */
  declare returnUrl: string | undefined;
  /** The ways to sign in, one below the other; by default email and password. Each is a `LoginMethod`: its fields, and what to send. */
  declare methods: LoginMethod[];

  protected declare isBusy: boolean;
  protected declare mistake: Mistake | null;
  protected declare refused: HospesError | null;

  constructor() {
    super();
    this.reauthenticate = this.isBusy = false;
    this.mistake = this.refused = null;
    this.methods = [passwordMethod()];
  }

  protected readonly screen = 'login';

  override connectedCallback(): void {
    super.connectedCallback();
    for (const text of [formStyle, fieldStyle]) adopt(this.getRootNode() as Document | ShadowRoot, text);
  }

  protected begin(): void {}

  protected override updated(changed: ReadonlySet<string>): void {
    super.updated(changed);
    render(this.isFramed || !this.speech ? nothing : this.renderForms(), this);
    if (changed.has('speech')) this.focusField();
  }

  /** Only where nobody has begun to do something else on the page. */
  private focusField(): void {
    const { activeElement } = document;
    if (activeElement && activeElement !== document.body && activeElement !== this) return;
    const fields = [...this.querySelectorAll<HTMLInputElement>('input')];
    (fields.find((field) => field.value === '') ?? fields[0])?.focus();
  }

  protected renderScreen(): TemplateResult {
    const again = this.reauthenticate ? '_again' : '';
    return this.card('login', html`<div class="head">${this.heading(this.t(`login.title${again}`))}${this.clientName ? html`<p class="lead">${this.t(`login.lead${again}`, { client: this.clientName })}</p>` : nothing}</div><slot></slot>`);
  }

  private renderForms(): TemplateResult[] {
    const noteId = this.mistake || this.refused ? 'hospes-login-error' : null;
    return this.methods.map(
      (method) => html`<form class="hospes-form" data-method=${method.name} novalidate @submit=${(event: SubmitEvent) => void this.submit(event, method)}>
        ${noteId ? html`<div id=${noteId}>${this.mistake ? this.note(`login.${this.mistake}`) : this.refused ? this.problem(this.refused) : nothing}</div>` : nothing}
        ${method.fields({
          client: this.api,
          text: (key) => this.text(key),
          hint: this.loginHint ?? '',
          isAgain: this.reauthenticate,
          noteId,
          isWrong: this.mistake === 'wrong_credentials' || this.mistake === 'incomplete',
          redraw: () => this.requestUpdate(),
        })}
        <div class="hospes-actions">
          <button type="submit" class="hospes-button primary" aria-disabled=${this.isBusy ? 'true' : nothing} aria-busy=${this.isBusy ? 'true' : nothing}>${this.text(method.submit)}</button>
          ${this.clientName ? html`<button type="button" class="hospes-button quiet" @click=${() => this.tell('hospes-cancel', {})}>${this.text('login.cancel')}</button>` : nothing}
        </div>
      </form>`,
    );
  }

  private note(key: keyof Messages): TemplateResult {
    return html`<div class="hospes-note danger" role="alert">${icons.warn}<p>${rich(this.text(key), {})}</p></div>`;
  }

  private async submit(event: SubmitEvent, method: LoginMethod): Promise<void> {
    event.preventDefault();
    if (this.isBusy) return;
    const form = event.target as HTMLFormElement;
    this.refused = this.mistake = null;
    if (!method.isComplete(form)) return this.blame(form, 'incomplete');
    this.isBusy = true;
    try {
      const { user } = await method.logIn(form, this.api);
      this.signedIn(user);
    } catch (cause) {
      const error = this.report(cause);
      if (error.status === 401) this.blame(form, 'wrong_credentials');
      else if (error.status === 429) this.blame(form, 'too_many_attempts');
      else this.refused = error;
    } finally {
      this.isBusy = false;
    }
  }

  private blame(form: HTMLFormElement, mistake: Mistake): void {
    this.mistake = mistake;
    const password = form.querySelector<HTMLInputElement>('[autocomplete=current-password]');
    if (mistake === 'wrong_credentials' && password) password.value = '';
    const empty = [...form.querySelectorAll('input')].find((field) => field.value === '');
    if (mistake !== 'too_many_attempts') empty?.focus();
  }

  private signedIn(user: UserView): void {
    if (!this.tell('hospes-signed-in', { user }, true) || !this.returnUrl) return;
    const url = new URL(this.returnUrl, location.href);
    // An address from elsewhere would make this page a way to send people anywhere.
    if (url.origin === location.origin) location.assign(url);
    else this.report(new HospesError('unsafe_redirect', `return-url leads to ${url.origin}; only ${location.origin} is allowed`));
  }
}

HospesLogin.define('hospes-login');

declare global {
  interface HTMLElementTagNameMap {
    'hospes-login': HospesLogin;
  }
}
