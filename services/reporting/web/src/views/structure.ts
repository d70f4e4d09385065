import type { Breakdown, Dashboard } from "../client.ts";
import type { Context, Part } from "../context.ts";
import { glow, h, id, text } from "../dom.ts";
import { cell, exact, share } from "../format.ts";

/** Dimensions whose order means something: never sorted by size. */
const ORDERED = new Set(["age_band"]);
const FEW = 8;

/** One breakdown as a table whose rows carry their own bar: readable, printable, nothing to hover. */
function table(first: Breakdown, { lang, say, indicators }: Context): Part<Breakdown> {
  const indicator = indicators.get(first.indicator);
  const unit = indicator?.unit ?? "";
  const before = new Map<string, number | null>();
  let all = false;
  let current = first;
  const body = h("tbody");
  const more = h("button", { type: "button", class: "plain", onclick: () => { all = !all; write(); } });
  const title = id("structure");

  const row = (item: Breakdown["items"][number], whole: number, most: number): HTMLElement => {
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--part", most > 0 ? String(Math.max(0, (item.value ?? 0) / most)) : "0");
    const value = h("data", { value: item.value ?? "", title: exact(item.value, unit, lang) }, cell(item.value, unit, lang));
    const known = before.get(item.category);
    if (before.has(item.category) && known !== item.value) queueMicrotask(() => glow(value));
    before.set(item.category, item.value);
    return h("tr", { "data-category": item.category }, h("th", { scope: "row" }, item.name), h("td", { class: "bars" }, bar), h("td", { class: "num" }, value), h("td", { class: "num quiet" }, share(item.value ?? 0, whole, lang) ?? ""));
  };

  function write(): void {
    const items = [...current.items];
    if (!ORDERED.has(current.dimension)) items.sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
    const whole = items.reduce((sum, item) => sum + (item.value ?? 0), 0);
    const most = Math.max(0, ...items.map((item) => item.value ?? 0));
    const rows = items.map((item) => row(item, whole, most));
    body.replaceChildren(...(all ? rows : rows.slice(0, FEW)));
    if (rows.length === 0) body.append(h("tr", {}, h("td", { colspan: 4, class: "quiet" }, say("nothingHere"))));
    more.hidden = rows.length <= FEW;
    more.setAttribute("aria-expanded", String(all));
    text(more, all ? say("showFew") : say("showAll", { n: rows.length }));
  }
  write();

  const dimension = first.name.charAt(0).toLocaleLowerCase(lang) + first.name.slice(1);
  const heading = say("by", { name: indicator?.name ?? first.indicator, dimension });
  return {
    element: h("section", { class: "panel structure", "data-breakdown": `${first.indicator}:${first.dimension}` }, h("header", {}, h("h3", { id: title }, heading)),
      h("table", { "aria-labelledby": title }, h("thead", { class: "unseen" }, h("tr", {}, h("th", { scope: "col" }, dimension), h("td"), h("th", { scope: "col" }, say("value")), h("th", { scope: "col" }, say("share")))), body), more),
    update: (next) => { current = next; write(); },
  };
}

/** The breakdowns of the dashboard, side by side. */
export function structure(data: Dashboard, context: Context): Part<Dashboard> {
  const key = (one: Breakdown): string => `${one.indicator}:${one.dimension}`;
  const tables = new Map(data.breakdowns.map((one) => [key(one), table(one, context)]));
  const title = id("structures");
  return {
    element: h("section", { class: "part", "aria-labelledby": title }, h("h2", { id: title }, context.say("structure")),
      tables.size === 0 ? h("p", { class: "empty" }, context.say("nothingHere")) : h("div", { class: "grid structures" }, ...[...tables.values()].map((one) => one.element))),
    update: (next) => next.breakdowns.forEach((one) => tables.get(key(one))?.update(one)),
  };
}
