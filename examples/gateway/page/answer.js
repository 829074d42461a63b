// One answer: asked for, read to its end through whatever breaks on the way, and told what became of it.

import { readEvents } from "/events.js";
import { Broken, comeBack, patiently } from "/resume.js";

// A question, ready to be sent any number of times: the key and the bytes of the body make it the same one.
export function prepare(history, model) {
  const body = JSON.stringify({ model, messages: history, stream: true });
  return { key: randomKey(), body, model, asked: Date.now(), id: null, answer: null };
}

// 128 random bits. Pages that do not come from a trustworthy address have no `randomUUID`.
function randomKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Asks, and tells how it ended: an answer counts as whole only with its finish reason. It never throws. `again`:
// this page was loaded anew in the middle of it. `onHead` is told what the answer is called.
export async function ask(question, { again = false, signal, onText, onRestart, onHead, onWait, onBack } = {}) {
  const result = { id: question.id, text: "", attempts: 0, restarts: 0, breaks: 0, again, replayed: false, calls: [] };
  Object.assign(result, { finish: null, error: null, refused: false, stopped: false });
  // However often it is tried in vain, it broke once.
  let away = false;
  const back = () => {
    away = false;
    onBack?.();
  };
  const line = new Line(question, result, { signal, onText, onRestart, onHead, onBack: back });
  try {
    await Promise.race([
      patiently((came) => line.read(came), {
        signal,
        onWait: (why) => {
          if (why.after === null && !away) result.breaks += 1;
          away ||= why.after === null;
          onWait?.(why);
        },
      }),
      line.stopped,
    ]);
    if (!result.finish) throw new Error("the answer ended without a finish reason");
  } catch (error) {
    result.stopped = signal?.aborted ?? false;
    result.error = result.stopped ? "stopped" : error.message;
  }
  // The head knows it only where it was there before all of them were made, and where it was the first one.
  const known = result.attempts && !result.breaks && !again;
  if (!known && !result.stopped) result.attempts = (await attemptsOf(line.answer)) ?? result.attempts;
  result.seconds = (Date.now() - question.asked) / 1000;
  return result;
}

// The connections that bring one answer.
class Line {
  constructor(question, result, { signal, onText, onRestart, onHead, onBack }) {
    Object.assign(this, { question, result, signal, onText, onRestart, onHead, onBack });
    this.answer = question.answer;
    // The number of the last event that came.
    this.seen = 0;
    this.connection = new AbortController();
    this.stopped = new Promise((_, reject) => {
      signal?.addEventListener("abort", () => {
        // Before its head nobody knows what the answer is called: `connect` ends it then.
        if (this.answer) this.leave();
        reject(signal.reason);
      });
    });
    // It may be nobody's any more.
    this.stopped.catch(() => {});
  }

  // Reads on, from the event behind the last one, to the end.
  async read(came) {
    const { result } = this;
    const response = await this.connect();
    this.signal?.throwIfAborted();
    if (response.status === 204) return;
    if (response.status === 410 && this.seen) return this.anew(came);
    if (!response.ok) return this.refused(response);
    const named = response.headers.get("x-lastbyte-answer");
    // Behind our event stands another answer's next one.
    if (this.seen && named !== this.answer) return this.anew(came);
    if (!this.seen && result.text) this.drop();
    if (!result.id || named !== this.answer) {
      result.id = response.headers.get("x-request-id");
      result.attempts = Number(response.headers.get("x-lastbyte-attempts"));
    }
    result.replayed = !this.seen && response.headers.has("idempotent-replayed");
    this.answer = named;
    this.onHead?.({ id: result.id, answer: named });
    this.onBack?.();
    let told = false;
    try {
      await readEvents(response.body, (data, id) => {
        came();
        told = true;
        this.event(data, id);
        told = false;
        if (/^\d+$/.test(id ?? "")) this.seen = Number(id);
      });
    } catch (error) {
      if (told || this.signal?.aborted || !named) throw error;
      if (!result.finish) throw new Broken("the connection broke");
    }
    // A proxy on the way may end cleanly what broke behind it.
    if (!result.finish && !this.done && named) throw new Broken("the answer ended without a finish reason");
  }

