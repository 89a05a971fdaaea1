// Draws the charts, sorts the tables, and lets examples be searched. All texts are put in as text, never as HTML.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// Charts are drawn when they come near: a page with a hundred of them opens at once.
const views = new Map();
async function draw(place) {
  if (views.has(place)) return;
  views.set(place, null);
  const spec = { ...data.charts[place.dataset.chart], description: place.dataset.title };
  // The interpreter needs no eval, which the page's policy forbids.
  const options = { ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: { disableDefaultStyle: true } };
  try {
    views.set(place, (await vegaEmbed(place, spec, options)).view);
    place.dataset.drawn = "yes";
  } catch (error) {
    place.textContent = "This chart could not be drawn.";
    console.error(place.dataset.chart, error);
  }
}
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target); }
}, { rootMargin: "600px" });
// The room that a chart will take, so that nothing moves when it is drawn: with its axis, and two series a line of legend.
function room(spec) {
  const color = [spec, ...(spec.layer ?? [])].map((layer) => layer.encoding?.color).find((one) => one?.field);
  return spec.height + 55 + (color && color.legend !== null ? 15 * Math.ceil(color.scale.domain.length / 2) : 0);
}
document.querySelectorAll(".plot").forEach((place) => {
  place.style.minHeight = room(data.charts[place.dataset.chart]) + "px";
  near.observe(place);
});
window.addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach(draw));

// The list of sections: beside the page on a desk, folded above it on a phone; it tells where the reader is.
const menu = document.querySelector("nav.sections details");
const links = [...menu.querySelectorAll("a")];
const parts = links.map((link) => document.querySelector(link.hash));
const beside = matchMedia("(min-width: 1081px)");
const fold = () => { menu.open = beside.matches; };
beside.addEventListener("change", fold);
fold();
menu.addEventListener("click", (event) => { if (event.target.closest("a")) fold(); });
document.addEventListener("click", (event) => { if (!menu.contains(event.target)) fold(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") fold(); });
function locate() {
  const passed = parts.filter((part) => part.getBoundingClientRect().top < 120);
  const at = Math.max(0, parts.indexOf(passed.at(-1)));
  if (links[at].hasAttribute("aria-current")) return;
  links.forEach((link, place) => (place === at ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  menu.querySelector(".here").textContent = at ? links[at].textContent.trim() : "";
  const list = menu.parentElement;
  const { top, bottom } = links[at].getBoundingClientRect();
  if (beside.matches && (top < 40 || bottom > innerHeight - 40)) list.scrollTop += top - innerHeight / 2;
}
let waits = false;
addEventListener("scroll", () => {
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => { waits = false; locate(); });
}, { passive: true });
locate();

// The numbers of a chart as a table, for reading closely and for screen readers.
const shown = (value) => (typeof value === "number" ? String(Number(value.toPrecision(5))) : value ?? "");
document.querySelectorAll("details.data").forEach((details) => {
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const rows = data.charts[details.dataset.of].data.values;
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
    const body = rows.map((row) => element("tr", {}, ...names.map((name) =>
      element("td", typeof row[name] === "number" ? { class: "number" } : {}, String(shown(row[name]))))));
    const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
    details.append(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Numbers" }, table));
  });
});

// Sorting: numbers by value, words by letters; rows without a value stay last.
function compare(a, b, direction) {
  if (a === null || a === "") return b === null || b === "" ? 0 : 1;
  if (b === null || b === "") return -1;
  if (typeof a === "number" && typeof b === "number") return direction * (a - b);
  return direction * String(a).localeCompare(String(b));
}
function turn(header) {
  // Numbers are looked at from the top, words from A.
  const before = header.getAttribute("aria-sort");
  const direction = before ? (before === "ascending" ? -1 : 1) : header.dataset.first === "down" ? -1 : 1;
  for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
  return direction;
}
document.querySelectorAll("table.sortable").forEach((table) => {
  const body = table.tBodies[0];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  };
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const numeric = [...body.rows].some((row) => row.cells[column].dataset.value !== undefined);
    if (numeric) { header.dataset.first = "down"; header.classList.add("number"); }
    header.firstElementChild.addEventListener("click", () => {
      const direction = turn(header);
      const rows = [...body.rows].sort((a, b) => compare(value(a, column), value(b, column), direction));
      body.append(...rows);
    });
  });
});

