// What a screen reader would stumble over, as a list of sentences. Evaluated in the page.
() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const byIds = (ids) => (ids || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join("");
  const name = (element) =>
    element.getAttribute("aria-label") ||
    byIds(element.getAttribute("aria-labelledby")) ||
    [...(element.labels || [])].map((label) => label.textContent).join("") ||
    element.textContent.trim();

  const controls = "a, button, input, select, textarea, [role=img], [role=group], [role=combobox], table.units";
  for (const element of all(controls)) {
    if (element.checkVisibility() && !name(element)) faults.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  }
  const ids = all("[id]").map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push(`id twice: ${id}`);
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
    for (const element of all(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(" ")) {
        if (!document.getElementById(id)) faults.push(`${attribute} leads to nothing: ${id}`);
      }
    }
  }
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`heading skips a level: ${heading.textContent}`);
    level = next;
  }
  for (const table of all("table")) if (!table.querySelector("th[scope=col]")) faults.push("table without headings");
  for (const element of all("[tabindex]")) if (element.tabIndex > 0) faults.push("positive tabindex");
  for (const image of all("img:not([alt])")) faults.push(`image without alt: ${image.src}`);
  if (!document.title.includes("Dân Vận")) faults.push("no title");
  return faults;
}
