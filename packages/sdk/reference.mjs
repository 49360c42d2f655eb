// Writes docs/elements.md, the reference of the elements, from custom-elements.json; and finds what is missing in it.

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './bundle.mjs';

const ORDER = ['hospes-consent', 'hospes-login', 'hospes-connected-apps'];
const BASE = 'HospesElement';

/**
 * Gives the manifest the defaults of the CSS variables, which stand in the elements' style and nowhere else. Throws
 * when a variable or a part is drawn but not described, or the other way round.
 */
export async function complete(manifest) {
  const directory = join(root, 'src/elements');
  const sources = await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name), 'utf8')));
  const defaults = defaultsOf(await readFile(join(directory, 'tokens.ts'), 'utf8'));
  const elements = manifest.modules.flatMap(({ declarations }) => declarations).filter(({ kind }) => kind === 'class');
  for (const variable of elements.flatMap(({ cssProperties = [] }) => cssProperties)) variable.default = defaults.get(variable.name);
  const base = elements.find(({ name }) => name === BASE);
  same('CSS variables', base.cssProperties.map(({ name }) => name), [...defaults.keys()]);
  const drawn = sources.flatMap((source) => [...source.matchAll(/part="([a-z]+)"/g)].map(([, name]) => name));
  // Its two buttons are one template.
  same('parts', elements.flatMap(({ cssParts = [] }) => cssParts.map(({ name }) => name)), [...drawn, 'allow', 'deny']);
}

function same(what, described, drawn) {
  const missing = drawn.filter((name) => !described.includes(name));
  const gone = described.filter((name) => !drawn.includes(name));
  if (missing.length || gone.length) throw new Error(`${what}: not described: ${missing.join(', ') || 'none'}; described, but not there: ${gone.join(', ') || 'none'}`);
}

/** Each variable's default: one for both schemes, or `light / dark`. */
function defaultsOf(tokens) {
  const schemes = ['light', 'dark'].map((scheme) => {
    const [, body] = new RegExp(`const ${scheme} = css\`([^\`]*)\``).exec(tokens);
    return new Map([...body.matchAll(/(--_[\w-]+): ([^;]+);/g)].map(([, name, value]) => [name, value]));
  });
  const found = [...tokens.matchAll(/^\s+--h-[\w-]+: var\((--hospes-[\w-]+), (.+)\);$/gm)];
  return new Map(
    found.map(([, name, fallback]) => {
      const values = schemes.map((own) => {
        let value = fallback;
        // `var(--_x, y)` is what the scheme says, else y.
        for (let step = 0; step < 3; step += 1) value = value.replace(/^var\((--_[\w-]+)(?:, (.+))?\)$/, (_, inner, otherwise) => own.get(inner) ?? otherwise);
        return value.replace(/--h-/g, '--hospes-');
      });
      return [name, [...new Set(values)].join(' / ')];
    }),
  );
}

export function reference(manifest) {
  const all = manifest.modules.flatMap(({ declarations }) => declarations);
  const elements = ORDER.map((tag) => all.find(({ tagName }) => tagName === tag));
  const base = all.find(({ name }) => name === BASE);
  return `# Elements

<!-- Made from the comments in src/elements by \`npm run build\`; do not edit. -->

${elements.map(({ tagName, description }) => `- [\`<${tagName}>\`](#${tagName}): ${firstSentence(description)}`).join('\n')}

How to use them is in the [README](../README.md), how to make them yours in the [guide on theming](../../../docs/guides/theming.md).
Types are those of \`@hospes/sdk\`; the wire's are in [src/shapes.ts](../src/shapes.ts), the keys of \`messages\` in [src/locales/en.ts](../src/locales/en.ts).

${elements.map(section).join('\n\n')}

## What all elements share

${prose(base.description.split('\n\n').slice(1).join('\n\n'))}

${blocks(attributes(base), events(base), parts(base))}

### CSS variables

Set them on an element or on anything around it. Where two defaults are given, they are for light and dark.

${table(['Variable', 'Default', ''], base.cssProperties.map(({ name, default: value, description }) => [code(name), code(value), description]))}
`;
}

function section(element) {
  const methods = own(element.members).filter(({ kind }) => kind === 'method');
  const slots = own(element.slots);
  return `<a id="${element.tagName}"></a>

## \`<${element.tagName}>\`

${prose(element.description)}

It has [what all elements share](#what-all-elements-share), and:

${blocks(
    attributes(element),
    methods.length && `### Methods\n\n${table(['Method', 'Gives', ''], methods.map(({ name, return: gives, description }) => [code(`${name}()`), code(gives.type.text), description]))}`,
    events(element),
    parts(element),
    slots.length && `### Slots\n\n${table(['Slot', ''], slots.map(({ name, description }) => [name ? code(name) : 'the default one', description]))}`,
  )}`;
}

const blocks = (...texts) => texts.filter(Boolean).join('\n\n');

const own = (list = []) => list.filter(({ inheritedFrom }) => !inheritedFrom);

function attributes(element) {
  const byField = new Map(own(element.attributes).map((one) => [one.fieldName, one]));
  const fields = own(element.members).filter(({ kind }) => kind === 'field');
  const bare = own(element.attributes).filter(({ fieldName }) => !fieldName);
  const rows = [
    ...fields.map(({ name, type, description }) => [byField.has(name) ? code(byField.get(name).name) : '', code(name), code(type.text), description]),
    ...bare.map(({ name, type, description }) => [code(name), '', code(type.text), description]),
  ];
  return `### Attributes and properties\n\n${table(['Attribute', 'Property', 'Type', ''], rows)}`;
}

function events(element) {
  const rows = own(element.events).map(({ name, type, description }) => [
    code(name),
    code(/^CustomEvent<(.*)>$/.exec(type.text)[1]),
    /unless it is cancelled/i.test(description) ? 'yes' : '',
    description,
  ]);
  return `### Events\n\nThey bubble, out of shadow roots too.\n\n${table(['Event', '`detail`', 'Cancelable', ''], rows)}`;
}

function parts(element) {
  const rows = own(element.cssParts).map(({ name, description }) => [code(name), description]);
  return rows.length && `### Parts\n\n${table(['Part', ''], rows)}`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`.replace(/\s+\|/g, ' |');
  return `${[line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')}`;
}

/** Code in a table's cell. */
const code = (text) => `\`${text.replaceAll('|', '\\|')}\``;

/** One sentence a line, as everywhere in our Markdown; blocks of code stay. */
function prose(text) {
  return text
    .split('\n\n')
    .map((part) => (part.startsWith('```') ? part : part.replaceAll('\n', ' ').replace(/(?<=[a-z`)][.]) (?=[A-Z`])/g, '\n')))
    .join('\n\n');
}

const firstSentence = (text) => text.split('\n\n')[0].replaceAll('\n', ' ');
