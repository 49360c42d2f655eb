// Texts with other people's words in them: isolated, so that a name cannot change how the sentence around it reads.

import { html, type TemplateResult } from 'lit-html';

export type Values = Record<string, string>;

/** Characters that are not seen but change the text around them: controls and bidirectional marks. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A name that somebody else chose, fit to be shown. */
export function shown(name: string, longest = 80): string {
  const clean = name.replace(UNSEEN, ' ').replace(/\s+/g, ' ').trim();
  return clean.length > longest ? `${[...clean].slice(0, longest).join('')}…` : clean;
}

/** For markup: each value in an element of its own. */
export function rich(text: string, values: Values): (string | TemplateResult)[] {
  return text.split(/\{(\w+)\}/).map((part, index) => (index % 2 ? html`<bdi>${values[part] ?? ''}</bdi>` : part));
}

/** For attributes: each value between isolating marks. */
export function plain(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => `\u2068${values[name] ?? ''}\u2069`);
}

/** The letter that stands for a name. */
export function initial(name: string): string {
  return ([...name][0] ?? '?').toUpperCase();
}

export function date(time: string | number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'long' }).format(new Date(time));
}
