import type { Lang } from "./route.ts";

/** Numbers, sums and dates as each language writes them. All dates are Vietnam's. */
const LOCALE = { vi: "vi-VN", en: "en-GB" } as const;
const ZONE = "Asia/Ho_Chi_Minh";

const UNITS: Record<Lang, Record<string, string>> = {
  vi: {
    person: "người", household: "hộ", branch: "chi hội", VND: "đồng", percent: "%", application: "hồ sơ", check: "lượt", group: "tổ",
    activity: "cuộc", attendance: "lượt", model: "mô hình",
  },
  en: {
    person: "people", household: "households", branch: "branches", VND: "VND", percent: "%", application: "applications", check: "checks", group: "groups",
    activity: "activities", attendance: "attendances", model: "models",
  },
};

const SINGULAR: Record<string, string> = {
  people: "person", households: "household", branches: "branch", applications: "application", checks: "check", groups: "group",
  activities: "activity", attendances: "attendance", models: "model",
};

const SCALES: Record<Lang, readonly (readonly [number, string])[]> = {
  vi: [[1e9, "tỷ"], [1e6, "triệu"]],
  en: [[1e12, "trillion"], [1e9, "billion"], [1e6, "million"]],
};

const made = new Map<string, Intl.NumberFormat>();

/** `always`: as many digits after the comma in every row, so that a column of figures lines up. */
function number(lang: Lang, digits: number, always = false): Intl.NumberFormat {
  const key = `${lang}${digits}${always}`;
  const known = made.get(key) ?? new Intl.NumberFormat(LOCALE[lang], { maximumFractionDigits: digits, minimumFractionDigits: always ? digits : 0 });
  made.set(key, known);
  return known;
}

/** A figure for reading: the number and the word after it. */
export interface Readable {
  number: string;
  word: string;
}

export const NONE = "–";

function scaled(value: number, lang: Lang): Readable | null {
  const scale = SCALES[lang].find(([size]) => Math.abs(value) >= size);
  if (!scale) return null;
  const shown = value / scale[0];
  return { number: number(lang, Math.abs(shown) < 10 ? 2 : 1).format(shown), word: scale[1] };
}

/** For reading at a glance: "23,3" "tỷ đồng"; "148.210" "người"; "76,9" "%". */
export function readable(value: number | null, unit: string, lang: Lang): Readable {
  if (value === null) return { number: NONE, word: "" };
  const word = UNITS[lang][unit] ?? unit;
  if (unit === "percent") return { number: number(lang, 1).format(value), word: "%" };
  if (unit === "VND") {
    const large = scaled(value, lang);
    if (large) return { number: large.number, word: `${large.word} ${word}` };
  }
  return { number: number(lang, 1).format(value), word: value === 1 && lang === "en" ? (SINGULAR[word] ?? word) : word };
}

/** To the last đồng or person: "23.300.000.000 ₫", "VND 23,300,000,000", "76,85 %". */
export function exact(value: number | null, unit: string, lang: Lang): string {
  if (value === null) return NONE;
  if (unit === "percent") return joinPercent(number(lang, 2).format(value), lang);
  const digits = number(lang, unit === "VND" ? 0 : 2).format(value);
  if (unit === "VND") return lang === "vi" ? `${digits}\u00a0₫` : `VND\u00a0${digits}`;
  return digits;
}

const SHORT: Record<string, string> = { million: "m", billion: "bn", trillion: "tn" };

/** For a column of figures: every row with one digit after the comma where the unit has any: "23,0 tỷ", "5,0 %", "150.000". */
export function cell(value: number | null, unit: string, lang: Lang): string {
  if (value === null) return NONE;
  if (unit === "percent") return joinPercent(number(lang, 1, true).format(value), lang);
  const scale = unit === "VND" ? SCALES[lang].find(([size]) => Math.abs(value) >= size) : undefined;
  if (!scale) return number(lang, 1).format(value);
  return `${number(lang, 1, true).format(value / scale[0])}\u00a0${SHORT[scale[1]] ?? scale[1]}`;
}

