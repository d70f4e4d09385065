import assert from "node:assert/strict";
import { test } from "node:test";
import { fold, properName, search } from "../src/fold.ts";
import { cell, change, clock, date, exact, lag, month, readable, short } from "../src/format.ts";
import { speaker } from "../src/messages.ts";
import { formatRoute, isDate, parseRoute, today, wholeYear } from "../src/route.ts";
import { backOff, Splitter, touches } from "../src/sse.ts";

/** Intl writes some of its spaces as no-break spaces; a reader sees a space. */
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, " ");
const said = (value: number | null, unit: string, lang: "vi" | "en"): string => {
  const { number, word } = readable(value, unit, lang);
  return plain(`${number} ${word}`.trim());
};

test("accents, đ, case and the two spellings of one name fold together", () => {
  assert.equal(fold("  Phường  MÔNG Dương "), "phuong mong duong");
  assert.equal(fold("Đặc khu Vân Đồn"), "dac khu van don");
  assert.equal(fold("Hoà"), fold("Hòa"));
  assert.equal(properName("Đặc khu Cô Tô"), "Cô Tô");
});

test("a search puts proper names first, then codes, and finds words inside", () => {
  const units = [{ code: "06760", name: "Phường Mông Dương" }, { code: "06862", name: "Xã Hải Sơn" }, { code: "06970", name: "Xã Ba Chẽ" }, { code: "07081", name: "Phường Đông Mai" }];
  assert.deepEqual(search("mong d", units).map((unit) => unit.code), ["06760"]);
  assert.deepEqual(search("dong", units).map((unit) => unit.code), ["07081"]);
  assert.deepEqual(search("069", units).map((unit) => unit.code), ["06970"]);
  assert.equal(search("son", units)[0]?.code, "06862");
  assert.equal(search("", units).length, 4);
  assert.equal(search("quang yen", units).length, 0);
});

test("large sums read as tỷ and billion, exact ones to the last đồng", () => {
  assert.equal(said(23_300_000_000, "VND", "vi"), "23,3 tỷ đồng");
  assert.equal(said(23_300_000_000, "VND", "en"), "23.3 billion VND");
  assert.equal(said(9_214_500_000, "VND", "vi"), "9,21 tỷ đồng");
  assert.equal(said(1_479_025_000_000, "VND", "vi"), "1.479 tỷ đồng");
  assert.equal(said(0, "VND", "vi"), "0 đồng");
  assert.equal(plain(exact(23_300_000_000, "VND", "vi")), "23.300.000.000 ₫");
  assert.equal(plain(exact(23_300_000_000, "VND", "en")), "VND 23,300,000,000");
  assert.equal(plain(cell(18_000_000_000, "VND", "vi")), "18,0 tỷ");
  assert.equal(plain(short(500_000_000, "VND", "en")), "500 m");
});

test("a percentage keeps its digits, a missing figure as a dash", () => {
  assert.equal(said(76.85, "percent", "vi"), "76,9 %");
  assert.equal(plain(exact(76.85, "percent", "vi")), "76,85 %");
  assert.equal(exact(76.85, "percent", "en"), "76.85%");
  assert.equal(said(null, "percent", "vi"), "–");
  assert.equal(said(1, "person", "en"), "1 person");
  assert.equal(said(148_210, "person", "vi"), "148.210 người");
});

test("a change says direction, size and share, and nothing where nothing can be compared", () => {
  assert.deepEqual(change(110, 100, "person", "vi"), { direction: "up", amount: "10", share: "10\u00a0%" });
  assert.deepEqual(change(75, 77, "percent", "en"), { direction: "down", amount: "2 pp", share: null });
  assert.equal(change(75.001, 75, "percent", "vi")?.direction, "same");
  assert.equal(change(5, null, "person", "vi"), null);
  assert.equal(change(5, 0, "person", "vi")?.share, null);
});

