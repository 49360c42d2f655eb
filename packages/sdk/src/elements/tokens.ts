// The look's variables. A page sets `--hospes-…`; what it leaves out is derived from what it sets, or is ours.
// The values are those of the server's own pages (crates/server/src/pages/theme.rs), in light and in dark.

import { css } from './css.js';

const light = css`
  --_scheme: light;
  --_1: #1f5c4a; --_2: #fff; --_3: #fff; --_4: #1a1c1b;
  --_hover: #1b5141; --_tint: #edf2f1; --_quiet: #f8f8f8; --_line: #e6e6e6; --_edge: #8b8c8b; --_muted: #686968;
  --_red: #b42318; --_red-tint: #faf0ef; --_red-line: #e6b4b1;
  --_amber: #8a5300; --_amber-tint: #f7f3ed; --_amber-line: #d7c5a8;
  --_k-tint: 8%; --_k-quiet: 3%; --_k-line: 11%; --_k-note: 7%; --_pole: #000;
  --_shadow: 0 0 0 1px rgba(20, 24, 22, .06), 0 1px 2px rgba(20, 24, 22, .05), 0 18px 44px -18px rgba(20, 24, 22, .18);
`;

const dark = css`
  --_scheme: dark;
  --_1: #6dc49f; --_2: #0b0d0c; --_3: #191c1b; --_4: #edefee;
  --_hover: #7fcbab; --_tint: #263730; --_quiet: #242726; --_line: #3b3e3d; --_edge: #6f7170; --_muted: #a5a7a6;
  --_red: #ff9b93; --_red-tint: #352b29; --_red-line: #67473f;
  --_amber: #f0c06a; --_amber-tint: #333024; --_amber-line: #625436;
  --_k-tint: 16%; --_k-quiet: 5%; --_k-line: 16%; --_k-note: 12%; --_pole: #fff;
  --_shadow: 0 0 0 1px rgba(255, 255, 255, .07), 0 1px 2px rgba(0, 0, 0, .4), 0 16px 40px -12px rgba(0, 0, 0, .55);
`;

/**
 * Tokens with their names inside of the elements: `--h-accent` here is `--hospes-accent` outside. All selectors weigh the
 * same (`:where`), so that what stands further down counts: a scheme, then a theme, then what is derived.
 */
export const tokens = css`
  :host { ${light} }
  @media (prefers-color-scheme: dark) { :host(:where(:not([color-scheme='light']))) { ${dark} } }
  :host(:where([color-scheme='dark'])) { ${dark} }
  :host(:where([theme='shadcn'])) {
    --_1: var(--primary, #171717); --_2: var(--primary-foreground, #fff); --_3: var(--card, #fff);
    --_4: var(--card-foreground, #0a0a0a); --_muted: var(--muted-foreground, #666); --_quiet: var(--muted, #f5f5f5);
    --_line: var(--border, #e5e5e5); --_red: var(--destructive, #b42318); --_radius: var(--radius, 10px);
    --_font: inherit; --_ring: var(--ring, var(--_1));
  }
  :host {
    --h-accent: var(--hospes-accent, var(--_1));
    --h-accent-ink: var(--hospes-accent-ink, var(--_2));
    --h-surface: var(--hospes-surface, var(--_3));
    --h-text: var(--hospes-text, var(--_4));
    --h-accent-hover: var(--hospes-accent-hover, var(--_hover));
    --h-accent-tint: var(--hospes-accent-tint, var(--_tint));
    --h-link: var(--hospes-link, var(--h-accent));
    --h-focus: var(--hospes-focus, var(--_ring, var(--h-accent)));
    --h-quiet: var(--hospes-quiet, var(--_quiet));
    --h-muted: var(--hospes-muted, var(--_muted));
    --h-line: var(--hospes-line, var(--_line));
    --h-edge: var(--hospes-edge, var(--_edge));
    --h-danger: var(--hospes-danger, var(--_red));
    --h-danger-tint: var(--hospes-danger-tint, var(--_red-tint));
    --h-danger-line: var(--hospes-danger-line, var(--_red-line));
    --h-danger-fill: var(--hospes-danger-fill, #c02a1f);
    --h-warning: var(--hospes-warning, var(--_amber));
    --h-warning-tint: var(--hospes-warning-tint, var(--_amber-tint));
    --h-warning-line: var(--hospes-warning-line, var(--_amber-line));
    --h-radius: var(--hospes-radius, 16px);
    --h-radius-small: var(--hospes-radius-small, var(--_radius, calc(var(--h-radius) * .625)));
    --h-font: var(--hospes-font, var(--_font, ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Arial, sans-serif));
    --h-shadow: var(--hospes-shadow, var(--_shadow));
    --h-width: var(--hospes-width, 30rem);
    --h-padding: var(--hospes-padding, 2.25rem);
  }
  /* Embedded browsers without color-mix keep the fixed colours above. */
  @supports (color: color-mix(in srgb, red, red)) {
    :host {
      --_hover: color-mix(in srgb, var(--h-accent) 88%, var(--_pole));
      --_tint: color-mix(in srgb, var(--h-surface), var(--h-accent) var(--_k-tint));
      --_red-tint: color-mix(in srgb, var(--h-surface), var(--h-danger) var(--_k-note));
      --_red-line: color-mix(in srgb, var(--h-surface), var(--h-danger) 34%);
      --_amber-tint: color-mix(in srgb, var(--h-surface), var(--h-warning) var(--_k-note));
      --_amber-line: color-mix(in srgb, var(--h-surface), var(--h-warning) 34%);
    }
    :host(:where(:not([theme='shadcn']))) {
      --_quiet: color-mix(in srgb, var(--h-surface), var(--h-text) var(--_k-quiet));
      --_line: color-mix(in srgb, var(--h-surface), var(--h-text) var(--_k-line));
    }
  }
`;