/** Short, for axes and changes: "23,3 tỷ", "150.000". */
export function short(value: number | null, unit: string, lang: Lang): string {
  if (value === null) return NONE;
  if (unit === "percent") return joinPercent(number(lang, 1).format(value), lang);
  const large = unit === "VND" ? scaled(value, lang) : null;
  if (!large) return number(lang, 1).format(value);
  return `${large.number}\u00a0${SHORT[large.word] ?? large.word}`;
}

function joinPercent(digits: string, lang: Lang): string {
  return lang === "vi" ? `${digits}\u00a0%` : `${digits}%`;
}

export interface Change {
  direction: "up" | "down" | "same";
  /** "1.204", "312,4 tỷ", "0,3 điểm %" without sign. */
  amount: string;
  /** "4,1 %" without sign; null where it says nothing (ratios, nothing before). */
  share: string | null;
}

/** The difference against the previous period; null when there is nothing to compare. */
export function change(value: number | null, previous: number | null, unit: string, lang: Lang): Change | null {
  if (value === null || previous === null) return null;
  const difference = value - previous;
  const direction = difference > 0 ? "up" : difference < 0 ? "down" : "same";
  const size = Math.abs(difference);
  if (unit === "percent") {
    const points = number(lang, 1).format(size);
    return { direction: points === "0" ? "same" : direction, amount: lang === "vi" ? `${points} điểm\u00a0%` : `${points} pp`, share: null };
  }
  const share = previous > 0 && difference !== 0 ? joinPercent(number(lang, 1).format((size / previous) * 100), lang) : null;
  return { direction, amount: short(size, unit, lang), share };
}

/** Part of a whole: "76,9 %"; null when the whole is nothing. */
export function share(part: number, whole: number, lang: Lang): string | null {
  return whole > 0 ? joinPercent(number(lang, 1, true).format((part / whole) * 100), lang) : null;
}

/** An ISO date: 31/12/2025 in Vietnamese, 31 Dec 2025 in English. */
export function date(iso: string, lang: Lang): string {
  const style: Intl.DateTimeFormatOptions = lang === "vi"
    ? { day: "2-digit", month: "2-digit", year: "numeric" }
    : { day: "numeric", month: "short", year: "numeric" };
  return new Intl.DateTimeFormat(LOCALE[lang], { ...style, timeZone: "UTC" }).format(new Date(`${iso.slice(0, 10)}T00:00:00Z`));
}

/** A month for an axis: "T1" / "Jan"; with the year: "tháng 1/2025" / "January 2025". */
export function month(iso: string, lang: Lang, long = false): string {
  const at = new Date(`${iso.slice(0, 10)}T00:00:00Z`);
  if (lang === "vi") return long ? `tháng ${at.getUTCMonth() + 1}/${at.getUTCFullYear()}` : `T${at.getUTCMonth() + 1}`;
  return new Intl.DateTimeFormat("en-GB", { month: long ? "long" : "short", ...(long ? { year: "numeric" } : {}), timeZone: "UTC" }).format(at);
}

/** A time of day in Vietnam, with the day when it is not today's: "14:03:22", "14:03:22 24/11/2025". */
export function clock(time: string, lang: Lang, now = new Date()): string {
  const at = new Date(time);
  const hours = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, timeStyle: "medium" }).format(at);
  const day = (moment: Date): string => new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format(moment);
  return day(at) === day(now) ? hours : `${hours} ${date(day(at), lang)}`;
}

/** Seconds behind, as people say it: "0,2 s", "4 phút" / "0.2 s", "4 min". */
export function lag(seconds: number, lang: Lang): string {
  if (seconds < 60) return `${number(lang, seconds < 10 ? 1 : 0).format(Math.max(0, seconds))}\u00a0s`;
  if (seconds < 3600) return `${number(lang, 0).format(seconds / 60)}\u00a0${lang === "vi" ? "phút" : "min"}`;
  return `${number(lang, 1).format(seconds / 3600)}\u00a0${lang === "vi" ? "giờ" : "h"}`;
}

/** A plain count. */
export function count(value: number, lang: Lang): string {
  return number(lang, 0).format(value);
}
