// The chat.

import { ask, describe } from "/answer.js";
import { attemptsAt, asked, refreshStats } from "/demo.js";
import { labelOf } from "/faults.js";

const at = (id) => document.getElementById(id);
const messages = [];
let running = null;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function scroll() {
  at("log").scrollTop = at("log").scrollHeight;
}

// Shows that an answer is waited for, until the first word is there.
function waiting(turn) {
  const began = performance.now();
  const shown = make("span", "waiting");
  const show = () => {
    const seconds = Math.round((performance.now() - began) / 1000);
    const why = seconds > 0 ? ". Where the chat API fails, the gateway asks again" : "";
    shown.textContent = `Waiting for the first word… ${seconds} s${why}.`;
  };
  show();
  turn.append(shown);
  const timer = setInterval(show, 1000);
  return () => {
    clearInterval(timer);
    shown.remove();
  };
}

// What became of an answer, and of each attempt at it where that is known.
async function outcome(result) {
  const shown = make("div", "outcome");
  const calls = await attemptsAt(result.id);
  if (calls.length) {
    // The head says how many there were when it left; some may have come later.
    result = { ...result, attempts: calls.length };
    const list = make("ol", "attempts");
    calls.forEach((call, number) => {
      const last = number === calls.length - 1;
      const good = last && !result.error;
      const met = call.kind === "none" ? (good ? "whole" : "no fault") : labelOf(call);
      list.append(make("li", good ? "good" : last && result.stopped ? "" : "bad", `${number + 1}: ${met}`));
    });
    shown.append(list);
  }
  shown.append(make("p", result.stopped ? "quiet" : result.error ? "bad" : "good", describe(result)));
  return shown;
}

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const content = at("question").value.trim();
  if (!content || running) return;
  running = new AbortController();
  at("stop").disabled = false;
  at("log").setAttribute("aria-busy", "true");
  at("empty")?.remove();
  messages.push({ role: "user", content });
  at("log").append(make("p", "turn user", content));
  const turn = make("div", "turn assistant");
  at("log").append(turn);
  at("question").value = "";
  const begin = waiting(turn);
  scroll();
  asked();
  const result = await ask(messages, at("model").value, {
    signal: running.signal,
    onText: (text) => {
      begin();
      turn.append(text);
      scroll();
    },
    onRestart: () => turn.replaceChildren(),
  });
  begin();
  turn.append(await outcome(result));
  if (result.error) messages.pop();
  else messages.push({ role: "assistant", content: result.text });
  running = null;
  at("stop").disabled = true;
  at("log").setAttribute("aria-busy", "false");
  scroll();
  refreshStats();
});

const stop = () => running?.abort();

at("stop").addEventListener("click", stop);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});

at("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("ask").requestSubmit();
  }
});