  async connect() {
    const headers = { "content-type": "application/json", "idempotency-key": `"${this.question.key}"` };
    headers["x-lastbyte-accept"] = "restart";
    if (this.seen) headers["last-event-id"] = String(this.seen);
    const asked = fetch("/v1/chat/completions", {
      method: "POST",
      headers,
      body: this.question.body,
      signal: this.connection.signal,
    });
    return asked.then(
      (response) => {
        if (this.signal?.aborted) {
          this.answer = response.headers.get("x-lastbyte-answer");
          this.leave();
        }
        return response;
      },
      () => {
        throw new Broken("the connection broke");
      },
    );
  }

  event(data, id) {
    const { result } = this;
    if (data === "[DONE]") {
      this.done = true;
      return;
    }
    const event = JSON.parse(data);
    // It broke, and begins again: what was shown of it is dropped.
    if (event.type === "restart") return this.drop();
    // What has no number is not in the answer: a gateway that ends says so to who reads from it.
    if (event.error?.code === "interrupted" && this.answer && id === null) throw new Broken("the gateway ended");
    if (event.error) throw new Error(event.error.message);
    const choice = event.choices?.[0];
    if (choice?.delta?.content) {
      result.text += choice.delta.content;
      this.onText?.(choice.delta.content);
    }
    if (choice?.finish_reason) result.finish = choice.finish_reason;
  }

  drop() {
    this.result.text = "";
    this.result.finish = null;
    this.result.restarts += 1;
    this.onRestart?.();
  }

  // What came is of an answer that is gone.
  anew(came) {
    this.seen = 0;
    this.drop();
    return this.read(came);
  }

  async refused(response) {
    const told = await response.json().catch(() => null);
    const message = `${told?.error?.message ?? response.statusText} (status ${response.status})`;
    const after = comeBack(response);
    if (after !== null && [409, 503].includes(response.status)) throw new Broken(message, after);
    // Somebody on the way, and not the gateway: it may be about to come back.
    if (!told?.error && response.status >= 500) throw new Broken(message);
    this.result.refused = response.headers.has("x-lastbyte-refused-by");
    this.result.attempts = Number(response.headers.get("x-lastbyte-attempts"));
    this.result.id ??= response.headers.get("x-request-id");
    throw new Error(message);
  }

  // Ends the answer here and at the gateway, which would finish it and pay for it.
  leave() {
    this.connection.abort();
    if (!this.answer) return;
    const end = () =>
      fetch(`/v1/answers/${this.answer}`, { method: "DELETE", keepalive: true }).catch(() => {
        throw new Broken("the connection broke");
      });
    patiently(end).catch(() => {});
  }
}

// How often the chat API was asked for an answer, where its gateway still knows.
async function attemptsOf(answer) {
  if (!answer) return null;
  const response = await fetch(`/v1/answers/${answer}`).catch(() => null);
  const known = response?.ok ? await response.json().catch(() => null) : null;
  return known?.attempts || null;
}

// How it ended, in a sentence.
export function describe(result) {
  const { attempts, restarts, error, refused, stopped, seconds } = result;
  const time = `${seconds.toFixed(1)} s`;
  // Of an answer that was there already it is not always known.
  const tries = attempts ? `${attempts === 1 ? "1 attempt" : `${attempts} attempts`}, ` : "";
  if (stopped) return `Stopped after ${time}.`;
  if (refused) return `Refused: ${error}.`;
  if (error) return `Not whole: ${error}. ${tries}${time}.${passed(result)}`;
  if (restarts) return `Whole. It broke ${restarts === 1 ? "once" : `${restarts} times`} and began again, ${time}.${passed(result)}`;
  const unseen = attempts === 2 ? "the first failed" : `the first ${attempts - 1} failed`;
  return `Whole. ${tries}${time}${attempts > 1 ? `: ${unseen} before a word was shown` : ""}.${passed(result)}`;
}

// What it passed through on its way here.
function passed({ breaks, again, replayed }) {
  const broken = breaks === 1 ? "1 broken connection" : `${breaks} broken connections`;
  const went = breaks ? [broken] : [];
  if (again && !replayed) went.push("the page was loaded again");
  const through = went.length ? ` Went on after ${went.join(" and ")}.` : "";
  return `${replayed ? " Replayed: it was there already." : ""}${through}`;
}
