// Inputs, buttons and notes: in shadow roots, and in the page where the login's form is (password managers look for
// credentials in the page itself). So there are only classes here, with names that nobody else has: a class beats the
// resets that pages have for `button` and `input`, and the page's own rule `hospes-login .hospes-button` beats a class.

import { css } from './css.js';

export const formStyle = css`
  .hospes-form { display: block; margin: 0; font: inherit; }
  .hospes-form > * + * { margin-block-start: 1.125rem; }
  .hospes-input {
    box-sizing: border-box; display: block; inline-size: 100%; min-block-size: 2.75rem; margin: 0; padding: .5625rem .8125rem;
    border: 1px solid var(--h-edge); border-radius: var(--h-radius-small); background: var(--h-surface); box-shadow: none;
    font: 400 1rem/1.5 var(--h-font); color: var(--h-text); letter-spacing: normal; text-align: start; transition: border-color .12s;
  }
  .hospes-input:hover { border-color: var(--h-text); }
  .hospes-input[aria-invalid='true'] { border-color: var(--h-danger); }
  .hospes-input:focus { outline: 2px solid var(--h-focus); outline-offset: -1px; border-color: var(--h-focus); }
  .hospes-actions { display: grid; gap: .5rem; }
  .hospes-form > .hospes-actions { margin-block-start: 1.5rem; }
  .hospes-actions.pairwise { grid-template-columns: 1fr 1fr; gap: .75rem; }
  .hospes-button {
    box-sizing: border-box; position: relative; display: block; inline-size: 100%; min-block-size: 2.75rem; margin: 0; padding: .625rem 1.125rem;
    border: 1px solid transparent; border-radius: var(--h-radius-small); background: none; font: 600 1rem/1.35 var(--h-font);
    color: var(--h-text); letter-spacing: -.006em; text-align: center; text-decoration: none; text-transform: none; overflow-wrap: anywhere;
    cursor: pointer; transition: background-color .12s, border-color .12s, color .12s;
  }
  .hospes-button.primary { background: var(--h-accent); color: var(--h-accent-ink); box-shadow: 0 1px 2px rgba(10, 14, 12, .14), inset 0 1px 0 rgba(255, 255, 255, .1); }
  .hospes-button.primary:hover { background: var(--h-accent-hover); }
  .hospes-button.secondary { border-color: var(--h-edge); background: var(--h-surface); }
  .hospes-button.secondary:hover { border-color: var(--h-text); background: var(--h-quiet); }
  .hospes-button.quiet { margin-block-end: -.75rem; color: var(--h-muted); font-weight: 550; }
  .hospes-button.quiet:hover { background: var(--h-quiet); color: var(--h-text); }
  .hospes-button[aria-disabled='true'] { cursor: default; opacity: .55; }
  .hospes-button[aria-busy='true'] { opacity: 1; color: transparent; }
  .hospes-button[aria-busy='true']::after {
    content: ''; position: absolute; inset: 0; margin: auto; inline-size: 1.125rem; block-size: 1.125rem;
    border: 2px solid var(--h-text); border-block-start-color: transparent; border-radius: 50%; animation: hospes-turn .9s linear infinite;
  }
  .hospes-button.primary[aria-busy='true']::after { border-color: var(--h-accent-ink); border-block-start-color: transparent; }
  .hospes-button:focus-visible { outline: 2px solid var(--h-focus); outline-offset: 2px; }
  .hospes-note {
    display: flex; gap: .625rem; padding: .75rem .875rem; border: 1px solid var(--h-line); border-radius: var(--h-radius-small);
    font: 400 .875rem/1.45 var(--h-font); color: var(--h-text);
  }
  .hospes-note p { flex: 1; min-inline-size: 0; margin: 0; }
  .hospes-note.danger { border-color: var(--h-danger-line); background: var(--h-danger-tint); color: var(--h-danger); }
  .hospes-note.warning { border-color: var(--h-warning-line); background: var(--h-warning-tint); }
  .hospes-note.warning .hospes-icon { color: var(--h-warning); }
  .hospes-note.good { border-color: transparent; background: var(--h-accent-tint); }
  .hospes-note.good .hospes-icon { color: var(--h-link); }
  .hospes-note code { overflow-wrap: anywhere; }
  .hospes-icon { flex: none; inline-size: 1rem; block-size: 1rem; }
  .hospes-note .hospes-icon { margin-block-start: .125rem; }
  .hospes-hidden {
    position: absolute; inline-size: 1px; block-size: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
  }
  @keyframes hospes-turn { to { transform: rotate(1turn); } }
  @media (max-width: 30rem) {
    .hospes-input, .hospes-button { min-block-size: 3rem; }
  }
  @media (prefers-reduced-motion: reduce) {
    .hospes-input, .hospes-button { transition: none; }
    .hospes-button::after { animation-duration: 6s !important; }
  }
  @media (forced-colors: active) { .hospes-button, .hospes-note { border: 1px solid; } }
`;
