// What stands under an answer, and where it is waited for.

import { describe } from "/answer.js";
import { labelOf } from "/faults.js";

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Shows that an answer is waited for, until the first word is there.
export function waiting(turn) {
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
export function outcome(result) {
  const shown = make("div", "outcome");
  const { calls } = result;
  if (calls.length) {
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
