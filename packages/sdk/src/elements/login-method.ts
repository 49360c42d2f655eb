// A way to sign in. The login shows one after the other; passwords are the first, more can be added without a change to
// the element: a method draws its fields, and says what to send.

import type { TemplateResult } from 'lit-html';
import type { HospesClient } from '../client.js';
import type { Session } from '../shapes.js';
import type { Messages } from '../locales/en.js';

/** What a method may use of the login that shows it. */
export interface LoginSituation {
  client: HospesClient;
  text: (key: keyof Messages) => string;
  /** Prefilled: the client's `login_hint`. */
  hint: string;
  /** The name or address may not be changed: the same person has to prove themselves again. */
  isAgain: boolean;
  /** Id of the note on what went wrong, while there is one. */
  noteId: string | null;
  /** What was typed last was not right. */
  isWrong: boolean;
  redraw: () => void;
}

export interface LoginMethod {
  name: string;
  /** The fields of the form. They stand in the page itself, not in a shadow root: password managers look there. */
  fields(situation: LoginSituation): TemplateResult;
  /** The text of the button. */
  submit: keyof Messages;
  /** False: something is missing, and the form says so. */
  isComplete(form: HTMLFormElement): boolean;
  logIn(form: HTMLFormElement, client: HospesClient): Promise<Session>;
}
