import { svg, html } from 'lit-html';

const icon = (drawing: unknown) =>
  html`<svg class="hospes-icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">${drawing}</svg>`;

export const check = icon(svg`<path stroke-width="1.8" d="M3.5 8.5l3 3 6-7"/>`);
export const no = icon(svg`<circle cx="8" cy="8" r="5.6"/><path d="M4.2 4.2l7.6 7.6"/>`);
export const warn = icon(svg`<path d="M8 2.2l6.3 11.1H1.7zM8 6.4v3.3"/><circle cx="8" cy="11.6" r=".4"/>`);
export const down = icon(svg`<path stroke-width="1.6" d="M3.5 6L8 10.5 12.5 6"/>`);
export const forth = icon(svg`<path stroke-width="1.6" d="M6 3.5L10.5 8 6 12.5"/>`);
export const eye = icon(svg`<path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z"/><circle cx="8" cy="8" r="2"/>`);
