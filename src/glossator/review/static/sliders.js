// Thresholds: move one, and see at once what would be kept and which pairs change sides.

import { ask, made, say, send } from "./page.js";

const panel = document.getElementById("thresholds");
const sliders = [...panel.querySelectorAll(".slider")];
const told = document.getElementById("kept");
const border = document.getElementById("border");
const apply = document.getElementById("apply");
const reset = document.getElementById("reset");
const count = (number) => number.toLocaleString("en");

const range = (slider) => slider.querySelector("[type=range]");
const switched = (slider) => slider.querySelector("[type=checkbox]");
const value = (slider) => (switched(slider).checked ? Number(range(slider).value) : null);
const before = (slider) => (slider.dataset.value === "" ? null : Number(slider.dataset.value));
const changes = () => Object.fromEntries(sliders.filter((one) => value(one) !== before(one)).map((one) => [one.dataset.name, value(one)]));

/** The bounds as they stand, by column: for the marks in the charts. */
export function bounds() {
  const found = {};
  for (const slider of sliders) {
    if (value(slider) !== null) (found[slider.dataset.column] ??= []).push(value(slider));
  }
  return found;
}

let asking = false;
let again = false;

/** Ask for what would be kept; while one answer is under way only the latest wish waits. */
async function preview() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    do {
      again = false;
      const wanted = changes();
      const found = await ask(`/api/preview?${new URLSearchParams(Object.entries(wanted).map(([k, v]) => [k, v === null ? "null" : v]))}`);
      if (!again) show(found, wanted);
    } while (again);
  } catch (problem) {
    say(problem.message, { wrong: true });
  } finally {
    asking = false;
  }
}

function show(found, wanted) {
  const changed = Object.keys(wanted).length > 0;
  const turned = changed ? ` (+${count(found.gained)} −${count(found.lost)}, now ${count(found.before)})` : "";
  told.textContent = `${changed ? "would keep" : "keep"} ${count(found.kept)} of ${count(found.pairs)}${turned}`;
  border.replaceChildren(made(changed ? found.html : ""));
  reset.disabled = !changed;
  if (apply) apply.textContent = changed ? "Apply" : "Apply verdicts";
}

/** Call `moved` at each move of a slider. */
export function start(moved) {
  const changed = (slider) => {
    range(slider).disabled = !switched(slider).checked;
    slider.querySelector("output").textContent = value(slider) ?? "–";
    slider.classList.toggle("changed", value(slider) !== before(slider));
    moved();
    preview();
  };
  for (const slider of sliders) slider.addEventListener("input", () => changed(slider));
  reset.addEventListener("click", () => {
    for (const slider of sliders) {
      switched(slider).checked = before(slider) !== null;
      if (before(slider) !== null) range(slider).value = before(slider);
      changed(slider);
    }
  });
  apply?.addEventListener("click", async () => {
    apply.disabled = true;
    say("Filtering anew …");
    try {
      const { kept, rejected } = await send("/api/apply", { settings: changes() });
      sessionStorage.setItem("said", `Applied: ${count(kept)} kept, ${count(rejected)} rejected`);
      location.reload();
    } catch (problem) {
      apply.disabled = false;
      say(`Not applied: ${problem.message}`, { wrong: true });
    }
  });
  panel.addEventListener("toggle", () => panel.open && !told.textContent && preview());
  if (panel.open) preview();
}
