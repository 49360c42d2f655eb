// Which language an element speaks. Each is a module of its own, loaded when it is needed.

import type { Messages } from '../locales/en.js';

const loaders: Record<string, () => Promise<{ default: Messages }>> = {
  ar: () => import('../locales/ar.js'),
  de: () => import('../locales/de.js'),
  en: () => import('../locales/en.js'),
  es: () => import('../locales/es.js'),
  fr: () => import('../locales/fr.js'),
  ja: () => import('../locales/ja.js'),
  'pt-br': () => import('../locales/pt-BR.js'),
};

/** Languages that are close enough to one we have. */
const close: Record<string, string> = { pt: 'pt-br' };

export interface Locale {
  /** A BCP 47 tag, for `lang` and dates. */
  tag: string;
  messages: Partial<Messages>;
}

/** What can be said when no language can be loaded. */
export const wordless: Locale = {
  tag: 'en',
  messages: { direction: 'ltr', retry: 'Try again', 'error.unreachable.title': 'This page could not be loaded' },
};

/**
 * The first of the wishes that we have (RFC 4647 §3.4: the tag itself, then each shorter one), else English. Throws
 * when the module cannot be loaded.
 */
export async function loadLocale(wishes: readonly string[]): Promise<Locale> {
  for (const wish of [...wishes, 'en']) {
    for (let tag = wish; tag; tag = tag.slice(0, Math.max(tag.lastIndexOf('-'), 0))) {
      const name = tag.toLowerCase();
      const load = loaders[name] ?? loaders[close[name] ?? ''];
      if (load) return { tag: wish, messages: (await load()).default };
    }
  }
  return wordless;
}
