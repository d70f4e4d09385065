/** Vietnamese text without accents and case, so that "mong duong" finds "Mông Dương" and "Hoà" equals "Hòa". */
export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").replace(/[đĐ]/g, "d").toLowerCase().replace(/\s+/g, " ").trim();
}

const KIND = /^(tỉnh|thành phố|phường|xã|đặc khu)\s+/iu;

/** The proper name: "Phường Mông Dương" → "Mông Dương"; what people sort and search by. */
export function properName(name: string): string {
  return name.replace(KIND, "");
}

/** How well a query fits a unit: 0 proper name begins so, 1 code, 2 full name begins so, 3 a word begins so, 4 somewhere inside, null not at all. */
export function rank(query: string, name: string, code: string): number | null {
  const q = fold(query);
  const whole = fold(name);
  if (q === "" || fold(properName(name)).startsWith(q)) return 0;
  if (code.startsWith(q)) return 1;
  if (whole.startsWith(q)) return 2;
  if (whole.includes(` ${q}`)) return 3;
  return whole.includes(q) ? 4 : null;
}

/** The units that fit a query, best first, equals in the given order. */
export function search<T extends { name: string; code: string }>(query: string, units: readonly T[]): T[] {
  return units
    .map((unit) => ({ unit, fit: rank(query, unit.name, unit.code) }))
    .filter((found): found is { unit: T; fit: number } => found.fit !== null)
    .sort((a, b) => a.fit - b.fit)
    .map((found) => found.unit);
}
