/*
 * The part of the browser that the page's script uses. TypeScript's own `dom` library would put
 * `document`, `name`, `event` and a thousand more globals into every file of a project that runs in Node.
 */

/** An element. */
export interface PageElement {
  /** Its text; setting it never makes markup. */
  textContent: string | null
  /** Whether it is taken out of the page. */
  hidden: boolean
  /** Its classes. */
  className: string
  /** Its `data-` attributes. */
  readonly dataset: Readonly<Record<string, string | undefined>>
  /** Its own style, set through the object model, which the content policy allows. */
  readonly style: { transform: string; touchAction: string }
  /** Width with padding, in CSS pixels. */
  readonly clientWidth: number
  /** Height with padding, in CSS pixels. */
  readonly clientHeight: number
  append(...children: readonly (PageElement | string)[]): void
  replaceChildren(...children: readonly (PageElement | string)[]): void
  setAttribute(name: string, value: string): void
  getBoundingClientRect(): { readonly left: number; readonly top: number }
  querySelector(selector: string): PageElement | null
  addEventListener(
    type: string,
    listener: (event: PageEvent) => void,
    options?: { readonly passive: boolean },
  ): void
}

/** An event, with the fields of those listened to. */
export interface PageEvent {
  /** Position in the window, of pointer and wheel events. */
  readonly clientX: number
  /** Position in the window, of pointer and wheel events. */
  readonly clientY: number
  /** The buttons held, of pointer events. */
  readonly buttons: number
  /** How far the wheel turned. */
  readonly deltaY: number
  /** Whether control is held, or a touchpad pinched. */
  readonly ctrlKey: boolean
  /** Whether the command key is held. */
  readonly metaKey: boolean
  /** The key, of keyboard events. */
  readonly key: string
  preventDefault(): void
}

/** A canvas. */
export interface PageCanvas extends PageElement {
  /** Width of its bitmap. */
  width: number
  /** Height of its bitmap. */
  height: number
  getContext(type: '2d'): PageContext | null
}

/** What a canvas is drawn with. */
export interface PageContext {
  /** Colour of fills. */
  fillStyle: string
  /** Opacity of fills. */
  globalAlpha: number
  setTransform(a: number, b: number, c: number, d: number, e: number, f: number): void
  clearRect(x: number, y: number, width: number, height: number): void
  beginPath(): void
  arc(x: number, y: number, radius: number, from: number, to: number): void
  fill(): void
}

/** The document. */
export interface PageDocument {
  getElementById(id: string): PageElement | null
  querySelector(selector: string): PageElement | null
  querySelectorAll(selector: string): Iterable<PageElement>
  createElement(name: string): PageElement
}

/** The window. */
export interface PageWindow {
  /** Bitmap pixels per CSS pixel. */
  readonly devicePixelRatio: number
  addEventListener(type: string, listener: () => void): void
  getComputedStyle(element: PageElement): { getPropertyValue(name: string): string }
  matchMedia(query: string): { addEventListener(type: string, listener: () => void): void }
}
