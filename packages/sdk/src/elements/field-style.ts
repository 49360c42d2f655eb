// The fields of the login. They stand in the page itself, like the rest of form-style.ts: no element draws them elsewhere.

import { css } from './css.js';

export const fieldStyle = css`
  .hospes-field { display: block; position: relative; }
  .hospes-label { display: block; margin: 0 0 .375rem; font: 550 .875rem/1.5 var(--h-font); color: var(--h-text); letter-spacing: normal; }
  .hospes-input:-webkit-autofill { -webkit-text-fill-color: var(--h-text); box-shadow: inset 0 0 0 3rem var(--h-accent-tint); }
  .hospes-input.with-peek { padding-inline-end: 3rem; }
  .hospes-peek {
    position: absolute; inset-inline-end: .25rem; inset-block-end: .25rem; display: grid; place-items: center; inline-size: 2.25rem;
    block-size: 2.25rem; margin: 0; padding: 0; border: 0; border-radius: calc(var(--h-radius-small) * .75); background: none;
    color: var(--h-muted); cursor: pointer;
  }
  .hospes-peek:hover { background: var(--h-quiet); color: var(--h-text); }
  .hospes-peek:focus-visible { outline: 2px solid var(--h-focus); outline-offset: 2px; }
  @media (max-width: 30rem) { .hospes-peek { inset-block-end: .375rem; } }
`;
