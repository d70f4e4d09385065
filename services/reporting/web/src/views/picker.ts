import { h, id, text } from "../dom.ts";
import { search } from "../fold.ts";
import type { Say } from "../messages.ts";

export interface Choice {
  code: string;
  name: string;
}

export interface Picker {
  element: HTMLElement;
  /** The unit on show. */
  show(unit: Choice): void;
}

/** A combobox (ARIA authoring practice "list autocomplete"): type with or without accents, or the code. `load` is asked each time the list opens. */
export function picker(say: Say, load: () => Promise<readonly Choice[]>, choose: (code: string) => void): Picker {
  const [inputId, listId] = [id("unit"), id("units")];
  let shown: Choice | null = null;
  let choices: readonly Choice[] = [];
  let found: Choice[] = [];
  let at = -1;

  const list = h("ul", { id: listId, role: "listbox", "aria-label": say("unit"), hidden: true });
  const tally = h("span", { class: "unseen", role: "status" });
  const input = h("input", {
    id: inputId, type: "text", role: "combobox", autocomplete: "off", spellcheck: "false", placeholder: say("unitHint"),
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId,
    onfocus: () => { input.select(); void open(); },
    onclick: () => { if (list.hidden) void open(); },
    oninput: () => { at = -1; filter(input.value); },
    onblur: close,
    onkeydown: key,
  });

  async function open(): Promise<void> {
    choices = await load();
    if (document.activeElement === input) filter(shown && input.value === shown.name ? "" : input.value);
  }

  function close(): void {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    if (shown) input.value = shown.name;
  }

  function filter(query: string): void {
    found = search(query, choices);
    if (query !== "" && at < 0 && found.length > 0) at = 0;
    list.replaceChildren(...(found.length > 0 ? found.map(item) : [h("li", { class: "none", role: "option", "aria-disabled": "true" }, say("unitNone"))]));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    text(tally, query === "" ? "" : say("unitFound", { n: found.length }));
    mark();
  }

  function item(choice: Choice, index: number): HTMLElement {
    return h("li", {
      id: `${listId}-${index}`, role: "option", "data-code": choice.code, "aria-selected": String(choice.code === shown?.code),
      onpointerdown: (event) => { event.preventDefault(); },
      onclick: () => { take(choice); },
    }, h("span", { lang: "vi" }, choice.name), h("span", { class: "code" }, choice.code));
  }

  function mark(): void {
    [...list.children].forEach((child, index) => child.classList.toggle("at", index === at));
    const active = found[at] ? `${listId}-${at}` : null;
    if (active) {
      input.setAttribute("aria-activedescendant", active);
      document.getElementById(active)?.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function take(choice: Choice): void {
    shown = choice;
    input.blur();
    close();
    choose(choice.code);
  }

  function key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move !== undefined) {
      event.preventDefault();
      if (list.hidden) return void open();
      if (found.length > 0) at = (at + move + found.length) % found.length;
      mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      const choice = found[at];
      if (!list.hidden && choice) take(choice);
    } else if (event.key === "Escape") {
      close();
      input.select();
    }
  }

  return {
    element: h("div", { class: "field picker" }, h("label", { for: inputId }, say("unit")), h("div", { class: "box" }, input, list), tally),
    show: (unit) => { shown = unit; input.value = unit.name; },
  };
}
