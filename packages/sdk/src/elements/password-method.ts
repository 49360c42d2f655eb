import { html, nothing } from 'lit-html';
import { live } from 'lit-html/directives/live.js';
import type { LoginMethod } from './login-method.js';
import { eye } from './icons.js';

const typed = (form: HTMLFormElement, name: string) => (form.elements.namedItem(name) as HTMLInputElement).value;

/** Email and password. */
export function passwordMethod(): LoginMethod {
  let isShown = false;
  return {
    name: 'password',
    submit: 'login.submit',
    fields({ text, hint, isAgain, noteId, isWrong, redraw }) {
      const invalid = isWrong ? 'true' : nothing;
      const toggle = () => {
        isShown = !isShown;
        redraw();
      };
      return html`<div class="hospes-field"><label class="hospes-label" for="hospes-email">${text('login.email')}</label><input class="hospes-input" id="hospes-email" name="email" type="email" inputmode="email" autocomplete="username" autocapitalize="none" autocorrect="off" spellcheck="false" maxlength="320" dir="ltr" required .defaultValue=${hint} ?readonly=${isAgain && hint !== ''} aria-invalid=${invalid} aria-describedby=${noteId ?? nothing}></div>
        <div class="hospes-field"><label class="hospes-label" for="hospes-password">${text('login.password')}</label><input class="hospes-input with-peek" id="hospes-password" name="password" type=${live(isShown ? 'text' : 'password')} autocomplete="current-password" autocapitalize="none" spellcheck="false" maxlength="1024" dir="ltr" required aria-invalid=${invalid} aria-describedby=${noteId ?? nothing}><button type="button" class="hospes-peek" aria-pressed=${isShown ? 'true' : 'false'} aria-label=${text('login.show')} @click=${toggle}>${eye}</button></div>`;
    },
    isComplete: (form) => typed(form, 'email').trim() !== '' && typed(form, 'password') !== '',
    async logIn(form, client) {
      isShown = false;
      return client.session.logIn({ email: typed(form, 'email').trim(), password: typed(form, 'password') });
    },
  };
}
