// The chat, and beside it, where the gateway runs as a demo, the switches of its faults.
"use strict";

const at = (id) => document.getElementById(id);
const messages = [];
let running = null;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Calls each with the data of every event, whatever the pieces they come in.
async function readEvents(body, each) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split(/\r\n\r\n|\n\n|\r\r/);
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block
        .split(/\r\n|\n|\r/)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).replace(/^ /, ""));
      if (data.length) each(data.join("\n"));
    }
  }
}

// Asks, and tells how it ended: an answer counts as whole only with its finish reason.
async function ask(history, model, signal, onText) {
  const began = performance.now();
  const result = { text: "", attempts: 0, finish: null, error: null };
  try {
    const response = await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, messages: history, stream: true }),
      signal,
    });
    result.attempts = Number(response.headers.get("x-lastbyte-attempts"));
    if (!response.ok) {
      const told = await response.json().catch(() => null);
      throw new Error(`${response.status}: ${told?.error?.message ?? response.statusText}`);
    }
    await readEvents(response.body, (data) => {
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      if (event.error) throw new Error(event.error.message);
      const choice = event.choices?.[0];
      if (choice?.delta?.content) {
        result.text += choice.delta.content;
        onText(choice.delta.content);
      }
      if (choice?.finish_reason) result.finish = choice.finish_reason;
    });
    if (!result.finish) throw new Error("the answer ended without a finish reason");
  } catch (error) {
    result.error = error.name === "AbortError" ? "stopped" : error.message;
  }
  result.seconds = (performance.now() - began) / 1000;
  return result;
}

function describe({ attempts, error, seconds }) {
  const tries = `${attempts} attempt${attempts === 1 ? "" : "s"}, ${seconds.toFixed(1)} s`;
  return error ? `Not whole: ${error} (${tries})` : `Whole (${tries})`;
}

function scroll() {
  at("log").scrollTop = at("log").scrollHeight;
}

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const content = at("question").value.trim();
  if (!content || running) return;
  running = new AbortController();
  at("stop").disabled = false;
  at("send").disabled = true;
  at("log").setAttribute("aria-busy", "true");
  messages.push({ role: "user", content });
  at("log").append(make("p", "turn user", content));
  const turn = make("p", "turn assistant");
  at("log").append(turn);
  at("question").value = "";
  scroll();
  const result = await ask(messages, at("model").value, running.signal, (text) => {
    turn.append(text);
    scroll();
  });
  turn.append(make("span", `note ${result.error ? "bad" : "good"}`, describe(result)));
  if (result.error) messages.pop();
  else messages.push({ role: "assistant", content: result.text });
  running = null;
  at("stop").disabled = true;
  at("send").disabled = false;
  at("log").setAttribute("aria-busy", "false");
  scroll();
  refreshStats();
});

at("stop").addEventListener("click", () => running?.abort());

at("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("ask").requestSubmit();
  }
});

// The demo's part.

const kinds = [
  ["429", "429, come back in 1 s", (rate) => ({ status: { code: 429, retry_after: "1", rate } })],
  ["503", "503", (rate) => ({ status: { code: 503, rate } })],
  ["reset", "Reset before the head", (rate) => ({ reset_before_head: rate })],
  ["stall", "Silence before the first word", (rate) => ({ stall: { rate } })],
  ["cut", "Cut in the middle", (rate) => ({ cut: { after: 10, rate } })],
  ["half", "Half an event", (rate) => ({ half_event: { after: 10, rate } })],
  ["no_done", "No end at all", (rate) => ({ no_done: rate })],
];

let shape = {};

function rateOf(faults, name) {
  const status = [faults.status ?? []].flat();
  const single = (kind) => faults[kind]?.rate ?? faults[kind] ?? 0;
  if (name === "429") return status.filter((one) => one.code === 429).reduce((sum, one) => sum + one.rate, 0);
  if (name === "503") return status.filter((one) => one.code !== 429).reduce((sum, one) => sum + one.rate, 0);
  return single({ reset: "reset_before_head", half: "half_event" }[name] ?? name);
}

function showFaults(faults) {
  shape = { interval_ms: faults.interval_ms ?? 20, first_event_ms: faults.first_event_ms ?? 100 };
  at("faults").replaceChildren();
  for (const [name, label] of kinds) {
    const line = make("label", "fault");
    const slider = make("input");
    Object.assign(slider, { type: "range", min: 0, max: 100, name, value: Math.round(rateOf(faults, name) * 100) });
    const shown = make("output", "", `${slider.value} %`);
    slider.addEventListener("input", () => (shown.textContent = `${slider.value} %`));
    line.append(make("span", "", label), slider, shown);
    at("faults").append(line);
  }
}

// The shares are of one whole: what is moved up takes from the others, in proportion.
function makeRoom(moved) {
  const others = [...at("faults").querySelectorAll("input")].filter((slider) => slider !== moved);
  const taken = others.reduce((sum, slider) => sum + Number(slider.value), 0);
  const room = 100 - Number(moved.value);
  if (taken <= room) return;
  for (const slider of others) {
    slider.value = Math.floor((Number(slider.value) * room) / taken);
    slider.dispatchEvent(new Event("input"));
  }
}

at("faults").addEventListener("change", async (event) => {
  makeRoom(event.target);
  const faults = { ...shape };
  for (const [name, , settings] of kinds) {
    const rate = Number(at("faults").elements[name].value) / 100;
    if (!rate) continue;
    for (const [kind, value] of Object.entries(settings(rate))) {
      faults[kind] = kind === "status" ? [...(faults.status ?? []), value] : value;
    }
  }
  const response = await fetch("/demo/faults", { method: "POST", body: JSON.stringify(faults) });
  const told = response.ok ? null : await response.json().catch(() => null);
  at("faults-state").textContent = response.ok ? "Set." : `Not set: ${told?.error?.message ?? response.status}`;
});

at("many").addEventListener("click", async () => {
  at("many").disabled = true;
  at("grid").replaceChildren();
  at("tally").textContent = "";
  const asked = Array.from({ length: 20 }, async (_, number) => {
    const cell = make("li", "", "…");
    at("grid").append(cell);
    const result = await ask([{ role: "user", content: `Question ${number}` }], at("model").value, undefined, () => {});
    cell.className = result.error ? "bad" : "good";
    cell.textContent = result.attempts;
    cell.title = describe(result);
    return result;
  });
  const results = await Promise.all(asked);
  const whole = results.filter((result) => !result.error).length;
  const attempts = results.reduce((sum, result) => sum + result.attempts, 0);
  at("tally").textContent = `${whole} of 20 whole, ${attempts} attempts upstream. The number is each answer's attempts.`;
  at("many").disabled = false;
  refreshStats();
});

async function refreshStats() {
  if (at("demo").hidden) return;
  const stats = await fetch("/demo/stats").then((response) => response.json());
  at("stats").replaceChildren();
  const faults = Object.entries(stats.faults).filter(([kind]) => kind !== "none");
  const rows = [["calls", stats.requests], ["whole answers", stats.answers], ...faults];
  for (const [name, value] of rows) {
    at("stats").append(make("dt", "", name.replaceAll("_", " ")), make("dd", "", value));
  }
}

fetch("/demo/faults")
  .then((response) => (response.ok ? response.json() : null))
  .then((faults) => {
    if (!faults) return;
    at("demo").hidden = false;
    showFaults(faults);
    refreshStats();
  })
  .catch(() => {});
