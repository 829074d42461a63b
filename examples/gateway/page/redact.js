// What a text becomes in the log, and why.

const at = (id) => document.getElementById(id);
const bytes = new TextEncoder();
const letters = new TextDecoder();

// How long nothing is asked while somebody types, in milliseconds.
const PAUSE = 150;

// As many values are listed; all are marked in the text.
const LISTED = 200;

let running = null;
let pause = null;
// What is configured is asked for once, and ticked then.
let known = false;

function make(tag, kind, text) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text !== undefined) element.textContent = text;
  return element;
}

function settings() {
  if (!known) return {};
  const rules = [...document.querySelectorAll("[name=rule]:checked")].map(({ value }) => value);
  return { rules, style: document.querySelector("[name=style]:checked").value };
}

function tick({ rules, style }) {
  for (const box of document.querySelectorAll("[name=rule]")) box.checked = rules.includes(box.value);
  for (const button of document.querySelectorAll("[name=style]")) button.checked = button.value === style;
  known = true;
}

// A mark, and the reason that is shown where it is pointed at or has the focus.
function hit({ mark, rule, why }, number) {
  const place = make("span", "hit");
  const shown = make("mark", "", mark);
  shown.tabIndex = 0;
  const reason = make("span", "why", `${rule}: ${why}`);
  reason.id = `why-${number}`;
  reason.setAttribute("role", "tooltip");
  shown.setAttribute("aria-describedby", reason.id);
  place.append(shown, reason);
  for (const event of ["pointerenter", "focusin"]) place.addEventListener(event, () => place.classList.remove("quieted"));
  return place;
}

function row(cells) {
  const line = make("tr");
  line.append(...cells.map((text) => make("td", "", text)));
  return line;
}

// Places are in bytes of UTF-8.
function show(text, { hits }) {
  const whole = bytes.encode(text);
  const part = (start, end) => letters.decode(whole.subarray(start, end));
  let end = 0;
  const shown = [];
  for (const [number, found] of hits.entries()) {
    shown.push(part(end, found.start), hit(found, number));
    ({ end } = found);
  }
  at("out").replaceChildren(...shown, part(end));
  const listed = hits.slice(0, LISTED);
  const rows = listed.map((found) => row([part(found.start, found.end), found.mark, found.rule, found.why]));
  at("found").querySelector("tbody").replaceChildren(...rows);
  at("found").hidden = !hits.length;
  const more = hits.length > LISTED ? ` The first ${LISTED} are listed.` : "";
  say(`${hits.length || "No"} value${hits.length === 1 ? "" : "s"} found.${more}`);
}

function say(what, wrong = false) {
  at("state").textContent = what;
  at("state").className = wrong ? "bad" : "";
}

function fail(why) {
  at("out").replaceChildren();
  at("found").hidden = true;
  say(why, true);
}

async function ask() {
  clearTimeout(pause);
  running?.abort();
  const mine = new AbortController();
  running = mine;
  // Half of a surrogate pair is no text.
  const text = at("text").value.toWellFormed();
  try {
    const body = JSON.stringify({ text, ...settings() });
    const headers = { "content-type": "application/json" };
    const response = await fetch("/redact", { method: "POST", headers, body, signal: mine.signal });
    const answer = await response.json();
    if (mine.signal.aborted) return;
    if (!response.ok) return fail(`Refused: ${answer.error.message}.`);
    if (!known) tick(answer);
    show(text, answer);
  } catch (error) {
    if (!mine.signal.aborted) fail(`The gateway does not answer: ${error.message}`);
  }
}

at("ask").addEventListener("submit", (event) => event.preventDefault());
at("ask").addEventListener("change", (event) => event.target === at("text") || ask());
at("text").addEventListener("input", (event) => {
  clearTimeout(pause);
  // What is being put together of a Chinese word is no text yet; `compositionend` comes behind it.
  if (!event.isComposing) pause = setTimeout(ask, PAUSE);
});
at("text").addEventListener("compositionend", () => {
  clearTimeout(pause);
  pause = setTimeout(ask, PAUSE);
});
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const place of document.querySelectorAll(".hit:hover, .hit:focus-within")) place.classList.add("quieted");
});
ask();
