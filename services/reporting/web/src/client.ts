import createClient from "openapi-fetch";
import type { paths } from "./api.d.ts";
import type { Lang } from "./route.ts";
import { token } from "./session.ts";

/** The reporting API as its OpenAPI document types it. */
type Answer<P extends keyof paths> = paths[P] extends { get: { responses: { 200: { content: { "application/json": infer A } } } } } ? A : never;

export type Dashboard = Answer<"/v1/dashboards/{unit}">;
export type Catalogue = Answer<"/v1/indicators">;
export type Freshness = Dashboard["freshness"];
export type Card = Dashboard["cards"][number];
export type Series = Dashboard["series"][number];
export type Breakdown = Dashboard["breakdowns"][number];
export type UnitRow = Dashboard["units"][number];
export type Indicator = Catalogue["items"][number];

/** What came of a request: fresh data, nothing new (304), a refusal in words, or no answer at all. */
export type Outcome<T> =
  | { kind: "data"; data: T }
  | { kind: "same" }
  | { kind: "refused"; status: number; title: string | null; detail: string | null; retryAfter: number | null }
  | { kind: "silent" };

const api = createClient<paths>({ baseUrl: new URL(".", document.baseURI).pathname.replace(/\/$/, "") });
const tags = new Map<string, string>();

function headers(lang: Lang): Record<string, string> {
  return { "Accept-Language": lang, ...(token() ? { Authorization: `Bearer ${token()}` } : {}) };
}

function refused(response: Response, problem: unknown): Outcome<never> {
  const said = (typeof problem === "object" && problem !== null ? problem : {}) as { title?: unknown; detail?: unknown };
  const retry = Number(response.headers.get("Retry-After"));
  return {
    kind: "refused",
    status: response.status,
    title: typeof said.title === "string" ? said.title : null,
    detail: typeof said.detail === "string" ? said.detail : null,
    retryAfter: Number.isFinite(retry) && retry > 0 ? retry : null,
  };
}

async function outcome<T>(work: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<Outcome<T>> {
  try {
    const { data, error, response } = await work;
    if (response.status === 304) return { kind: "same" };
    return response.ok && data !== undefined ? { kind: "data", data } : refused(response, error);
  } catch (fault) {
    if (fault instanceof DOMException && fault.name === "AbortError") throw fault;
    return { kind: "silent" };
  }
}

/** One screen. With `known`, the caller still holds the last answer for the same unit, period and language: a 304 gives "same". */
export async function dashboard(
  unit: string, from: string, to: string, lang: Lang, known: boolean, signal: AbortSignal,
): Promise<Outcome<Dashboard>> {
  const key = [unit, from, to, lang].join();
  const tag = known ? tags.get(key) : undefined;
  return outcome(
    api.GET("/v1/dashboards/{unit}", {
      params: { path: { unit }, query: { from, to } },
      headers: { ...headers(lang), ...(tag ? { "If-None-Match": tag } : {}) },
      signal,
    }).then((answer) => {
      const fresh = answer.response.headers.get("ETag");
      if (answer.response.ok && fresh) tags.set(key, fresh);
      return answer;
    }),
  );
}

export async function catalogue(lang: Lang): Promise<Outcome<Catalogue>> {
  return outcome(api.GET("/v1/indicators", { headers: headers(lang) }));
}

export async function freshness(lang: Lang): Promise<Outcome<Freshness>> {
  return outcome(api.GET("/v1/freshness", { headers: headers(lang) }));
}

/** Opens the stream of changes below a unit; the caller reads the body. */
export async function stream(unit: string, lang: Lang, signal: AbortSignal): Promise<Response> {
  const { response } = await api.GET("/v1/stream", {
    params: { query: { unit } },
    headers: { ...headers(lang), Accept: "text/event-stream" },
    parseAs: "stream",
    signal,
  });
  return response;
}
