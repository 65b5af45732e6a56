// The single view: step, judge, edit. Neighbours are fetched ahead, so that a step is a swap of what is there already.

import { made, onKeys, piece, say, ask, send } from "./page.js";
import { Stage } from "./stage.js";

const KEPT = 12;
const main = document.getElementById("main");
const views = new Map(); // pair id -> promise of its HTML
const opened = new Set(); // what a person has folded out stays so
const search = new URLSearchParams(location.search);
search.delete("picked");
const query = search.toString();
const address = (start, pair) => `/${start}/${encodeURIComponent(pair)}${query && `?${query}`}`;
let view = document.getElementById("view");
let stage = null;
let busy = false;

function fetched(pair) {
  if (!views.has(pair)) {
    const html = piece(address("view", pair));
    html.catch(() => views.delete(pair));
    views.set(pair, html);
    if (views.size > KEPT) views.delete(views.keys().next().value);
  }
  return views.get(pair);
}

/** Fetch a pair and its picture before anybody asks for it. */
async function prefetch(pair) {
  if (!pair) return;
  try {
    const image = made(await fetched(pair)).querySelector("#picture");
    if (image) new Image().src = image.getAttribute("src");
  } catch {
    // It will be told when it is really asked for.
  }
}

function begin() {
  stage?.close();
  view = document.getElementById("view");
  stage = new Stage(document.getElementById("stage"));
  document.title = `${view.dataset.title} · Glossator review`;
  for (const part of view.querySelectorAll("details[data-keep]")) {
    if (opened.size) part.open = opened.has(part.dataset.keep);
  }
  if (document.getElementById("history")?.open) tellHistory();
  view.classList.toggle("reading", opened.has("reading"));
  markReading();
  prefetch(view.dataset.after);
  prefetch(view.dataset.before);
}

async function go(pair, { push = true, fresh = false } = {}) {
  if (!pair) return say("There is no further pair here.");
  if (fresh) views.delete(pair);
  try {
    const html = await fetched(pair);
    remember();
    main.replaceChildren(made(html));
    if (push) history.pushState({ pair }, "", address("pair", pair));
    begin();
  } catch (problem) {
    say(problem.message, { wrong: true });
  }
}

/** Which parts are folded out, so that the next pair shows the same. */
function remember() {
  for (const part of view.querySelectorAll("details[data-keep]")) {
    opened[part.open ? "add" : "delete"](part.dataset.keep);
  }
  opened.add("");
}

/** Send one verdict; go on only when it is on the server's disk. */
async function judge(verdict) {
  if (busy || !judging()) return;
  busy = true;
  const { pair, after, sampling } = view.dataset;
  try {
    await send("/api/verdicts", { pair_id: pair, sampling, ...verdict });
    views.delete(pair);
    await go(after || pair, { push: Boolean(after), fresh: !after });
    const last = after ? "" : view.dataset.blind ? "; that was the last one: see Agreement" : "; that was the last one";
    say({ keep: "Kept", reject: "Rejected", edit: "Edit saved" }[verdict.verdict] + last);
  } catch (problem) {
    say(`Not saved: ${problem.message}`, { wrong: true });
  } finally {
    busy = false;
  }
}

const judging = () => document.getElementById("edit") !== null;

async function undo(url, body) {
  if (!judging()) return;
  try {
    const { pair_id: pair } = await send(url, body);
    if (!pair) return say("There is nothing of this session to take back.");
    views.delete(pair);
    await go(pair, { push: pair !== view.dataset.pair });
    say("Taken back");
  } catch (problem) {
    say(`Not taken back: ${problem.message}`, { wrong: true });
  }
}

function reject() {
  if (!judging()) return;
  document.getElementById("reject").showModal();
}

function edit(field) {
  if (!judging()) return;
  document.getElementById("talk").hidden = true;
  document.getElementById("edit").hidden = false;
  const area = document.getElementById(`edit-${field}`);
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}

function endEdit() {
  const form = document.getElementById("edit");
  if (!form || form.hidden) return false;
  form.reset();
  form.hidden = true;
  document.getElementById("talk").hidden = false;
  document.getElementById("words").focus();
  return true;
}

function saveEdit() {
  const form = document.getElementById("edit");
  const texts = Object.fromEntries(new FormData(form));
  if ([...form.querySelectorAll("textarea")].every((field) => field.value === field.defaultValue)) return say("Nothing has been changed.");
  if (!texts.question.trim() || !texts.answer.trim()) return say("An edit needs a question and an answer.", { wrong: true });
  judge({ verdict: "edit", ...texts });
}

async function same() {
  const { pair, same: reason } = view.dataset;
  if (!reason) return say("This pair was rejected for no reason that others share.");
  try {
    const params = new URLSearchParams(query);
    params.set("pair_id", pair);
    // The filter's own reason must not be overwritten.
    const found = await ask(`/api/next-with/${encodeURIComponent(reason)}?${params}`);
    if (found.pair_id) go(found.pair_id);
    else say(`No further pair with the reason "${reason.replaceAll("_", " ")}".`);
  } catch (problem) {
    say(problem.message, { wrong: true });
  }
}

async function tellHistory() {
  const told = document.getElementById("told");
  if (!told || told.childElementCount) return;
  try {
    told.replaceChildren(made(await piece(`/history/${encodeURIComponent(view.dataset.pair)}`)));
  } catch (problem) {
    told.textContent = problem.message;
  }
}

