import type { Freshness } from "../client.ts";
import { h, text } from "../dom.ts";
import { clock, count, date, lag } from "../format.ts";
import type { Connection } from "../live.ts";
import { sayCode, type Say } from "../messages.ts";
import type { Lang } from "../route.ts";

const held = (source: Freshness["sources"][number]): number => Number(source.parked);

/** The moment of the newest figure, the longest delay and how much is held back, over all sources. */
export function summary(freshness: Freshness): { at: string | null; lag: number; parked: number } {
  const times = freshness.sources.flatMap((source) => (source.applied_at ? [source.applied_at] : []));
  return {
    at: times.reduce<string | null>((latest, time) => (latest === null || Date.parse(time) > Date.parse(latest) ? time : latest), null),
    lag: Math.max(0, ...freshness.sources.map((source) => source.lag_seconds ?? 0)),
    parked: freshness.sources.reduce((sum, source) => sum + held(source), 0),
  };
}

export interface Status {
  element: HTMLElement;
  connection(connection: Connection): void;
  freshness(freshness: Freshness): void;
  end(): void;
}

/** The line that is always there: is the page live, how fresh are the figures, is anything held back. */
export function status(lang: Lang, say: Say): Status {
  let current: Connection = { state: "connecting" };
  const state = h("span", { class: "state" });
  const fresh = h("span", { class: "fresh" }, say("notYet"));
  const parked = h("span", { class: "parked" });
  const element = h("section", { class: "status", "aria-label": say("status"), "data-connection": current.state }, state, fresh, parked);

  const write = (): void => {
    element.dataset["connection"] = current.state;
    text(state, current.state === "waiting"
      ? say("waiting", { n: Math.max(1, Math.ceil((current.until - Date.now()) / 1000)) })
      : say(current.state));
  };
  write();
  const clockwork = setInterval(write, 1000);
  return {
    element,
    connection: (next) => { current = next; write(); },
    freshness: (next) => {
      const { at, lag: behind, parked: n } = summary(next);
      text(fresh, at ? say("updated", { time: clock(at, lang), lag: lag(behind, lang) }) : say("notYet"));
      text(parked, say("parked", { n: count(n, lang) }));
      parked.title = n > 0 ? say("parkedTitle", { n: count(n, lang) }) : say("parkedNone");
      parked.classList.toggle("some", n > 0);
    },
    end: () => clearInterval(clockwork),
  };
}

/** Per source: how far it is processed, when, how late, what is held back; and the rules behind the figures. */
export function sources(lang: Lang, say: Say): { element: HTMLElement; update(freshness: Freshness): void } {
  const body = h("tbody");
  const basis = h("p", { class: "quiet" });
  const warning = h("p", { class: "notice", hidden: true });
  const column = (label: string): HTMLElement => h("th", { scope: "col", class: "num" }, label);
  return {
    element: h("section", { class: "part sources", "aria-label": say("sources") }, h("h2", {}, say("sources")), warning,
      h("div", { class: "scroll", role: "group", tabindex: 0, "aria-label": say("sources") },
        h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("source")), column(say("position")), column(say("applied")), column(say("behind")), column(say("held")))), body)), basis),
    update: (freshness) => {
      body.replaceChildren(...freshness.sources.map((source) => h("tr", {}, h("th", { scope: "row" }, sayCode(say, "src_", source.source)),
        h("td", { class: "num" }, count(source.position ?? 0, lang)), h("td", { class: "num" }, source.applied_at ? clock(source.applied_at, lang) : "–"),
        h("td", { class: "num" }, source.lag_seconds == null ? "–" : lag(source.lag_seconds, lang)), h("td", { class: "num" }, count(held(source), lang)))));
      const n = summary(freshness).parked;
      warning.hidden = n === 0;
      text(warning, say("parkedTitle", { n: count(n, lang) }));
      text(basis, say("basis", { map: date(freshness.map, lang), rules: freshness.rules }));
    },
  };
}
