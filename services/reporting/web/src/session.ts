import type { Lang } from "./route.ts";

/** What the browser keeps: the token for this tab only, the language for good. A browser that refuses storage still works for one page. */
const TOKEN = "danvan.token";
const LANG = "danvan.lang";

let held: string | null = null;

function kept(storage: () => Storage, key: string): string | null {
  try {
    return storage().getItem(key);
  } catch {
    return null;
  }
}

function keep(storage: () => Storage, key: string, value: string | null): void {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, value);
  } catch {
    // Storage is switched off: `held` still serves this page.
  }
}

export function token(): string | null {
  return (held ??= kept(() => sessionStorage, TOKEN));
}

export function setToken(value: string | null): void {
  held = value;
  keep(() => sessionStorage, TOKEN, value);
}

export function rememberedLang(): Lang {
  return kept(() => localStorage, LANG) === "en" ? "en" : "vi";
}

export function rememberLang(lang: Lang): void {
  keep(() => localStorage, LANG, lang);
}

/** The unit named in the token, to open the reader's own page first; the server alone decides what may be seen. */
export function ownUnit(jwt: string | null): string {
  try {
    const part = (jwt ?? "").split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(part.replace(/-/g, "+").replace(/_/g, "/")));
    const unit = (claims as { unit?: unknown }).unit;
    return typeof unit === "string" && /^(\d{2}|\d{5})$/.test(unit) ? unit : "22";
  } catch {
    return "22";
  }
}
