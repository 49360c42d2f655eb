// What all elements share: the card, its heading, people, clients, badges, scope values, signs.

import { css } from './css.js';

export const frameStyle = css`
  :host { display: block; color-scheme: var(--_scheme); }
  :host([hidden]), [hidden] { display: none !important; }
  *, *::before, *::after { box-sizing: border-box; }
  h1, h2, p, ul, dl, dd, fieldset { margin: 0; padding: 0; border: 0; }
  ul { list-style: none; }
  bdi { overflow-wrap: anywhere; }
  .card {
    inline-size: 100%; max-inline-size: var(--h-width); margin-inline: auto; padding: var(--h-padding); border-radius: var(--h-radius);
    background: var(--h-surface); box-shadow: var(--h-shadow); font: 400 1rem/1.5 var(--h-font); color: var(--h-text); text-align: start;
  }
  .head { margin-block-end: 1.75rem; }
  .centred { text-align: center; }
  h1 { font-size: 1.4375rem; font-weight: 650; line-height: 1.28; letter-spacing: -.018em; text-wrap: balance; overflow-wrap: break-word; }
  h1:focus { outline: none; }
  h2, legend { font-size: .875rem; font-weight: 600; line-height: 1.4; }
  .lead { margin-block-start: .4375rem; color: var(--h-muted); text-wrap: pretty; }
  .lead bdi { color: var(--h-text); font-weight: 550; }
  .hint { font-size: .8125rem; color: var(--h-muted); text-wrap: pretty; }
  .after { margin-block-start: 1.125rem; }
  .strong { font-weight: 600; }
  .address { unicode-bidi: isolate; direction: ltr; overflow-wrap: anywhere; text-align: -webkit-match-parent; text-align: match-parent; }
  :focus-visible { outline: 2px solid var(--h-focus); outline-offset: 2px; }
  .person {
    display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem; padding: .6875rem .8125rem;
    border: 1px solid var(--h-line); border-radius: var(--h-radius-small);
  }
  .face {
    display: grid; place-items: center; flex: none; inline-size: 2.25rem; block-size: 2.25rem; border-radius: 50%;
    background: var(--h-accent-tint); color: var(--h-link); font-size: .9375rem; font-weight: 600; line-height: 1;
  }
  .who { flex: 1 1 9rem; min-inline-size: 0; }
  .who-name, .who-login { display: block; line-height: 1.35; }
  .who-name { font-size: .9375rem; font-weight: 550; }
  .who-login { font-size: .8125rem; color: var(--h-muted); }
  .text-button {
    flex: none; margin-inline-start: auto; padding: .25rem; border: 0; border-radius: 4px; background: none; color: var(--h-link);
    font: 550 .875rem/1.5 var(--h-font); text-align: start; cursor: pointer;
  }
  .text-button:hover, summary:hover { text-decoration: underline; text-underline-offset: .18em; }
  .avatar {
    position: relative; display: grid; place-items: center; flex: none; inline-size: 3.5rem; block-size: 3.5rem; overflow: hidden;
    border: 1px solid var(--h-line); border-radius: calc(var(--h-radius) * .875); background: var(--h-quiet); font-size: 1.375rem;
    font-weight: 600; line-height: 1;
  }
  /* Sized by its limits alone: a picture that does not load then shows nothing, where width and height draw a torn page. */
  .avatar img { position: absolute; inset: 0 auto auto 0; min-inline-size: 100%; min-block-size: 100%; max-inline-size: 100%; max-block-size: 100%; object-fit: cover; background: var(--h-surface); }
  .avatar.own { border-color: transparent; background: var(--h-accent); color: var(--h-accent-ink); }
  .badges { margin-block-start: .75rem; line-height: 1; }
  .badge {
    display: inline-flex; align-items: center; gap: .3125rem; padding: .25rem .625rem; border-radius: 99px; background: var(--h-warning-tint);
    color: var(--h-warning); font-size: .8125rem; font-weight: 550; line-height: 1.25rem; text-align: start;
  }
  .badge .hospes-icon { inline-size: .875rem; block-size: .875rem; }
  .badge.good { background: var(--h-accent-tint); color: var(--h-link); }
  .scopes > li { display: flex; gap: .6875rem; padding-block: .25rem; }
  .scopes .hospes-icon { inline-size: 1.125rem; margin-block-start: .1875rem; color: var(--h-link); }
  .scopes.refused .hospes-icon, .scopes.refused .scope-title { color: var(--h-muted); }
  .scope { flex: 1; min-inline-size: 0; }
  .scope-title { display: block; font-size: .9375rem; line-height: 1.45; }
  .scope-detail { display: block; font-size: .8125rem; line-height: 1.4; color: var(--h-muted); }
  .sign { display: inline-grid; place-items: center; inline-size: 3rem; block-size: 3rem; margin-block-end: 1.125rem; border-radius: 50%; background: var(--h-quiet); color: var(--h-muted); }
  .sign .hospes-icon { inline-size: 1.5rem; block-size: 1.5rem; }
  .sign.good { background: var(--h-accent-tint); color: var(--h-link); }
  .sign.bad { background: var(--h-danger-tint); color: var(--h-danger); }
  .advice { margin-block: 1.25rem; padding: .875rem 1rem; border-radius: var(--h-radius-small); background: var(--h-quiet); font-size: .9375rem; }
  summary { display: inline-flex; align-items: center; gap: .3125rem; list-style: none; cursor: pointer; color: var(--h-link); font-size: .8125rem; font-weight: 550; border-radius: 4px; }
  summary::-webkit-details-marker { display: none; }
  summary::after { content: ''; inline-size: .3125rem; block-size: .3125rem; margin-block-end: .1875rem; border: solid currentColor; border-width: 0 1.5px 1.5px 0; transform: rotate(45deg); }
  details[open] > summary::after { margin-block-end: -.125rem; transform: rotate(225deg); }
  code { font-family: ui-monospace, 'SF Mono', 'Cascadia Mono', 'Roboto Mono', 'DejaVu Sans Mono', monospace; font-size: .875em; overflow-wrap: anywhere; }
  .spinner {
    display: inline-block; inline-size: 2rem; block-size: 2rem; margin-block-end: 1.125rem; border: 3px solid var(--h-line);
    border-block-start-color: var(--h-focus); border-radius: 50%; animation: hospes-turn .9s linear infinite;
  }
  .waiting { display: grid; place-items: center; align-content: center; min-block-size: 16rem; }
  @media (max-width: 30rem) {
    .person .who { flex-basis: calc(100% - 3rem); }
    .person .text-button { flex: 0 1 auto; margin-inline-start: 2.75rem; margin-block-end: -.25rem; padding-block-start: 0; }
    .card { padding: var(--hospes-padding, 1.5rem 1.25rem); }
  }
  @media (prefers-reduced-motion: reduce) { .spinner { animation-duration: 6s; } }
  @media (prefers-contrast: more) { :host { --_muted: var(--h-text); --_line: var(--h-edge); } }
  @media (forced-colors: active) { .card, .badge, .face { border: 1px solid; } }
`;
