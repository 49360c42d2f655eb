// Takes the pictures of docs/guides/theming.md. The markup and the CSS of each are those that stand beside it in the
// guide, so what is shown is what one gets. Needs Chromium (`CHROMIUM` names another one) and `npm run build`.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { root } from '../bundle.mjs';
import { openStage } from '../test/stage.mjs';
import { smallPng } from './small-png.mjs';

const guides = join(root, '../../docs/guides');
const LIMIT = 60 * 1024;

/** Each picture with the blocks of code of its section. */
async function examples() {
  const sections = (await readFile(join(guides, 'theming.md'), 'utf8')).split(/^## /m).slice(1);
  return sections.flatMap((section) => {
    const block = (kind) => new RegExp(`\`\`\`${kind}\n([^]*?)\`\`\``).exec(section)?.[1];
    return [...section.matchAll(/\]\((theming\/([a-z-]+)\.png)\)/g)].map(([, path, name]) => ({ path, name, html: block('html'), css: block('css') ?? '' }));
  });
}

let shown;
const stage = await openStage((url) => {
  const { pathname } = new URL(url, 'http://stage');
  if (pathname === '/hospes.js' || pathname.startsWith('/locales/')) return { type: 'text/javascript', body: files.get(pathname) };
  if (pathname !== '/page') return undefined;
  const ground = shown.name === 'dark' ? '#101211' : '#f6f5f2';
  return {
    type: 'text/html; charset=utf-8',
    body: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${shown.name}</title><link rel="icon" href="data:,">
<style>body { margin: 0; padding: 1.5rem; background: ${ground}; } @media (max-width: 30rem) { body { padding: .5rem; } } ${shown.css}</style><script type="module" src="/hospes.js"></script>
<body>${shown.html.replaceAll('https://auth.example.com', stage.url)}</body></html>`,
  };
});
const files = new Map();
for (const path of ['/hospes.js', '/locales/en.js', '/locales/ar.js']) files.set(path, await readFile(join(root, 'dist', path)));
const flags = ['--disable-gpu', '--disable-lcd-text'];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: process.getuid?.() === 0 ? ['--no-sandbox', ...flags] : flags,
});
try {
  await mkdir(join(guides, 'theming'), { recursive: true });
  for (shown of await examples()) {
    const width = shown.name === 'narrow' ? 360 : shown.html.includes('connected-apps') ? 720 : 540;
    const page = await browser.newPage({ viewport: { width, height: 400 }, deviceScaleFactor: 1.5, colorScheme: shown.name === 'dark' ? 'dark' : 'light', locale: 'en' });
    await page.goto(`${stage.guest}/page?interaction=consent`);
    await page.locator('.card:not([data-screen=waiting])').waitFor();
    const picture = smallPng(await page.evaluate(decode, (await page.screenshot({ fullPage: true })).toString('base64')).then(asBytes));
    await page.close();
    console.log(`${shown.path} ${(picture.length / 1024).toFixed(0)} KB`);
    if (picture.length > LIMIT) throw new Error(`${shown.path} is larger than ${LIMIT / 1024} KB`);
    await writeFile(join(guides, shown.path), picture);
  }
} finally {
  await browser.close();
  stage.stop();
}

/** Runs in the browser, which can read what it wrote. */
async function decode(png) {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const { width, height } = image;
  const canvas = new OffscreenCanvas(width, height).getContext('2d');
  canvas.drawImage(image, 0, 0);
  const bytes = new Blob([canvas.getImageData(0, 0, width, height).data]);
  const text = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(bytes);
  });
  return { width, height, pixels: text.slice(text.indexOf(',') + 1) };
}

function asBytes({ width, height, pixels }) {
  return { width, height, pixels: Buffer.from(pixels, 'base64') };
}
