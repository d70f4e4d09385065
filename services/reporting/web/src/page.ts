import type { Card, Dashboard } from "./client.ts";
import type { Context, Part } from "./context.ts";
import { h } from "./dom.ts";
import { fold, properName } from "./fold.ts";
import { date, readable } from "./format.ts";
import { sayCode } from "./messages.ts";
import { headline } from "./views/headline.ts";
import { nothing } from "./views/states.ts";
import { sources } from "./views/status.ts";
import { structure } from "./views/structure.ts";
import { trend } from "./views/trend.ts";
import { units } from "./views/units.ts";

export interface Page extends Part<Dashboard> {
  heading: HTMLElement;
  freshness: ReturnType<typeof sources>;
  end(): void;
}

/** How the unit is called in the reader's language: "Phường Mông Dương", "Mông Dương ward". */
export function unitName(unit: Dashboard["unit"], { lang, say }: Pick<Context, "lang" | "say">): string {
  return lang === "en" ? `${properName(unit.name)} ${sayCode(say, "type_", unit.type).toLowerCase()}` : unit.name;
}

/** At most one spoken sentence in ten seconds: a page under load must not chatter. */
const QUIET_MS = 10_000;

/** One screen of figures for one unit and period. `announce` speaks of a changed key figure. */
export function page(data: Dashboard, context: Context, parent: string | null, announce: (sentence: string) => void): Page {
  const { lang, say, link } = context;
  const { unit, period } = data;
  const key = headline(data, context);
  const trends = trend(data, context);
  const structures = structure(data, context);
  const rows = units(data, context);
  const origin = sources(lang, say);
  origin.update(data.freshness);

  const empty = nothing(say);
  const judge = (next: Dashboard): void => { empty.hidden = next.cards.some((card) => card.value !== null && card.value !== 0); };
  judge(data);

  let spoken = 0;
  key.onChange((card: Card) => {
    if (Date.now() - spoken < QUIET_MS) return;
    spoken = Date.now();
    const said = readable(card.value, card.unit, lang);
    announce(say("announced", { name: card.name, value: `${said.number} ${said.word}` }));
  });

  const heading = h("h1", { tabindex: -1 }, unitName(unit, context));
  const type = sayCode(say, "type_", unit.type);
  const facts = [fold(unitName(unit, context)).split(fold(type)).length > 1 ? "" : type, say("code", { code: unit.code }), say("periodShown", { from: date(period.from, lang), to: date(period.to, lang) })];
  const up = parent !== null && unit.parent ? h("nav", { "aria-label": say("unit") }, h("a", { class: "up", href: link(unit.parent), lang: "vi" }, h("span", { "aria-hidden": "true" }, "← "), parent)) : null;
  return {
    heading,
    freshness: origin,
    element: h("div", { class: "page", "data-unit": unit.code }, h("div", { class: "title" }, up, heading, h("p", { class: "facts" }, ...facts.filter((fact) => fact !== "").map((fact) => h("span", {}, fact)))), empty,
      key.element, trends.element, structures.element, rows.element, origin.element),
    update: (next) => {
      judge(next);
      key.update(next);
      trends.update(next);
      structures.update(next);
      rows.update(next);
      origin.update(next.freshness);
    },
    end: trends.end,
  };
}
