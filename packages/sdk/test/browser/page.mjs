// A browser, and a page of a host app with one element on it, under the policy that the README recommends.

import assert from 'node:assert/strict';
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, beforeEach, test } from 'node:test';
import { chromium } from 'playwright-core';
import { openStage } from '../stage.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screenshots = here('../../../../test-results/sdk/');
mkdirSync(screenshots, { recursive: true });

const STYLE = `
  body { margin: 0; min-height: 100vh; padding: clamp(1rem, 6vh, 4rem) 1rem; box-sizing: border-box; background: #f6f5f2; font-family: serif; }
  /* What resets and frameworks do to every page. */
  button, input { all: unset; } h1 { font-size: 3rem; color: red; }
  @media (prefers-color-scheme: dark) { body { background: #101211; } }
  @media (max-width: 30rem) { body { padding: .75rem; } }
  .brand hospes-consent { --hospes-accent: #635bff; --hospes-link: #4338ca; --hospes-radius: 6px; --hospes-surface: #fffdf5; --hospes-font: Georgia, serif; }
  .shadcn { --primary: #18181b; --primary-foreground: #fafafa; --card: #fff; --card-foreground: #09090b; --muted: #f4f4f5; --muted-foreground: #71717a; --border: #e4e4e7; --input: #71717a; --ring: #18181b; --destructive: #dc2626; --radius: .5rem; }
`;

const served = new Map();
/** Puts a file on the host app's site. */
export const serve = (path, type, body) => served.set(path, { type, body });

export const stage = await openStage((url) => {
  const { pathname, searchParams } = new URL(url, 'http://stage');
  if (served.has(pathname)) return served.get(pathname);
  if (pathname.startsWith('/sdk/')) {
    return { type: 'text/javascript', body: readFileSync(here(`../../dist/${pathname.slice(5)}`)) };
  }
  if (pathname === '/page.css') return { type: 'text/css', body: STYLE };
  if (!pathname.startsWith('/page/')) return undefined;
  const element = pathname.slice(6);
  const attributes = [...searchParams].filter(([name]) => name.startsWith('-')).map(([name, value]) => `${name.slice(1)}="${value}"`);
  return {
    type: 'text/html; charset=utf-8',
    headers: { 'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ${stage.url}; img-src data: https:; base-uri 'none'` },
    body: `<!doctype html><html lang="${searchParams.get('lang') ?? 'en'}"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Host app</title><link rel="stylesheet" href="/page.css"><link rel="icon" href="data:,"><script type="module" src="/sdk/hospes.js"></script>
<body class="${searchParams.get('class') ?? ''}"><main><hospes-${element} issuer="${stage.url}" ${attributes.join(' ')}></hospes-${element}></main></body></html>`,
  };
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  timeout: 60_000,
  args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'],
});
after(async () => {
  await browser.close();
  stage.stop();
});
beforeEach(() => stage.reset());

/** The address of a page with one element; parameters with a dash in front are attributes of the element. */
export function address(element, parameters = {}) {
  return `${stage.guest}/page/${element}?${new URLSearchParams(parameters)}`;
}

/** A test with a browser profile of its own; nothing may complain in its console. */
export function story(name, options, tell) {
  test(name, { timeout: 60_000 }, async () => {
    const profile = await browser.newContext({ locale: 'en', ...options });
    const complaints = [];
    profile.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text())) complaints.push(message.text());
    });
    profile.on('weberror', (error) => complaints.push(String(error.error())));
    profile.setDefaultTimeout(10_000);
    try {
      await tell(await profile.newPage(), profile);
      assert.deepEqual(complaints, []);
    } finally {
      await profile.close();
    }
  });
}

/** Waits for a screen of an element. */
export async function isOn(page, screen) {
  await page.locator(`.card[data-screen="${screen}"]`).waitFor({ timeout: 10_000 }).catch(async () => {
    assert.fail(`expected the screen ${screen}: ${(await page.locator('.card').allInnerTexts()).join(' | ').slice(0, 400)} at ${page.url()}`);
  });
}

/** Looks at a page as its visitors do: narrow and wide, light and dark. No finding of axe, nothing cut off. */
export async function inspect(page, name, widths = [320, 375, 768, 1440, 1920]) {
  const findings = [];
  for (const width of widths) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize({ width, height: width < 500 ? 640 : 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: join(screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      const where = `${name}, ${width} px, ${colorScheme}`;
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (overflow > 0) findings.push(`${where}: ${overflow} px wider than the window`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      for (const { id, help, nodes } of violations) {
        findings.push(`${where}: ${id} (${help}): ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ').slice(0, 500)}`);
      }
    }
  }
  assert.deepEqual(findings, []);
}

/** The last call of the API to a path. */
export function lastCall(path) {
  return stage.calls.findLast((call) => call.path.endsWith(path));
}
export const callsTo = (path) => stage.calls.filter((call) => call.path.endsWith(path));
