// What the programs around the Node SDKs share: questions come in and answers go out, one JSON object a
// line, as in questions.py.

import { createInterface } from "node:readline";

export class Answer {
  constructor({ id }) {
    Object.assign(this, { id, texts: [], arguments: "", finish: null, usage: null, chunks: 0 });
    Object.assign(this, { status: null, attempts: null, answer: null, replayed: null, error: null });
  }

  head({ status, headers }) {
    this.status = status;
    this.attempts = headers.get("x-lastbyte-attempts");
    this.answer = headers.get("x-lastbyte-answer");
    this.replayed = headers.get("idempotent-replayed");
  }

  text(piece, choice = 0) {
    this.texts[choice] = (this.texts[choice] ?? "") + (piece ?? "");
  }

  failed(error, sdkError) {
    this.error = {
      class: error.constructor.name,
      of_sdk: error instanceof sdkError,
      message: error.message,
      code: error.code ?? error.error?.error?.code ?? null,
      status: error.status ?? null,
      retry_after: error.headers?.get?.("retry-after") ?? null,
      should_retry: error.headers?.get?.("x-should-retry") ?? null,
    };
  }
}

// What the SDK is told for a question.
export function options({ retries = 0, timeout }) {
  return { maxRetries: retries, ...(timeout ? { timeout: timeout * 1000 } : {}) };
}

// Asks what comes, everything at once. `ask` fills an answer, or throws.
export async function run(name, sdkError, ask) {
  console.log(JSON.stringify({ ready: name }));
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line);
    const answer = new Answer(question);
    ask(question, answer)
      .catch((error) => answer.failed(error, sdkError))
      .finally(() => console.log(JSON.stringify(answer)));
  }
}
