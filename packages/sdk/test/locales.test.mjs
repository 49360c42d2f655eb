// The languages of the elements: complete, and in the words of the server's own pages.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const files = readdirSync(new URL('../lib/locales/', import.meta.url)).filter((name) => name.endsWith('.js'));
const messages = Object.fromEntries(
  await Promise.all(files.map(async (name) => [name.slice(0, -3), (await import(`../lib/locales/${name}`)).default])),
);
const placeholders = (text) => [...text.matchAll(/\{\w+\}/g)].map(([own]) => own).sort().join(' ');

/** The keys and texts of one of the pages' languages: tables and strings are all that is in there. */
function pagesTexts(language) {
  const source = readFileSync(new URL(`../../../crates/server/assets/locales/${language}.toml`, import.meta.url), 'utf8');
  const texts = {};
  let table = '';
  for (const line of source.split('\n')) {
    const header = /^\[(.+)\]$/.exec(line);
    const entry = /^(\w+) = (".*")$/.exec(line);
    if (header) table = `${header[1]}.`;
    if (entry) texts[table + entry[1]] = JSON.parse(entry[2]);
  }
  return texts;
}

test('all languages have the same keys and the same places for names', () => {
  assert.deepEqual(Object.keys(messages).sort(), ['ar', 'de', 'en', 'es', 'fr', 'ja', 'pt-BR']);
  for (const [language, own] of Object.entries(messages)) {
    assert.deepEqual(Object.keys(own).sort(), Object.keys(messages.en).sort(), language);
    for (const [key, text] of Object.entries(own)) {
      assert.ok(text.trim() !== '', `${language}: ${key} is empty`);
      assert.equal(placeholders(text), placeholders(messages.en[key]), `${language}: ${key}`);
    }
  }
});

// The pages know the user names of hosts, take people back to the app for another try, and blame nobody but the app, and
// so say these differently.
const DIFFERENT = new Set(['error.fault.advice', 'error.details']);

for (const language of ['en', 'de']) {
  test(`what the pages say too is said in the same words: ${language}`, () => {
    const pages = pagesTexts(language);
    const shared = Object.keys(messages[language]).filter((key) => key in pages && !DIFFERENT.has(key));
    assert.ok(shared.length > 70, `only ${shared.length} keys are shared`);
    for (const key of shared) assert.equal(messages[language][key], pages[key], key);
  });
}
