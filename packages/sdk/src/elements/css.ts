// Styles are text here: marked, so that editors know them and the build makes them smaller, and shared by all elements.

/** Marks a text as CSS. */
export const css = String.raw;

const sheets = new Map<string, CSSStyleSheet>();

/** Puts a style into a page or a shadow root, once. A style sheet object, because policies forbid `<style>`. */
export function adopt(root: Document | ShadowRoot, text: string): void {
  if (!root.adoptedStyleSheets) {
    // Safari before 16.4.
    const style = Object.assign(document.createElement('style'), { textContent: text });
    (root instanceof Document ? root.head : root).append(style);
    return;
  }
  const sheet = sheets.get(text) ?? new CSSStyleSheet();
  if (!sheets.has(text)) sheet.replaceSync(text);
  sheets.set(text, sheet);
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}
