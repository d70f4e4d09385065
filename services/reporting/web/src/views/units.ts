import type { Dashboard, UnitRow } from "../client.ts";
import type { Context, Part } from "../context.ts";
import { h, id } from "../dom.ts";
import { properName } from "../fold.ts";
import { sayCode } from "../messages.ts";
import { small, type Figure } from "./figure.ts";

interface Row {
  data: UnitRow;
  element: HTMLElement;
  figures: Map<string, Figure>;
}

/** The communes of a province or the branches of a commune: one row each, sortable by every column; the whole unit closes the table. */
export function units(data: Dashboard, context: Context): Part<Dashboard> {
  const { lang, say, indicators, link } = context;
  const province = data.unit.code.length === 2;
  const codes = [...new Set(data.units.flatMap((row) => Object.keys(row.values)))];
  const compare = new Intl.Collator("vi").compare;
  let sorted = "name";
  let down = false;
  const rows = new Map<string, Row>();
  const body = h("tbody");
  const title = id("units");

  const name = (row: UnitRow): string => row.name ?? say("branchNamed", { id: row.code.slice(-6) });

  const build = (row: UnitRow): Row => {
    const figures = new Map(codes.map((code) => [code, small(indicators.get(code)?.unit ?? "", lang)]));
    const former = row.code.includes("@");
    const head = row.name !== null && province && !former
      ? h("a", { href: link(row.code), lang: "vi" }, row.name)
      : h("span", { title: row.code }, name(row), row.type !== "branch" ? h("span", { class: "quiet" }, ` · ${former ? say("formerUnit") : sayCode(say, "type_", row.type)}`) : null);
    const element = h("tr", { "data-unit": row.code }, h("th", { scope: "row" }, head),
      ...codes.map((code) => h("td", { class: "num", "data-indicator": code }, figures.get(code)?.element)));
    return { data: row, element, figures };
  };

  const fill = (row: Row, calm: boolean): void => row.figures.forEach((figure, code) => figure.set(row.data.values[code] ?? null, calm));

  const order = (): void => {
    const value = (row: Row): number => row.data.values[sorted] ?? -Infinity;
    const list = [...rows.values()].sort((a, b) =>
      (sorted === "name" ? compare(properName(name(a.data)), properName(name(b.data))) : value(a) - value(b)) * (down ? -1 : 1)
      || compare(properName(name(a.data)), properName(name(b.data))));
    body.replaceChildren(...list.map((row) => row.element));
  };

  const heads = new Map<string, HTMLElement>();
  const head = (code: string, label: string): HTMLElement => {
    const cell = h("th", { scope: "col", class: code === "name" ? undefined : "num" }, h("button", { type: "button", onclick: () => {
      down = sorted === code ? !down : code !== "name";
      sorted = code;
      heads.forEach((other, key) => { if (key === sorted) other.setAttribute("aria-sort", down ? "descending" : "ascending"); else other.removeAttribute("aria-sort"); });
      order();
    } }, label, h("span", { class: "sort", "aria-hidden": "true" })));
    heads.set(code, cell);
    return cell;
  };

  const total: Row = { data: { code: data.unit.code, name: data.unit.name, type: data.unit.type, values: {} }, element: h("tr"), figures: new Map() };
  const whole = (next: Dashboard): Record<string, number | null> => Object.fromEntries(next.cards.map((card) => [card.indicator, card.value]));

  data.units.forEach((row) => { const made = build(row); rows.set(row.code, made); fill(made, false); });
  total.data.values = whole(data);
  total.figures = new Map(codes.map((code) => [code, small(indicators.get(code)?.unit ?? "", lang)]));
  fill(total, false);
  total.element.append(h("th", { scope: "row" }, say(!province ? "wholeCommune" : data.unit.type === "municipality" ? "wholeMunicipality" : "wholeProvince")), ...codes.map((code) => h("td", { class: "num" }, total.figures.get(code)?.element)));

  const first = head("name", say(province ? "commune" : "branch"));
  first.setAttribute("aria-sort", "ascending");
  order();

  const table = h("div", { class: codes.length <= 9 ? "scroll fits" : "scroll", role: "group", tabindex: 0, "aria-labelledby": title },
    h("table", { class: "units", "aria-labelledby": title },
      h("thead", {}, h("tr", {}, first, ...codes.map((code) => head(code, indicators.get(code)?.name ?? code)))),
      body, h("tfoot", {}, total.element)));

  return {
    element: h("section", { class: "part", "aria-labelledby": title },
      h("div", { class: "beside" }, h("h2", { id: title }, say(province ? "communes" : "branches"), h("span", { class: "tally" }, ` ${data.units.length}`)), data.units.length > 0 ? h("p", { class: "quiet hint" }, say("tableHint")) : null),
      data.units.length > 0 ? table : h("p", { class: "empty" }, say("nothingHere"))),
    update: (next) => {
      // The order stays as the reader chose it: rows that jump about while figures change cannot be read.
      next.units.forEach((row) => {
        const known = rows.get(row.code);
        if (known) {
          known.data = row;
          return fill(known, true);
        }
        const made = build(row);
        rows.set(row.code, made);
        fill(made, false);
        body.append(made.element);
      });
      total.data.values = whole(next);
      fill(total, true);
    },
  };
}
