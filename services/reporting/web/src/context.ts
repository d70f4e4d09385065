import type { Indicator } from "./client.ts";
import type { Say } from "./messages.ts";
import type { Lang } from "./route.ts";

/** What every part of the page is given. */
export interface Context {
  lang: Lang;
  say: Say;
  /** Indicators by code, named in `lang`. */
  indicators: ReadonlyMap<string, Indicator>;
  /** The address of a unit in the shown period. */
  link(unit: string): string;
}

/** A part of the page: built once, then told of new data of the same unit and period. */
export interface Part<T> {
  element: HTMLElement;
  update(data: T): void;
}
