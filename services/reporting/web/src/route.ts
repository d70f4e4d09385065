/** Where the reader is: a unit, a period, perhaps a language; everything a link needs. */
export type Lang = "vi" | "en";

export interface Route {
  /** 2-digit province or 5-digit commune code; null: the reader's own unit. */
  unit: string | null;
  /** ISO dates, both included. */
  from: string;
  to: string;
  lang: Lang | null;
  /** Handed over in the address; the caller takes it out of there at once. */
  token: string | null;
}

const DATE = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;

export function isDate(text: string | null): text is string {
  return text !== null && DATE.test(text) && new Date(`${text}T00:00:00Z`).toISOString().slice(0, 10) === text;
}

/** Today in Vietnam, wherever the reader's clock stands. */
export function today(now = new Date()): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Ho_Chi_Minh" }).format(now);
}

/**
 * Reads `#/06760?from=2025-01-01&to=2025-12-31&lang=en`, `#token=…` and both together (`#/22?token=…`).
 * A missing or impossible period becomes the running calendar year.
 */
export function parseRoute(hash: string, now = new Date()): Route {
  const text = hash.replace(/^#/, "");
  const mark = text.startsWith("/") ? text.indexOf("?") : -1;
  const path = text.startsWith("/") ? (mark < 0 ? text : text.slice(0, mark)) : "";
  const query = new URLSearchParams(text.startsWith("/") ? (mark < 0 ? "" : text.slice(mark + 1)) : text);
  const unit = /^\/(\d{2}|\d{5})\/?$/.exec(path)?.[1] ?? null;
  const year = today(now).slice(0, 4);
  const from = query.get("from");
  const to = query.get("to");
  const good = isDate(from) && isDate(to) && from <= to;
  const lang = query.get("lang");
  return {
    unit,
    from: good ? from : `${year}-01-01`,
    to: good ? to : `${year}-12-31`,
    lang: lang === "vi" || lang === "en" ? lang : null,
    token: query.get("token"),
  };
}

/** The address of a route; never holds a token. */
export function formatRoute(route: Pick<Route, "unit" | "from" | "to" | "lang">): string {
  const query = new URLSearchParams({ from: route.from, to: route.to });
  if (route.lang) query.set("lang", route.lang);
  return `#/${route.unit ?? ""}?${query.toString()}`;
}

/** The calendar year that a period is, or null. */
export function wholeYear(from: string, to: string): string | null {
  return from.endsWith("-01-01") && to === `${from.slice(0, 4)}-12-31` ? from.slice(0, 4) : null;
}
