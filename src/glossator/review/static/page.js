// What every page has: help, short messages, and requests that say why they failed.

const status = document.getElementById("status");
let timer = 0;

/** Say something for a moment. What went wrong stays until the next message. */
export function say(text, { wrong = false } = {}) {
  status.textContent = text;
  status.classList.toggle("wrong", wrong);
  status.classList.add("shown");
  clearTimeout(timer);
  if (!wrong) timer = setTimeout(() => status.classList.remove("shown"), 2500);
}

let edition = null;

/** The server has taken in the tables of another run. */
function notice(response) {
  const now = response.headers.get("x-edition");
  if (edition !== null && now !== null && now !== edition) {
    document.dispatchEvent(new Event("tables"));
    const told = "A run has changed the set meanwhile: reload the page to see all of it anew.";
    setTimeout(() => say(told, { wrong: true }), 2500); // behind what is said of a verdict
  }
  edition = now ?? edition;
}

async function answered(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error("the server does not answer; is it still running?");
  }
  notice(response);
  if (response.ok) return response;
  const told = await response.text();
  let text = told;
  try {
    text = JSON.parse(told).error || told;
  } catch {
    // plain text
  }
  throw new Error(text || `the server said ${response.status}`);
}

/** The answer to a question, as JSON. */
export const ask = async (url, signal) => (await answered(fetch(url, { signal }))).json();

/** A piece of a page. */
export const piece = async (url) => (await answered(fetch(url))).text();

/** Send something; resolved when the server has confirmed it. */
export const send = async (url, body) =>
  (await answered(fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }))).json();

/** An element made of server-rendered HTML, in which all text is escaped. */
export function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

const isTyping = (target) => target.matches?.("input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]");

/** Call `keys[key]` on a key press outside of fields and dialogs; a name may begin with `Shift+`. */
export function onKeys(keys) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const does = keys[event.shiftKey && event.key.length > 1 ? `Shift+${name}` : name];
    if (does && does(event) !== false) event.preventDefault();
  });
}

const help = document.getElementById("help");
document.getElementById("help-open").addEventListener("click", () => help.showModal());
onKeys({ "?": () => help.showModal() });
for (const link of document.querySelectorAll(".top nav a")) {
  if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
}
