// An element that draws itself again when one of its properties has changed. It does what we use of the base class of
// Lit, in a quarter of the size (docs/decisions/0010-what-an-element-loads-from-the-start.md).

import { render } from 'lit-html';
import { adopt } from './css.js';

/** How a property can be set from outside. */
export interface PropertyOptions {
  /** The name of its attribute. Left out: its own in lower case. False: it has none. */
  attribute?: string | false;
  /** What the attribute's text becomes. Left out: it stays a text. */
  type?: BooleanConstructor | NumberConstructor;
  /** The element's own business: it has no attribute, and no documentation. */
  state?: true;
}

export type Properties = Readonly<Record<string, PropertyOptions>>;

function attributeOf(key: string, { attribute, state }: PropertyOptions): string | null {
  return state || attribute === false ? null : (attribute ?? key.toLowerCase());
}

// A server renders only the tags; there the classes are loaded and never made.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

export abstract class ReactiveElement extends Base {
  static properties: Properties = {};
  static styles: readonly string[] = [];

  /** Gives the class its properties, and registers it: once, and only where there are elements. */
  static define(name: string): void {
    for (const key of Object.keys(this.properties)) {
      Object.defineProperty(this.prototype, key, {
        configurable: true,
        get(this: ReactiveElement) {
          return this.values[key];
        },
        set(this: ReactiveElement, value: unknown) {
          this.set(key, value);
        },
      });
    }
    const own = this as unknown as CustomElementConstructor;
    if (globalThis.customElements && !customElements.get(name)) customElements.define(name, own);
  }

  static get observedAttributes(): string[] {
    return Object.entries(this.properties).flatMap(([key, options]) => attributeOf(key, options) ?? []);
  }

  /** Resolved when what has changed is drawn. */
  updateComplete: Promise<void> = Promise.resolve();
  protected readonly renderRoot: ShadowRoot = this.attachShadow({ mode: 'open' });
  protected hasUpdated = false;
  private readonly values: Record<string, unknown> = {};
  private changed = new Set<string>();
  private isDue = false;
  /** What was set before the class was loaded: it hides the accessors, and counts more than the defaults. */
  private readonly early: Record<string, unknown> = {};

  constructor() {
    super();
    const own = this as Record<string, unknown>;
    for (const key of Object.keys(this.declared.properties)) {
      if (Object.hasOwn(own, key)) {
        this.early[key] = own[key];
        delete own[key];
      }
    }
  }

  protected abstract render(): unknown;
  /** Before the first drawing, and before each after that. */
  protected willUpdate(_changed: ReadonlySet<string>): void {}
  protected firstUpdated(): void {}
  /** What is changed in here is drawn next. */
  protected updated(_changed: ReadonlySet<string>): void {}

  connectedCallback(): void {
    if (!this.hasUpdated) Object.assign(this, this.early);
    for (const text of this.declared.styles) adopt(this.renderRoot, text);
    this.requestUpdate();
  }

  attributeChangedCallback(name: string, _old: string | null, text: string | null): void {
    for (const [key, options] of Object.entries(this.declared.properties)) {
      if (attributeOf(key, options) !== name) continue;
      const value = options.type === Boolean ? text !== null : text === null ? undefined : options.type ? options.type(text) : text;
      this.set(key, value);
    }
  }

  private set(key: string, value: unknown): void {
    if (Object.is(this.values[key], value)) return;
    this.values[key] = value;
    this.changed.add(key);
    this.requestUpdate();
  }

  /** Draws soon: once for everything that changes meanwhile, and not before the element is on a page. */
  protected requestUpdate(): void {
    if (this.isDue || !this.isConnected) return;
    this.isDue = true;
    this.updateComplete = Promise.resolve().then(() => this.update());
  }

  private update(): void {
    const { changed } = this;
    this.willUpdate(changed);
    this.changed = new Set();
    this.isDue = false;
    render(this.render(), this.renderRoot);
    if (!this.hasUpdated) {
      this.hasUpdated = true;
      this.firstUpdated();
    }
    this.updated(changed);
  }

  private get declared(): typeof ReactiveElement {
    return this.constructor as typeof ReactiveElement;
  }
}
