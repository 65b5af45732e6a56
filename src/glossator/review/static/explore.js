// Filters, charts and the grid. The address holds the filters, so that a link shows the same.

import { Histogram, Scatter } from "./charts.js";
import { ask, made, onKeys, piece, say } from "./page.js";
import { bounds, start } from "./sliders.js";

const form = document.getElementById("filters");
const grid = document.getElementById("grid");
const field = document.getElementById("f-ranges");
const ranges = new Map(); // score -> [low, high], null for an open end

for (const part of field.value.split(",").filter(Boolean)) {
  const [name, low, high] = part.split(":");
  ranges.set(name, [low === "" ? null : Number(low), high === "" ? null : Number(high)]);
}

function wanted(offset = 0) {
  field.value = [...ranges].map(([name, [low, high]]) => `${name}:${low ?? ""}:${high ?? ""}`).join(",");
  const params = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value && !(name === "order" && value === "set")) params.set(name, value);
  }
  if (offset) params.set("offset", offset);
  return params;
}

let running = null;
let late = false;

/** Charts of what the filters find. While one answer is under way only the latest wish waits. */
async function overview() {
  late = true;
  if (running) return;
  running = (async () => {
    while (late) {
      late = false;
      draw(await ask(`/api/overview?${wanted()}`));
    }
  })();
  try {
    await running;
  } catch (problem) {
    say(problem.message, { wrong: true });
  } finally {
    running = null;
  }
}

let showing = 0;

/** The grid for the filters as they are. */
async function show(offset = 0, { push = true } = {}) {
  const params = wanted(offset);
  const number = ++showing;
  grid.classList.add("stale");
  try {
    const html = await piece(`/grid?${params}`);
    if (number !== showing) return;
    grid.replaceChildren(made(html));
    tellShares();
    if (push) history.pushState(null, "", `/${params.size ? `?${params}` : ""}`);
  } catch (problem) {
    say(problem.message, { wrong: true });
  }
  grid.classList.remove("stale");
}

function refresh() {
  show();
  overview();
}

const histograms = new Map();
for (const figure of document.querySelectorAll(".chart[data-score]:not(.scatter)")) {
  const name = figure.dataset.score;
  const take = (range, done) => {
    take_(name, range);
    done ? refresh() : overview();
  };
  histograms.set(name, new Histogram(figure.querySelector("svg"), take));
  const ends = [...figure.querySelectorAll("input")];
  figure.addEventListener("change", () => {
    const [low, high] = ends.map((end) => (end.value === "" ? null : Number(end.value)));
    take(low === null && high === null ? null : [low, high], true);
  });
}
const scatter = new Scatter(document.querySelector(".scatter svg"), (found, done) => {
  take_("mifd", found?.x);
  take_("ffd", found?.y);
  done ? refresh() : overview();
});

function take_(name, range) {
  if (range && range.some((end) => end !== null)) ranges.set(name, range);
  else ranges.delete(name);
  place();
}

/** Brushes, number fields and bounds as they stand. */
function place() {
  const marks = bounds();
  for (const [name, histogram] of histograms) {
    histogram.range = ranges.get(name) ?? null;
    histogram.bounds = marks[name] ?? [];
    histogram.place();
    const figure = histogram.svg.closest("figure");
    for (const end of figure.querySelectorAll("input")) end.value = histogram.range?.[end.dataset.end] ?? "";
  }
  const [x, y] = ["mifd", "ffd"].map((name) => ranges.get(name) ?? [null, null]);
  scatter.range = ranges.has("mifd") || ranges.has("ffd") ? { x, y } : null;
  if (scatter.right) scatter.place();
}

const count = (number) => number.toLocaleString("en");
let shares = "";

/** The header of the grid is rendered by the server, which doesn't count there. */
const tellShares = () => document.getElementById("shares").replaceChildren(shares);

function draw(found) {
  shares = `${count(found.kept)} kept, ${count(found.total - found.kept)} rejected`;
  tellShares();
  for (const [name, histogram] of histograms) {
    histogram.draw(found.shapes[name].edges.at(-1), found.drawn[name]);
    histogram.svg.setAttribute("aria-label", `Histogram of ${name} over ${count(found.total)} pairs, ${count(found.kept)} kept`);
  }
  scatter.draw(found.scatter, found.drawn.scatter);
  place();
}

let typing = 0;
form.addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(refresh, event.target.type === "search" ? 200 : 0);
});
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("clear").addEventListener("click", () => {
  for (const one of form.elements) {
    if (one.type === "checkbox") one.checked = false;
    else if (one.name) one.value = one.name === "order" ? "set" : "";
  }
  ranges.clear();
  place();
  refresh();
});
grid.addEventListener("click", (event) => {
  const link = event.target.closest("[data-offset]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(Number(link.dataset.offset)).then(() => grid.scrollIntoView());
});
window.addEventListener("popstate", () => location.reload());

/** Focus another card: by one, or by a row. */
function move(by) {
  const cards = [...grid.querySelectorAll(".card")];
  const here = cards.indexOf(document.activeElement);
  const columns = getComputedStyle(grid.querySelector(".cards")).gridTemplateColumns.split(" ").length;
  const next = here < 0 ? 0 : here + (Math.abs(by) > 1 ? Math.sign(by) * columns : by);
  cards[Math.max(0, Math.min(cards.length - 1, next))]?.focus();
}

const press = (selector) => document.querySelector(selector)?.click();
const inSlider = (event) => event.target.matches("input");
onKeys({
  "/": () => document.getElementById("f-text").focus(),
  v: () => press("#review"), t: () => press("#thresholds summary"),
  "]": () => press("[rel=next]"), "[": () => press("[rel=prev]"),
  ArrowLeft: (event) => (inSlider(event) ? false : move(-1)), ArrowRight: (event) => (inSlider(event) ? false : move(1)),
  ArrowUp: (event) => (inSlider(event) ? false : move(-9)), ArrowDown: (event) => (inSlider(event) ? false : move(9)),
});

/** How bad the set is, as far as people have judged pairs drawn at random. */
async function estimate() {
  const place = document.getElementById("estimate");
  const line = (text, name = "") => Object.assign(document.createElement("p"), { textContent: text, className: name });
  try {
    const { pairs, wrong, wrong_of_kept: ofKept } = await ask("/api/estimate");
    const told = ({ value, low, high }) => `${value.toFixed(1)} % [${low.toFixed(1)}, ${high.toFixed(1)}]`;
    const lines = [line(`${pairs.toLocaleString("en")} pairs drawn at random and judged`)];
    if (wrong) lines.push(line(`bad, of the whole set: ${told(wrong)}`));
    if (ofKept) lines.push(line(`bad, of what is kept: ${told(ofKept)}`));
    if (!pairs) lines.push(line("Take the order “at random” without filters and judge from the first on: that tells how good the whole set is.", "soft"));
    place.replaceChildren(...lines);
  } catch {
    place.replaceChildren();
  }
}

const said = sessionStorage.getItem("said");
if (said) say(said);
sessionStorage.removeItem("said");
start(place);
overview();
estimate();
