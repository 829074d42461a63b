// The chat.

import { ask, prepare } from "/answer.js";
import { attemptsAt, asked, refreshStats } from "/demo.js";
import { make, outcome, waiting } from "/outcome.js";
import { forget, load, save } from "/session.js";

const at = (id) => document.getElementById(id);
let chat = load();
let running = null;

function scroll() {
  at("log").scrollTop = at("log").scrollHeight;
}

function say(what) {
  at("connection").textContent = what;
}

// Puts a question into the log, and returns the place of its answer.
function turnOf(content) {
  at("empty").hidden = true;
  at("log").append(make("p", "turn user", content));
  const turn = make("div", "turn assistant");
  at("log").append(turn);
  scroll();
  return turn;
}

// What the chat API is to know of the chat: answers that are not whole are none.
function history() {
  const whole = chat.turns.filter(({ result }) => !result.error);
  return whole.flatMap(({ content, text }) => [{ role: "user", content }, { role: "assistant", content: text }]);
}

// Carries the pending question to the end of its answer.
async function answer({ again }) {
  const mine = new AbortController();
  const here = chat;
  const { content, question } = here.pending;
  running = mine;
  at("stop").disabled = false;
  at("log").setAttribute("aria-busy", "true");
  const turn = turnOf(content);
  const begin = waiting(turn);
  const result = await ask(question, {
    again,
    signal: mine.signal,
    onText: (text) => {
      begin();
      turn.append(text);
      scroll();
    },
    onRestart: () => turn.replaceChildren(),
    onHead: (head) => {
      if (mine.signal.aborted) return;
      Object.assign(question, head);
      save(here);
    },
    onWait: ({ after, message }) => {
      say(after === null ? "The connection broke; going on…" : `${message}. Waiting for ${Math.ceil(after / 1000)} s…`);
    },
    onBack: () => say(""),
  });
  begin();
  // Another chat may have begun in the meantime.
  if (here !== chat) return;
  running = null;
  at("stop").disabled = true;
  at("log").setAttribute("aria-busy", "false");
  say("");
  const { text, ...kept } = result;
  here.turns.push({ content, text, result: kept });
  here.pending = null;
  save(here);
  kept.calls = await attemptsAt(kept.id);
  // The head says how many there were when it left; some may have come later.
  if (kept.calls.length) kept.attempts = kept.calls.length;
  if (here !== chat) return;
  save(here);
  turn.append(outcome(kept));
  scroll();
  refreshStats();
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = at("question").value.trim();
  if (!content || running) return;
  chat.pending = { content, question: prepare([...history(), { role: "user", content }], at("model").value) };
  save(chat);
  at("question").value = "";
  asked();
  answer({ again: false });
});

const stop = () => running?.abort();

at("stop").addEventListener("click", stop);

at("new").addEventListener("click", () => {
  stop();
  running = null;
  chat = { turns: [], pending: null };
  forget();
  for (const turn of at("log").querySelectorAll(".turn")) turn.remove();
  at("empty").hidden = false;
  at("stop").disabled = true;
  at("log").setAttribute("aria-busy", "false");
  say("");
  at("question").focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});

at("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    at("ask").requestSubmit();
  }
});

// What this tab had before it was loaded again.
for (const { content, text, result } of chat.turns) turnOf(content).append(text, outcome(result));
if (chat.pending) {
  at("model").value = chat.pending.question.model;
  answer({ again: true });
}
