// The demo's part: the switches of the chat API's faults, and many answers at once. Before a real chat API
// it stays hidden.

import { ask, describe, prepare } from "/answer.js";
import { ALL, FAULTS, known } from "/faults.js";
import { make } from "/outcome.js";

const at = (id) => document.getElementById(id);

// Whatever else is set for the chat API stays as it is.
let settings = null;
// The fault that the next call is to meet.
let next = null;

const sliderOf = (name) => at("faults").elements[`rate-${name}`];
const buttonOf = (name) => at("faults").elements[`next-${name}`];

function show(faults) {
  settings = faults;
  for (const { title, faults: group } of FAULTS) {
    const set = make("fieldset");
    set.append(make("legend", "", title));
    for (const { name, label } of group) set.append(line(name, label));
    at("faults").append(set);
  }
  for (const fault of faults.mix) {
    const of = known(fault);
    if (of) sliderOf(of.name).value = Number(sliderOf(of.name).value) + Math.round(fault.rate * 100);
  }
  showRates();
}

function line(name, label) {
  const row = make("div", "fault");
  const once = make("button", "", "Next call");
  Object.assign(once, { type: "button", name: `next-${name}` });
  once.setAttribute("aria-pressed", "false");
  once.setAttribute("aria-label", `${label}: the next call meets it`);
  once.addEventListener("click", () => {
    next = next === name ? null : name;
    set();
  });
  const slider = make("input");
  Object.assign(slider, { type: "range", min: 0, max: 100, value: 0, name: `rate-${name}` });
  slider.setAttribute("aria-label", `${label}: share of all calls, in percent`);
  slider.addEventListener("input", () => makeRoom(name));
  slider.addEventListener("change", () => set());
  const share = make("output");
  share.id = `share-${name}`;
  row.append(make("span", "", label), once, slider, share);
  return row;
}

// Together they are all calls at most: where one takes more, the others give way.
function makeRoom(name) {
  let over = ALL.reduce((sum, fault) => sum + Number(sliderOf(fault.name).value), 0) - 100;
  for (const other of ALL) {
    if (over <= 0) break;
    if (other.name === name) continue;
    const slider = sliderOf(other.name);
    const less = Math.min(over, Number(slider.value));
    slider.value = Number(slider.value) - less;
    over -= less;
  }
  showRates();
}

function showRates() {
  for (const { name } of ALL) at(`share-${name}`).textContent = `${sliderOf(name).value} %`;
}

async function set() {
  const mix = ALL.map(({ name, set }) => ({ ...set, rate: Number(sliderOf(name).value) / 100 }));
  const script = ALL.filter(({ name }) => name === next).map(({ set }) => set);
  const faults = { ...settings, mix: mix.filter(({ rate }) => rate > 0), script };
  const response = await fetch("/demo/faults", { method: "POST", body: JSON.stringify(faults) });
  const told = response.ok ? null : await response.json().catch(() => null);
  showNext(response.ok ? "Set." : `Not set: ${told?.error?.message ?? response.status}`);
}

function showNext(otherwise) {
  for (const { name } of ALL) buttonOf(name).setAttribute("aria-pressed", String(name === next));
  const label = ALL.find(({ name }) => name === next)?.label;
  at("faults-state").textContent = label ? `The next call meets: ${label}. Now send a message.` : otherwise;
}

// A message is being sent: what was set for the next call is met by it.
export function asked() {
  if (next === null) return;
  next = null;
  showNext("");
}

// What each attempt at an answer met, where the chat API can tell.
export async function attemptsAt(id) {
  if (at("demo").hidden || !id) return [];
  const response = await fetch(`/demo/calls/${encodeURIComponent(id)}`).catch(() => null);
  return response?.ok ? response.json() : [];
}

export async function refreshStats() {
  if (at("demo").hidden) return;
  const stats = await fetch("/demo/stats").then((response) => response.json()).catch(() => null);
  if (!stats) return;
  at("stats").replaceChildren();
  const faults = Object.entries(stats.faults).filter(([kind]) => kind !== "none");
  const rows = [["calls", stats.requests], ["whole answers", stats.answers], ["given up by readers", stats.cancelled]];
  for (const [name, value] of [...rows, ...faults]) {
    at("stats").append(make("dt", "", name.replaceAll("_", " ")), make("dd", "", value));
  }
}

const MANY = 20;

at("many").addEventListener("click", async () => {
  at("many").disabled = true;
  at("grid").replaceChildren();
  at("tally").textContent = "";
  asked();
  const asking = Array.from({ length: MANY }, async (_, number) => {
    const cell = make("li", "", "…");
    at("grid").append(cell);
    const result = await ask(prepare([{ role: "user", content: `Question ${number}` }], at("model").value));
    cell.className = result.error ? "bad" : "good";
    cell.textContent = result.error ? "✕" : result.attempts;
    cell.title = describe(result);
    return result;
  });
  const results = await Promise.all(asking);
  const whole = results.filter((result) => !result.error).length;
  const attempts = results.reduce((sum, result) => sum + result.attempts, 0);
  at("tally").textContent = `${whole} of ${MANY} whole, with ${attempts} attempts. Each number is one answer's attempts.`;
  at("many").disabled = false;
  refreshStats();
});

fetch("/demo/faults")
  .then((response) => (response.ok ? response.json() : null))
  .then((faults) => {
    if (!faults) return;
    at("demo").hidden = false;
    show(faults);
    refreshStats();
  })
  .catch(() => {});
