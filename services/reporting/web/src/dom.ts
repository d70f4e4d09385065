/** The little that is needed to build a page without a framework. */
type Child = Node | string | null | undefined | false;
type Handlers = { [K in keyof HTMLElementEventMap as `on${K}`]?: (event: HTMLElementEventMap[K]) => void };
type Attributes = Record<`aria-${string}` | `data-${string}`, string | number | undefined> | Record<string, unknown>;

/** Makes an element: attributes (undefined and false are left out, true is empty), `onclick` and such as listeners, then children. */
export function h<T extends keyof HTMLElementTagNameMap>(tag: T, attributes: Attributes & Handlers = {}, ...children: Child[]): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false || value === null) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

/** Writes text only where it differs, so that nothing is announced or repainted for nothing. */
export function text(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

export const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Marks an element as changed for a moment; the style sheet makes it glow and fade. */
export function glow(element: HTMLElement): void {
  element.classList.remove("changed");
  void element.offsetWidth;
  element.classList.add("changed");
  element.addEventListener("animationend", () => element.classList.remove("changed"), { once: true });
}

/** Counts from one value to another, writing each step; the last step is exactly `to`. */
export function tween(from: number, to: number, write: (value: number) => void): void {
  if (still() || document.hidden) return write(to);
  const began = performance.now();
  const step = (now: number): void => {
    const part = Math.min(1, (now - began) / 600);
    write(part === 1 ? to : from + (to - from) * (1 - (1 - part) ** 3));
    if (part < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

let serial = 0;

/** An id nobody else has, for labels. */
export function id(prefix: string): string {
  serial += 1;
  return `${prefix}-${serial}`;
}
