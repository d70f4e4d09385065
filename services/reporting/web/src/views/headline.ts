import type { Card, Dashboard } from "../client.ts";
import type { Context, Part } from "../context.ts";
import { h, text } from "../dom.ts";
import { change, exact } from "../format.ts";
import { sayCode } from "../messages.ts";
import { large, type Figure } from "./figure.ts";

interface Shown {
  figure: Figure;
  exact: HTMLElement | null;
  change: HTMLElement;
}

/** Writes an arrow, drawn as fonts may lack it, and "1.204 (4,1 %)"; the sentence for a screen reader says the same in words. */
function writeChange(element: HTMLElement, card: Card, { lang, say }: Context): void {
  const found = change(card.value, card.previous, card.unit, lang);
  element.dataset["direction"] = found?.direction ?? "none";
  element.replaceChildren();
  if (!found) return element.append(say("noPrevious"));
  if (found.direction === "same") return element.append(say("same"));
  element.title = `${exact(card.previous, card.unit, lang)} → ${exact(card.value, card.unit, lang)}`;
  element.append(
    h("span", { class: `arrow ${found.direction}`, "aria-hidden": "true" }),
    h("span", { class: "unseen" }, say(found.direction)),
    ` ${found.amount}${found.share ? ` (${found.share})` : ""} `,
    h("span", { class: "unseen" }, say("againstPrevious")),
  );
}

/** The key figures, by the work they belong to, each with its change against the previous period. */
export function headline(data: Dashboard, context: Context): Part<Dashboard> & { onChange(tell: (card: Card) => void): void } {
  const { lang, say, indicators } = context;
  const shown = new Map<string, Shown>();
  let tell: (card: Card) => void = () => undefined;

  const cell = (card: Card): HTMLElement => {
    const part: Shown = {
      figure: large(card.unit, lang),
      exact: card.unit === "VND" ? h("dd", { class: "exact" }) : null,
      change: h("dd", { class: "change" }),
    };
    shown.set(card.indicator, part);
    return h("div", { class: "card", "data-indicator": card.indicator }, h("dt", {}, card.name), h("dd", { class: "value" }, part.figure.element), part.exact, part.change);
  };

  const write = (card: Card, calm: boolean): void => {
    const part = shown.get(card.indicator);
    if (!part) return;
    if (part.figure.set(card.value, calm)) tell(card);
    if (part.exact) text(part.exact, Math.abs(card.value ?? 0) >= 1e6 ? exact(card.value, card.unit, lang) : "");
    writeChange(part.change, card, context);
  };

  const groups = new Map<string, Card[]>();
  for (const card of data.cards) {
    const source = indicators.get(card.indicator)?.source ?? "other";
    groups.set(source, [...(groups.get(source) ?? []), card]);
  }
  const element = h("section", { class: "headline", "aria-label": say("headline") }, ...[...groups].map(([source, cards]) =>
    h("section", { class: "group" },
      h("div", { class: "beside" }, h("h2", {}, sayCode(say, "group_", source)), h("p", { class: "quiet hint", "aria-hidden": "true" }, say("againstPrevious"))),
      h("dl", { class: "board" }, ...cards.map(cell)))));
  data.cards.forEach((card) => write(card, false));
  return {
    element,
    update: (next) => next.cards.forEach((card) => write(card, true)),
    onChange: (listener) => { tell = listener; },
  };
}