function toggleSpans() {
  opened[opened.has("reading") ? "delete" : "add"]("reading");
  view.classList.toggle("reading", opened.has("reading"));
  markReading();
}

const markReading = () =>
  view.querySelector("[data-do=spans]")?.setAttribute("aria-pressed", String(opened.has("reading")));

/** Light the boxes that belong to a piece of text, or put them out. */
function light(button, on) {
  const boxes = view.querySelector(`[data-boxes="${button.dataset.lights}"]`);
  button.classList.toggle("lit", on);
  boxes?.classList.toggle("lit", on);
}

/** Show one of the record's pictures; without a number the one after what is shown. */
async function show(number) {
  const buttons = [...view.querySelectorAll("[data-picture]")];
  if (!buttons.length) return say("The record has one picture.");
  const shown = buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
  const next = number ?? (shown + 1) % buttons.length;
  buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === next)));
  const address = `/image/${encodeURIComponent(view.dataset.image)}${next ? `?number=${next}` : ""}`;
  await stage.show(address, next === 0).catch(() => say("The picture is not there any more.", { wrong: true }));
}

/** As near as reads well around some boxes, which lie on the first picture. */
async function lookAt(groups) {
  if (view.querySelector(".boxes[hidden]")) await show(0);
  stage.fitTo(groups);
}

const evidence = () => [...view.querySelectorAll(".evidence")];
const zoomed = () => stage.touched;
const does = {
  keep: () => judge({ verdict: "keep" }),
  reject,
  edit: () => edit("question"),
  undo: () => undo("/api/undo", {}),
  "take-back": () => undo("/api/take-back", { pair_id: view.dataset.pair }),
  before: () => go(view.dataset.before),
  after: () => go(view.dataset.after),
  same,
  spans: toggleSpans,
  "zoom-in": () => stage.zoom(1.4),
  "zoom-out": () => stage.zoom(1 / 1.4),
  "zoom-fit": () => stage.fit(),
  "zoom-evidence": () => (zoomed() ? stage.fit() : lookAt(evidence())),
  "edit-cancel": endEdit,
  "reject-own": () => rejectFor(document.getElementById("own").value),
};

function rejectFor(reason) {
  document.getElementById("reject").close();
  judge({ verdict: "reject", reason });
}

onKeys({
  k: does.keep, r: reject, q: () => edit("question"), a: () => edit("answer"), e: () => edit("explain_answer"),
  u: does.undo, n: same, j: does.after, ArrowRight: does.after, ArrowLeft: does.before, o: toggleSpans,
  z: does["zoom-evidence"], "+": does["zoom-in"], "=": does["zoom-in"], "-": does["zoom-out"], 0: does["zoom-fit"],
  p: () => show(),
  g: () => document.getElementById("back").click(),
  "Shift+ArrowLeft": () => stage.pan(80, 0), "Shift+ArrowRight": () => stage.pan(-80, 0),
  "Shift+ArrowUp": () => stage.pan(0, 80), "Shift+ArrowDown": () => stage.pan(0, -80),
});

document.addEventListener("keydown", (event) => {
  const inEdit = event.target.closest?.("#edit");
  if (inEdit && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    saveEdit();
  } else if (event.key === "Escape" && inEdit) {
    endEdit();
  } else if (document.getElementById("reject")?.open && !event.ctrlKey && !event.metaKey && !event.altKey) {
    rejectKeys(event);
  }
});

/** In the dialog of reasons: a digit takes one, Enter what is written. */
function rejectKeys(event) {
  const own = document.getElementById("own");
  if (event.target === own && event.key === "Enter") {
    event.preventDefault();
    rejectFor(own.value);
  } else if (event.target !== own || own.value === "") {
    const button = view.querySelectorAll("[data-reason] kbd")[Number(event.key) - 1]?.closest("button");
    if (!button) return;
    event.preventDefault();
    rejectFor(button.dataset.reason);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do], [data-reason], [data-lights], [data-picture]");
  if (!button) return;
  if (button.dataset.do) does[button.dataset.do]();
  else if (button.dataset.reason) rejectFor(button.dataset.reason);
  else if (button.dataset.picture) show(Number(button.dataset.picture));
  else lookAt([...view.querySelectorAll(`[data-boxes="${button.dataset.lights}"]`)]);
});
document.addEventListener("submit", (event) => {
  if (event.target.id !== "edit") return;
  event.preventDefault();
  saveEdit();
});
for (const [name, on] of [["pointerover", true], ["focusin", true], ["pointerout", false], ["focusout", false]]) {
  document.addEventListener(name, (event) => {
    const button = event.target.closest?.("[data-lights]");
    if (button) light(button, on);
    const span = event.target.closest?.(".spans [data-boxes]");
    if (span) readOut(span, on);
  });
}

/** Under the pointer: what OCR read there. */
function readOut(span, on) {
  const line = document.getElementById("reading");
  const source = view.querySelector(`[data-lights="${span.dataset.boxes}"]`);
  line.textContent = on && source ? source.textContent : "";
  span.classList.toggle("lit", on);
}

main.addEventListener("error", (event) => {
  if (event.target.id !== "picture") return;
  document.getElementById("sheet").hidden = true;
  document.getElementById("gone").hidden = false;
}, true);
main.addEventListener("toggle", (event) => {
  if (event.target.id === "history" && event.target.open) tellHistory();
}, true);
window.addEventListener("popstate", () => go(decodeURIComponent(location.pathname.split("/").pop()), { push: false }));
document.addEventListener("tables", () => views.clear());
begin();
