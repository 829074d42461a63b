// One answer: asked for, read to its end, and told what became of it.

// Calls `each` with the data of every event, whatever the pieces they come in.
async function readEvents(body, each) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
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
  } finally {
    // Where `each` has thrown, nothing that comes is read any more.
    reader.cancel().catch(() => {});
  }
}

// Asks, and tells how it ended: an answer counts as whole only with its finish reason. It never throws.
export async function ask(history, model, { signal, onText = () => {}, onRestart = () => {} } = {}) {
  const began = performance.now();
  const result = { id: null, text: "", attempts: 0, restarts: 0, finish: null, error: null, refused: false, stopped: false };
  try {
    const response = await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", "x-lastbyte-accept": "restart" },
      body: JSON.stringify({ model, messages: history, stream: true }),
      signal,
    });
    result.id = response.headers.get("x-request-id");
    result.attempts = Number(response.headers.get("x-lastbyte-attempts"));
    if (!response.ok) {
      const told = await response.json().catch(() => null);
      result.refused = response.headers.has("x-lastbyte-refused-by");
      throw new Error(`${told?.error?.message ?? response.statusText} (status ${response.status})`);
    }
    await readEvents(response.body, (data) => {
      if (data === "[DONE]") return;
      const event = JSON.parse(data);
      // It broke, and begins again: what was shown of it is dropped.
      if (event.type === "restart") {
        result.text = "";
        result.restarts += 1;
        return onRestart();
      }
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
    result.stopped = error.name === "AbortError";
    result.error = result.stopped ? "stopped" : error.message;
  }
  result.seconds = (performance.now() - began) / 1000;
  return result;
}

// How it ended, in a sentence.
export function describe({ attempts, restarts, error, refused, stopped, seconds }) {
  const time = `${seconds.toFixed(1)} s`;
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  if (stopped) return `Stopped after ${time}.`;
  if (restarts && !error) return `Whole. It broke ${restarts === 1 ? "once" : `${restarts} times`} and began again, ${time}.`;
  if (refused) return `Refused: ${error}.`;
  if (error) return `Not whole: ${error}. ${tries}, ${time}.`;
  const unseen = attempts === 2 ? "the first failed" : `the first ${attempts - 1} failed`;
  return `Whole. ${tries}, ${time}${attempts > 1 ? `: ${unseen} before a word was shown` : ""}.`;
}
