import { h, id } from "../dom.ts";
import type { Say } from "../messages.ts";
import { isDate, today, wholeYear } from "../route.ts";

const YEARS_BACK = 6;

export interface Period {
  element: HTMLElement;
  show(from: string, to: string): void;
}

/** A year, or any range of days. */
export function period(say: Say, choose: (from: string, to: string) => void): Period {
  const [yearId, fromId, toId, errorId] = [id("year"), id("from"), id("to"), id("wrong")];
  const thisYear = Number(today().slice(0, 4));
  const years = Array.from({ length: YEARS_BACK }, (_, back) => String(thisYear - back));
  const other = h("option", { value: "" }, say("custom"));
  const year = h("select", { id: yearId, onchange: () => {
    range.hidden = year.value !== "";
    if (year.value !== "") choose(`${year.value}-01-01`, `${year.value}-12-31`);
    else from.focus();
  } }, ...years.map((value) => h("option", { value }, say("year", { year: value }))), other);
  const from = h("input", { id: fromId, type: "date", required: true, "aria-describedby": errorId });
  const to = h("input", { id: toId, type: "date", required: true, "aria-describedby": errorId });
  const wrong = h("p", { id: errorId, class: "wrong", role: "alert" });
  const range = h("form", { class: "range", hidden: true, novalidate: true, onsubmit: (event) => {
    event.preventDefault();
    const good = isDate(from.value) && isDate(to.value) && from.value <= to.value;
    wrong.textContent = good ? "" : say("periodWrong");
    for (const input of [from, to]) input.toggleAttribute("aria-invalid", !good);
    if (good) choose(from.value, to.value);
  } },
    h("div", { class: "field" }, h("label", { for: fromId }, say("from")), from),
    h("div", { class: "field" }, h("label", { for: toId }, say("to")), to),
    h("button", { type: "submit" }, say("show")), wrong);

  return {
    element: h("div", { class: "period" }, h("div", { class: "field" }, h("label", { for: yearId }, say("period")), year), range),
    show: (first, last) => {
      const whole = wholeYear(first, last);
      if (whole && !years.includes(whole)) {
        years.push(whole);
        other.before(h("option", { value: whole }, say("year", { year: whole })));
      }
      year.value = whole ?? "";
      range.hidden = whole !== null;
      [from.value, to.value] = [first, last];
    },
  };
}
