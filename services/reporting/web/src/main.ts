import { catalogue, dashboard, freshness, stream, type Dashboard, type Indicator, type Outcome } from "./client.ts";
import type { Context } from "./context.ts";
import { h } from "./dom.ts";
import { clock } from "./format.ts";
import { calmly, follow } from "./live.ts";
import { speaker } from "./messages.ts";
import { page, unitName, type Page } from "./page.ts";
import { formatRoute, parseRoute, type Lang, type Route } from "./route.ts";
import { ownUnit, rememberedLang, rememberLang, setToken, token } from "./session.ts";
import { touches } from "./sse.ts";
import "./style/base.css";
import "./style/page.css";
import "./style/print.css";
import { period } from "./views/period.ts";
import { picker, type Choice } from "./views/picker.ts";
import { shell } from "./views/shell.ts";
import { failure, signIn, skeleton } from "./views/states.ts";
import { status } from "./views/status.ts";

/** At most two refreshes a second, however fast the changes come; the first one at once. */
const CALM_MS = 500;

const root = document.getElementById("app") as HTMLElement;
const catalogues = new Map<Lang, Map<string, Indicator>>();
/** Provinces seen, with their communes: what the unit picker offers. */
const provinces = new Map<string, Choice[]>();
let leave: () => void = () => undefined;

interface Place {
  unit: string;
  from: string;
  to: string;
  lang: Lang;
}

/** Reads the address; a token in it is kept and wiped from there at once. */
function arrive(): Route {
  const route = parseRoute(location.hash);
  if (route.token) setToken(route.token);
  if (route.lang) rememberLang(route.lang);
  const clean = formatRoute({ ...route, unit: route.unit ?? (token() ? ownUnit(token()) : null) });
  if (clean !== location.hash) history.replaceState(null, "", clean);
  return route;
}

function start(focus = false, refusedToken = false): void {
  leave();
  leave = () => undefined;
  const route = arrive();
  const lang = route.lang ?? rememberedLang();
  if (!token()) return askForToken(lang, refusedToken);
  void open({ unit: route.unit ?? ownUnit(token()), from: route.from, to: route.to, lang }, focus);
}

function turn(lang: Lang): void {
  rememberLang(lang);
  const route = parseRoute(location.hash);
  history.replaceState(null, "", formatRoute({ ...route, lang: lang === "en" ? "en" : null }));
  start();
  root.querySelector<HTMLElement>(`[data-lang="${lang}"]`)?.focus();
}

function signOut(refused = false): void {
  setToken(null);
  provinces.clear();
  start(false, refused);
}

function askForToken(lang: Lang, again: boolean): void {
  const say = speaker(lang);
  const frame = shell(root, lang, say, turn, null);
  document.title = `${say("signIn")} · ${say("product")}`;
  frame.main.append(signIn(say, again, (entered) => {
    setToken(entered);
    start(true);
  }));
  frame.main.querySelector("textarea")?.focus();
}

async function indicators(lang: Lang): Promise<Map<string, Indicator>> {
  const known = catalogues.get(lang);
  if (known) return known;
  const answer = await catalogue(lang);
  const found = new Map(answer.kind === "data" ? answer.data.items.map((item) => [item.code, item]) : []);
  if (answer.kind === "data") catalogues.set(lang, found);
  return found;
}

function remember(data: Dashboard): void {
  if (data.unit.code.length !== 2) return;
  const communes = data.units.filter((row) => !row.code.includes("@")).map((row) => ({ code: row.code, name: row.name ?? row.code }));
  provinces.set(data.unit.code, [{ code: data.unit.code, name: data.unit.name }, ...communes]);
}

const reachesProvince = (): boolean => ownUnit(token()).length === 2;