test("dates, months, times and delays are written as each language writes them, in Vietnam's time", () => {
  assert.equal(date("2025-12-31", "vi"), "31/12/2025");
  assert.equal(date("2025-12-31", "en"), "31 Dec 2025");
  assert.equal(month("2025-01-31", "vi"), "T1");
  assert.equal(month("2025-01-31", "en", true), "January 2025");
  const now = new Date("2025-11-24T07:30:00Z");
  assert.equal(clock("2025-11-24T07:03:22Z", "vi", now), "14:03:22");
  assert.equal(clock("2025-11-23T07:03:22Z", "vi", now), "14:03:22 23/11/2025");
  assert.equal(plain(lag(0.2, "vi")), "0,2 s");
  assert.equal(plain(lag(240, "en")), "4 min");
  assert.equal(today(new Date("2025-12-31T18:00:00Z")), "2026-01-01");
});

test("an address carries unit, period and language there and back", () => {
  const route = parseRoute("#/06760?from=2025-01-01&to=2025-12-31&lang=en");
  assert.deepEqual(route, { unit: "06760", from: "2025-01-01", to: "2025-12-31", lang: "en", token: null });
  assert.equal(formatRoute(route), "#/06760?from=2025-01-01&to=2025-12-31&lang=en");
  assert.equal(wholeYear("2025-01-01", "2025-12-31"), "2025");
  assert.equal(wholeYear("2025-01-01", "2025-11-30"), null);
});

test("a token is read alone or beside a route and never written back", () => {
  assert.equal(parseRoute("#token=a.b-c_d").token, "a.b-c_d");
  const both = parseRoute("#/22?from=2025-01-01&to=2025-06-30&token=x");
  assert.equal(both.token, "x");
  assert.ok(!formatRoute(both).includes("token"));
});

test("a wrong address becomes the reader's own unit and the running year", () => {
  const now = new Date("2025-06-01T00:00:00Z");
  for (const hash of ["", "#/", "#/abc", "#/22?from=2025-02-30&to=2025-12-31", "#/22?from=2025-12-31&to=2025-01-01"]) {
    const route = parseRoute(hash, now);
    assert.equal(route.from, "2025-01-01");
    assert.equal(route.to, "2025-12-31");
  }
  assert.equal(parseRoute("#/abc").unit, null);
  assert.equal(isDate("2024-02-29"), true);
  assert.equal(isDate("2025-02-29"), false);
});

test("a stream is cut into messages wherever its pieces break", () => {
  const whole = "event: applied\r\ndata: {\"units\":[\"06760\"],\r\ndata: \"at\":1}\r\n\r\n: comment\nevent: ping\ndata:\n\ndata: x\n\n";
  const expected = [{ event: "applied", data: "{\"units\":[\"06760\"],\n\"at\":1}" }, { event: "ping", data: "" }, { event: "message", data: "x" }];
  for (let cut = 1; cut < whole.length; cut += 1) {
    const splitter = new Splitter();
    assert.deepEqual([...splitter.push(whole.slice(0, cut)), ...splitter.push(whole.slice(cut))], expected, `cut at ${cut}`);
  }
});

test("tries are spread out, double, and never wait more than 37.5 s", () => {
  assert.equal(backOff(0, 0.5), 500);
  assert.equal(backOff(3, 0.5), 4000);
  assert.ok(backOff(40, 1) <= 37_500);
});

test("a province is touched by any commune, a commune only by itself or by everything", () => {
  assert.equal(touches(["06760"], "22"), true);
  assert.equal(touches(["06760"], "06970"), false);
  assert.equal(touches(["*"], "06970"), true);
  assert.equal(touches([], "22"), false);
});

test("sentences are filled in both languages", () => {
  assert.equal(speaker("vi")("updated", { time: "14:03:22", lag: "0,2 s" }), "Cập nhật 14:03:22, trễ 0,2 s");
  assert.equal(speaker("en")("parked", { n: 2 }), "2 held back");
});
