import { glow, h, text, tween } from "../dom.ts";
import { cell, exact, readable } from "../format.ts";
import type { Lang } from "../route.ts";

/** A number that can change before the reader's eyes. */
export interface Figure {
  element: HTMLElement;
  /** Sets it; `calm` shows the change: counting and a glow. Says whether it changed. */
  set(value: number | null, calm?: boolean): boolean;
}

interface Shown {
  element: HTMLDataElement;
  write(value: number | null): void;
  counts: boolean;
}

function figure(shown: Shown, unit: string, lang: Lang): Figure {
  let current: number | null | undefined;
  let run = 0;
  const { element, write } = shown;
  return {
    element,
    set(value, calm = false) {
      if (value === current) return false;
      const before = current;
      current = value;
      element.value = value === null ? "" : String(value);
      element.title = exact(value, unit, lang);
      run += 1;
      const mine = run;
      if (calm && shown.counts && typeof before === "number" && value !== null) {
        const whole = Number.isInteger(value);
        tween(before, value, (step) => { if (mine === run) write(whole ? Math.round(step) : step); });
      } else write(value);
      if (calm && before !== undefined) glow(element);
      return before !== undefined;
    },
  };
}

/** Large, with its word beside it: "23,3 tỷ đồng"; the exact value is the title. */
export function large(unit: string, lang: Lang): Figure {
  const number = h("span", { class: "number" });
  const word = h("span", { class: "word" });
  const write = (value: number | null): void => {
    const said = readable(value, unit, lang);
    text(number, said.number);
    text(word, said.word === "" ? "" : said.word === "%" && lang === "en" ? "%" : `\u00a0${said.word}`);
  };
  return figure({ element: h("data", { class: "figure", value: "" }, number, word), write, counts: true }, unit, lang);
}

/** For a table cell: short, the exact value is the title. */
export function small(unit: string, lang: Lang): Figure {
  const element = h("data", { class: "figure", value: "" });
  return figure({ element, write: (value) => text(element, cell(value, unit, lang)), counts: false }, unit, lang);
}