/** One place until the reader goes elsewhere. */
async function open(place: Place, focus: boolean): Promise<void> {
  const { unit, from, to, lang } = place;
  const say = speaker(lang);
  const gone = new AbortController();
  const frame = shell(root, lang, say, turn, () => signOut());
  const line = status(lang, say);
  const banner = h("div", { class: "banner", role: "status", hidden: true });
  let stop: () => void = () => undefined;
  let shown: { page: Page; data: Dashboard; at: string } | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  /** Refused for good: nothing to follow. */
  let over = false;

  const link = (code: string, first = from, last = to): string => formatRoute({ unit: code, from: first, to: last, lang: lang === "en" ? "en" : null });
  const context: Context = { lang, say, indicators: new Map(), link };
  const dates = period(say, (first, last) => { location.hash = link(unit, first, last); });
  const choose = picker(say, choices, (code) => { location.hash = link(code); });
  dates.show(from, to);
  choose.show({ code: unit, name: unit });
  frame.controls.append(choose.element, dates.element);
  frame.strip.append(line.element);
  frame.main.append(skeleton(say));

  leave = () => {
    gone.abort();
    stop();
    clearTimeout(again);
    line.end();
    shown?.page.end();
  };

  /** What the reader may go to: the province with its communes where that is in reach, else this unit. */
  async function choices(): Promise<readonly Choice[]> {
    const here = shown?.data.unit;
    const province = unit.length === 2 ? unit : here?.parent ?? (reachesProvince() ? ownUnit(token()) : null);
    if (province && province !== here?.code && !provinces.has(province) && reachesProvince()) {
      const answer = await dashboard(province, from, to, lang, false, gone.signal).catch(() => null);
      if (answer?.kind === "data") remember(answer.data);
    }
    const known = (province && provinces.get(province)) || [];
    return known.length > 0 ? known : here ? [{ code: here.code, name: here.name }] : [];
  }

  /** How fresh the figures are, when they themselves have not changed. What is parked for one commune only its dashboard tells. */
  async function renew(): Promise<void> {
    const answer = await freshness(lang);
    if (answer.kind !== "data" || gone.signal.aborted || !shown) return;
    const own = new Map(shown.data.freshness.sources.map((source) => [source.source, source.parked]));
    const news = unit.length === 2 ? answer.data : {
      ...answer.data, sources: answer.data.sources.map((source) => ({ ...source, parked: own.get(source.source) ?? source.parked })),
    };
    line.freshness(news);
    shown.page.freshness.update(news);
  }

  function draw(data: Dashboard): void {
    remember(data);
    line.freshness(data.freshness);
    banner.hidden = true;
    if (shown) shown.page.update(data);
    else {
      const above = data.unit.parent && reachesProvince() ? data.unit.parent : null;
      const parent = above && (provinces.get(above)?.[0]?.name ?? say("wholeProvince"));
      const made = page(data, context, parent, frame.announce);
      choose.show({ code: data.unit.code, name: data.unit.name });
      document.title = `${unitName(data.unit, context)} · ${say("product")}`;
      frame.main.replaceChildren(banner, made.element);
      if (focus) made.heading.focus();
      shown = { page: made, data, at: "" };
    }
    shown = { ...shown, data, at: new Date().toISOString() };
  }

  function fail(answer: Exclude<Outcome<Dashboard>, { kind: "data" } | { kind: "same" }>): void {
    if (answer.kind === "refused" && answer.status === 401) return signOut(true);
    const lasting = answer.kind === "refused" && answer.status < 500 && answer.status !== 429;
    const detail = answer.kind === "silent" ? say("unreachable") : answer.detail ?? say("unexpected", { status: answer.status });
    const title = (answer.kind === "refused" && answer.title) || say("failed");
    if (!lasting) {
      const wait = answer.kind === "refused" && answer.retryAfter ? answer.retryAfter * 1000 : Math.min(30_000, 1000 * 2 ** tries);
      tries += 1;
      again = setTimeout(refresh, wait);
    }
    if (shown && !lasting) {
      banner.hidden = false;
      banner.replaceChildren(`${say("stale", { time: clock(shown.at, lang) })} ${detail} `, h("button", { type: "button", class: "plain", onclick: refresh }, say("retry")));
      return;
    }
    over = lasting;
    if (over) {
      stop();
      frame.strip.replaceChildren();
    }
    shown?.page.end();
    shown = null;
    const home = ownUnit(token());
    frame.main.replaceChildren(h("h1", { tabindex: -1, class: "unseen" }, title), answer.kind === "refused" && answer.status === 404
      ? failure(say("noReach"), say("noReachHelp", { code: unit }), say("home"), () => { location.hash = link(home); })
      : failure(title, detail, say("retry"), () => start()));
    document.title = `${title} · ${say("product")}`;
  }

  async function load(): Promise<void> {
    clearTimeout(again);
    try {
      const [answer, named] = await Promise.all([dashboard(unit, from, to, lang, shown !== null, gone.signal), indicators(lang)]);
      if (gone.signal.aborted) return;
      context.indicators = named;
      if (answer.kind === "data") draw(answer.data);
      if (answer.kind === "same") {
        banner.hidden = true;
        void renew();
      }
      if (answer.kind !== "data" && answer.kind !== "same") return fail(answer);
      tries = 0;
    } catch (fault) {
      if (!gone.signal.aborted) throw fault;
    }
  }

  const refresh = calmly(load, CALM_MS);
  await load();
  if (gone.signal.aborted || over) return;
  stop = follow({
    open: (signal) => stream(unit, lang, signal),
    onConnection: line.connection,
    onOpen: refresh, // what changed while nobody listened; a 304 when nothing did
    onUnauthorised: () => signOut(true),
    onMessage: ({ event, data }) => {
      if (event === "applied" && touches(applied(data), unit)) return refresh();
      void renew();
    },
  });
}

/** The units named by an `applied` message; one that cannot be read counts as "anything may have changed". */
function applied(data: string): string[] {
  try {
    const { units } = JSON.parse(data) as { units?: unknown };
    return Array.isArray(units) ? units.map(String) : ["*"];
  } catch {
    return ["*"];
  }
}

window.addEventListener("hashchange", () => start(true));
start();
