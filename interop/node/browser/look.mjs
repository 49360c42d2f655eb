// Looks at a page as its visitors do: how wide it is, what is cut off, what axe finds, where the focus is.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * What is found on a page at these widths, light and dark, one line each: at every width what is too wide or cut, and at
 * those of `axeAt` what axe finds. With a folder, a picture of each.
 */
export async function lookAt(page, name, { widths, axeAt = widths, folder }) {
  const findings = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: width < 500 ? 640 : 900 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await picture(page, folder, `${name}-${width}-${colorScheme}`);
      // In the dark nothing but the colours is another.
      const isDark = colorScheme === 'dark';
      const found = isDark ? [] : await layoutOf(page);
      if (axeAt.includes(width)) found.push(...(await axeFindings(page, isDark && ['color-contrast'])));
      findings.push(...found.map((finding) => `${name}, ${width} px, ${colorScheme}: ${finding}`));
    }
  }
  return findings;
}

/** What is wider than the window, outside of it, or cut by a box around it; one line each. */
export function layoutOf(page) {
  return page.evaluate(() => {
    const found = [];
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) found.push(`${scrollWidth - clientWidth} px wider than the window`);
    const range = document.createRange();
    const parentOf = (node) => node.assignedSlot ?? node.parentElement ?? node.getRootNode().host;
    // What is there for screen readers only.
    const isHidden = (element) => {
      for (let box = element; box; box = parentOf(box)) if (getComputedStyle(box).clipPath !== 'none') return true;
      return !element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    };
    // A box that cuts the text off, or from whose frame the text does not keep the distance that it should.
    const spoiledBy = (rect, element) => {
      for (let box = element; box && box !== document.body && box !== document.documentElement; box = parentOf(box)) {
        const style = getComputedStyle(box);
        const edge = box.getBoundingClientRect();
        const isCutAcross = /hidden|clip/.test(style.overflowX) && (rect.left < edge.left - 1 || rect.right > edge.right + 1);
        const isCutBelow = /hidden|clip/.test(style.overflowY) && (rect.top < edge.top - 1 || rect.bottom > edge.bottom + 3);
        if (isCutAcross || isCutBelow) return `cut by ${nameOf(box)}`;
        const hasFrame = parseFloat(style.borderLeftWidth) > 0 && parseFloat(style.borderRightWidth) > 0;
        const [left, right] = [edge.left + parseFloat(style.paddingLeft) / 2, edge.right - parseFloat(style.paddingRight) / 2];
        if (hasFrame && (rect.left < left - 1 || rect.right > right + 1)) return `at the frame of ${nameOf(box)}`;
      }
      return undefined;
    };
    const nameOf = (box) => `<${box.localName} class="${box.getAttribute('class') ?? ''}">`;
    const look = (root) => {
      for (const element of root.querySelectorAll('*')) {
        if (element.shadowRoot) look(element.shadowRoot);
        const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        const isControl = /^(button|input|select|img|svg)$/i.test(element.tagName) && element.type !== 'hidden';
        const isShown = (text.length || isControl) && !/^(option|script|style|title)$/i.test(element.tagName);
        if (!isShown || isHidden(element)) continue;
        const what = `<${element.localName}> ${(element.textContent || element.value || '').trim().slice(0, 40)}`;
        const judge = (rect, around) => {
          if (!rect.width || !rect.height) return;
          if (rect.left < -1 || rect.right > clientWidth + 1) found.push(`outside of the window: ${what}`);
          const spoiled = spoiledBy(rect, around);
          if (spoiled) found.push(`${spoiled}: ${what}`);
        };
        if (isControl) judge(element.getBoundingClientRect(), parentOf(element));
        for (const node of text) {
          range.selectNodeContents(node);
          for (const rect of range.getClientRects()) judge(rect, element);
        }
      }
    };
    look(document.body);
    return [...new Set(found)];
  });
}

/** What axe finds, best practices and the size of targets included; or what some rules find. */
export async function axeFindings(page, rules) {
  if (!(await page.evaluate(() => Boolean(window.axe)))) await page.evaluate(axe);
  const options = rules ? { runOnly: rules } : { rules: { 'target-size': { enabled: true } } };
  const { violations } = await page.evaluate((given) => window.axe.run(document, { resultTypes: ['violations'], ...given }), options);
  const where = (nodes) => nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ').slice(0, 500);
  return violations.map(({ id, help, nodes }) => `${id} (${help}): ${where(nodes)}`);
}

/** What moves although the visitor does not want it to. */
export function movements(page) {
  return page.evaluate(() => {
    const found = [];
    const seconds = (list) => Math.max(...list.split(',').map((one) => parseFloat(one) * (one.trim().endsWith('ms') ? 0.001 : 1)));
    const moves = /transform|translate|rotate|scale|all|top|left|right|bottom|inset|margin|width|height|size/;
    const look = (root) => {
      for (const element of root.querySelectorAll('*')) {
        if (element.shadowRoot) look(element.shadowRoot);
        const { animationName, animationDuration, transitionProperty, transitionDuration } = getComputedStyle(element);
        const isAnimated = animationName !== 'none' && seconds(animationDuration) > 0.01;
        if (isAnimated) found.push(`<${element.localName}> animation ${animationName}`);
        const isMoved = seconds(transitionDuration) > 0.01 && moves.test(transitionProperty);
        if (isMoved) found.push(`<${element.localName}> transition ${transitionProperty}`);
      }
    };
    look(document);
    return found;
  });
}

/** The element with the focus, through shadow roots, and how it looks: to be compared with how it looks without. */
export async function focused(page) {
  const handle = await page.evaluateHandle(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element;
  });
  return handle.asElement();
}

/** How an element is drawn, as far as a focus may show in it or in what stands right around it. */
export function drawnAs(handle) {
  return handle.evaluate((element) => {
    const boxes = [element, element.parentElement].filter(Boolean);
    return boxes.map((box) => {
      const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor, textDecoration } = getComputedStyle(box);
      const outline = outlineStyle === 'none' ? '' : `${outlineStyle} ${outlineWidth} ${outlineColor}`;
      return [outline, boxShadow, borderColor, backgroundColor, textDecoration].join('; ');
    }).join(' / ');
  });
}

/** Writes a picture of a page into the folder, if there is one. That of the full page sets the sizes of fonts back. */
export async function picture(page, folder, name, fullPage = true) {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
}
