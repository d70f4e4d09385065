import { h, id } from "../dom.ts";
import type { Say } from "../messages.ts";

/** Everything the page can be besides a page of figures. */

/** The shape of what is coming, so that nothing jumps when it arrives. */
export function skeleton(say: Say): HTMLElement {
  const block = (kind: string): HTMLElement => h("div", { class: `bone ${kind}` });
  return h("div", { class: "skeleton", "aria-busy": "true" }, h("p", { class: "unseen", role: "status" }, say("loading")),
    block("title"), h("div", { class: "headline" }, block("board"), block("board")), h("div", { class: "grid trends" }, block("panel"), block("panel"), block("panel"), block("panel")), block("table"));
}

/** A failure in words, with the way on. */
export function failure(title: string, detail: string, action: string, act: () => void): HTMLElement {
  return h("div", { class: "failure", role: "alert" }, h("h2", {}, title), h("p", {}, detail), h("button", { type: "button", onclick: act }, action));
}

/** A period in which nothing happened. */
export function nothing(say: Say): HTMLElement {
  return h("div", { class: "notice", role: "note" }, h("strong", {}, say("nothing")), " ", say("nothingHelp"));
}

/** Asks for a token; `again` when the last one was refused. */
export function signIn(say: Say, again: boolean, enter: (token: string) => void): HTMLElement {
  const [tokenId, wrongId, helpId] = [id("token"), id("wrong"), id("help")];
  const token = h("textarea", {
    id: tokenId, rows: 4, required: true, autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    "aria-describedby": `${helpId} ${wrongId}`, "aria-invalid": again ? "true" : undefined,
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    },
  });
  const wrong = h("p", { id: wrongId, class: "wrong", role: "alert" }, again ? say("signInAgain") : "");
  const form = h("form", { class: "signin", novalidate: true, onsubmit: (event) => {
    event.preventDefault();
    const value = token.value.replace(/\s+/g, "").replace(/^Bearer/i, "");
    if (value !== "") return enter(value);
    wrong.textContent = say("tokenMissing");
    token.setAttribute("aria-invalid", "true");
    token.focus();
  } }, h("h1", { tabindex: -1 }, say("signIn")), h("p", { id: helpId }, say("signInHelp")), h("label", { for: tokenId }, say("token")), token, wrong, h("button", { type: "submit" }, say("enter")));
  return form;
}
