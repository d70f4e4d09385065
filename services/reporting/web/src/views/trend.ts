import type { Chart } from "../chart.ts";
import type { Dashboard, Series } from "../client.ts";
import type { Context, Part } from "../context.ts";
import { h, id, text } from "../dom.ts";
import { exact, month, readable } from "../format.ts";

type Panel = Part<Series> & { end(): void };

/** One indicator month by month: a chart, and the same as a table for whoever prefers or needs it. */
function panel(first: Series, { lang, say, indicators }: Context): Panel {
  let series = first;
  let drawn: Chart | null = null;
  let ended = false;
  const name = id("trend");
  const latest = h("p", { class: "latest" });
  const canvas = h("div", { class: "chart", role: "img" });
  const empty = h("p", { class: "empty chart", hidden: true }, say("nothingHere"));
  const body = h("tbody");
  const table = h("div", { class: "numbers", hidden: true, role: "group", tabindex: 0, "aria-labelledby": name },
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("month")), h("th", { scope: "col", class: "num" }, say("value")))), body));
  let asTable = false;
  const toggle = h("button", { type: "button", class: "plain", onclick: () => {
    asTable = !asTable;
    write();
  } });
  toggle.setAttribute("aria-describedby", name);

  function write(): void {
    const { points, unit } = series;
    const bars = indicators.get(series.indicator)?.kind === "flow";
    const [start, end] = [points[0], points[points.length - 1]];
    const said = readable(end?.value ?? null, unit, lang);
    const none = points.every((point) => !point.value);
    empty.hidden = !none;
    toggle.hidden = none;
    table.hidden = none || !asTable;
    canvas.hidden = none || asTable;
    text(toggle, say(asTable ? "asChart" : "asTable"));
    text(latest, end ? `${month(end.on, lang, true)}: ${said.number} ${said.word}` : say("nothingHere"));
    if (start && end) canvas.setAttribute("aria-label", say("chartSays", {
      name: series.name, first: exact(start.value, unit, lang), from: month(start.on, lang, true), last: exact(end.value, unit, lang), to: month(end.on, lang, true),
    }));
    body.replaceChildren(...points.map((point) => h("tr", {}, h("th", { scope: "row" }, month(point.on, lang, true)), h("td", { class: "num" }, exact(point.value, unit, lang)))));
    drawn?.draw({ unit, bars, points });
  }
  write();
  void import("../chart.ts").then(({ chart }) => {
    if (ended) return;
    drawn = chart(canvas, lang);
    write();
  });

  return {
    element: h("section", { class: "panel trend", "data-series": first.indicator }, h("header", {}, h("h3", { id: name }, first.name), toggle), latest, canvas, empty, table),
    update: (next) => { series = next; write(); },
    end: () => { ended = true; drawn?.end(); },
  };
}

/** The series of the dashboard, side by side. */
export function trend(data: Dashboard, context: Context): Part<Dashboard> & { end(): void } {
  const panels = new Map(data.series.map((series) => [series.indicator, panel(series, context)]));
  const title = id("trends");
  return {
    element: h("section", { class: "part", "aria-labelledby": title }, h("h2", { id: title }, context.say("trend")), h("div", { class: "grid trends" }, ...[...panels.values()].map((one) => one.element))),
    update: (next) => next.series.forEach((series) => panels.get(series.indicator)?.update(series)),
    end: () => panels.forEach((one) => one.end()),
  };
}
