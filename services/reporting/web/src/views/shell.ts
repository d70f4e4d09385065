import { h } from "../dom.ts";
import type { Say } from "../messages.ts";
import type { Lang } from "../route.ts";

const SVG = "http://www.w3.org/2000/svg";

/** The mark: three petals. Drawn here so that it takes the page's colours. */
function mark(): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "mark");
  for (const [shape, opacity] of [
    ["M16 4c4.2 5 6 9.400 6 13.300S19.700 25 16 28c-3.700-3-6-6.800-6-10.700S11.800 9 16 4z", "1"],
    ["M4 12.500c3 .4 5 1.500 6.300 3-.7 4.700 1 8.600 3.500 11.700C7.600 26.300 4 20.700 4 12.500z", ".6"],
    ["M28 12.500c-3 .4-5 1.500-6.300 3 .7 4.700-1 8.600-3.500 11.700 6.200-.9 9.800-6.500 9.800-14.700z", ".6"],
  ] as const) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    path.setAttribute("fill-opacity", opacity);
    svg.append(path);
  }
  return svg;
}

const NAMES: Record<Lang, [string, string]> = { vi: ["VI", "Tiếng Việt"], en: ["EN", "English"] };

export interface Shell {
  /** Where the controls of the page go (unit, period); empty before sign-in. */
  controls: HTMLElement;
  /** Where the status line goes. */
  strip: HTMLElement;
  main: HTMLElement;
  /** Says a sentence to a screen reader without moving the reader. */
  announce(sentence: string): void;
}

/** The frame of every state of the page: masthead, status strip, main, in one language. */
export function shell(root: HTMLElement, lang: Lang, say: Say, turn: (lang: Lang) => void, signOut: (() => void) | null): Shell {
  const controls = h("div", { class: "controls" });
  const strip = h("div", { class: "strip" });
  const main = h("main", { id: "main" });
  const spoken = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  const languages = h("div", { class: "languages", role: "group", "aria-label": say("languages") }, ...(["vi", "en"] as const).map((one) =>
    h("button", { type: "button", lang: one, title: NAMES[one][1], "aria-label": `${NAMES[one][0]}, ${NAMES[one][1]}`, "aria-pressed": String(one === lang), "data-lang": one, onclick: () => turn(one) }, NAMES[one][0])));
  root.replaceChildren(
    h("a", { class: "skip", href: "#main", onclick: (event) => {
      event.preventDefault(); // the fragment holds the route
      main.querySelector("h1")?.focus();
    } }, say("skip")),
    h("header", { class: "masthead" },
      h("div", { class: "brand" }, mark(), h("div", {}, h("span", { class: "organisation" }, say("organisation")), h("span", { class: "product", lang: "vi" }, say("product")))),
      controls,
      h("div", { class: "account" }, languages, signOut ? h("button", { type: "button", class: "plain", onclick: signOut }, say("signOut")) : null)),
    strip, main, spoken);
  document.documentElement.lang = lang;
  return { controls, strip, main, announce: (sentence) => { spoken.textContent = sentence; } };
}