// Examples: a table whose rows open to their texts.
const PAGE = 25;
function texts(row) {
  const blocks = row.blocks.map(([kind, label, note, parts]) => {
    const words = parts.map(([text, depth]) => (depth ? element("mark", { class: "m" + depth }, text) : text));
    const heading = element("h4", {}, label, note ? element("span", {}, " · " + note) : null);
    return element("div", { class: "text " + kind }, heading, element("p", { dir: "auto", tabindex: "0" }, ...words));
  });
  return blocks;
}
function legend() {
  const marks = [1, 2, 3, 4].map((depth) => element("mark", { class: "m" + depth }, depth === 1 ? "1 token" : depth + " tokens"));
  return element("p", { class: "legend" }, "longest match:", ...marks);
}
document.querySelectorAll("[data-browser]").forEach((place) => {
  const { columns, rows } = data.browsers[place.dataset.browser];
  const id = place.dataset.browser;
  rows.forEach((row) => {
    row.words = [row.id, row.title, row.tag, ...row.blocks.map((block) => block[3].map((part) => part[0]).join(""))].join("\n").toLowerCase();
  });
  let found = rows;
  let limit = PAGE;
  const search = element("input", { type: "search", id: id + "-search", placeholder: "words in prompts, responses, references, or an id", autocomplete: "off" });
  const tags = [...new Set(rows.map((row) => row.tag))].filter(Boolean);
  const choice = element("select", { id: id + "-tag" }, element("option", { value: "" }, "all"), ...tags.map((tag) => element("option", { value: tag }, tag)));
  const status = element("p", { class: "quiet", role: "status" });
  const body = element("tbody");
  const more = element("button", { type: "button", class: "more" });
  const headers = ["prompt", ...columns].map((name, column) => {
    const button = element("button", { type: "button" }, element("span", { dir: "auto" }, name.replaceAll("_", " ")));
    const header = element("th", { scope: "col", class: column ? "number" : "" }, button);
    if (column) header.dataset.first = "down";
    button.addEventListener("click", () => {
      const direction = turn(header);
      const value = (row) => (column ? row.numbers[column - 1] : row.title);
      rows.sort((a, b) => compare(value(a), value(b), direction));
      show(true);
    });
    return header;
  });
  function line(row) {
    const mark = row.tag ? row.id + " · " + row.tag : row.id;
    const words = element("span", {}, element("span", { class: "words", dir: "auto" }, row.title), element("span", { class: "mark", dir: "auto" }, mark));
    const open = element("button", { type: "button", class: "open", "aria-expanded": "false" }, words);
    const made = element("tr", {}, element("th", { scope: "row" }, open), ...row.numbers.map((value) => element("td", { class: "number" }, value === null ? "" : value.toFixed(3))));
    open.addEventListener("click", () => {
      const isOpen = open.getAttribute("aria-expanded") === "true";
      open.setAttribute("aria-expanded", String(!isOpen));
      if (isOpen) made.nextElementSibling.remove();
      // A phone shows two columns; a cell over more would leave room for those that are hidden.
      const across = matchMedia("(max-width: 760px)").matches ? Math.min(2, columns.length + 1) : columns.length + 1;
      if (!isOpen) made.after(element("tr", { class: "detail" }, element("td", { colspan: String(across) }, ...facts(row), ...texts(row))));
    });
    return made;
  }
  function facts(row) {
    const known = columns.map((name, at) => [name.replaceAll("_", " "), row.numbers[at]]).filter((pair) => pair[1] !== null);
    return known.length ? [element("p", { class: "quiet" }, known.map((pair) => pair[0] + " " + pair[1].toFixed(4)).join(" · "))] : [];
  }
  function show(again) {
    if (again) limit = PAGE;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = rows.filter((row) => (!choice.value || row.tag === choice.value) && words.every((word) => row.words.includes(word)));
    body.replaceChildren(...found.slice(0, limit).map(line));
    status.textContent = found.length + " of " + rows.length + " examples";
    more.hidden = found.length <= limit;
    more.textContent = "Show " + Math.min(PAGE, found.length - limit) + " more";
  }
  search.addEventListener("input", () => show(true));
  choice.addEventListener("change", () => show(true));
  more.addEventListener("click", () => { const before = limit; limit += PAGE; show(false); body.querySelectorAll(".open")[before]?.focus(); });
  const tools = element("div", { class: "tools" }, element("label", { class: "grow" }, "Search", search), tags.length > 1 ? element("label", {}, "Show", choice) : null, status);
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...headers)), body);
  const marked = rows.some((row) => row.blocks.some((block) => block[3].some((part) => part[1])));
  place.append(tools, ...(marked ? [legend()] : []), element("div", { class: "scroll" }, table), more);
  show(true);
});
document.documentElement.dataset.ready = "yes";
