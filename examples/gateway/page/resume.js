// Going on where a connection broke: when to come again, and for how long.

// In milliseconds. A gateway that is started anew is back within the first few waits; one that is still away
// after two minutes is not about to come back.
const FIRST_WAIT = 250;
const LONGEST_WAIT = 4_000;
const PATIENCE = 120_000;

// It is the connection that broke, and not the answer. `after`: when to come back, where that was said.
export class Broken extends Error {
  constructor(message, after = null) {
    super(message);
    this.after = after;
  }
}

// How long an answer asks to wait, in milliseconds; null where it does not, or has given up retrying itself.
export function comeBack({ headers }) {
  if (headers.get("x-should-retry") === "false") return null;
  const exactly = headers.get("retry-after-ms");
  if (exactly !== null && Number(exactly) >= 0) return Number(exactly);
  const after = headers.get("retry-after");
  if (after === null) return null;
  const wait = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - Date.now();
  return Number.isNaN(wait) ? null : Math.max(wait, 0);
}

// Calls `once` until it does not throw `Broken`. It calls what it is given whenever something has come, and the
// patience begins anew. `onWait` is told of each wait.
export async function patiently(once, { signal, onWait = () => {} } = {}) {
  let wait = FIRST_WAIT;
  let until = null;
  for (;;) {
    try {
      return await once(() => {
        wait = FIRST_WAIT;
        until = null;
      });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Broken)) throw error;
      const now = performance.now();
      until ??= now + PATIENCE;
      const pause = error.after ?? Math.min(wait, until - now);
      if (pause <= 0 && error.after === null) throw new Error(`${error.message}, and it did not come back in two minutes`);
      if (now + pause > until) throw error;
      if (error.after === null) wait = Math.min(wait * 2, LONGEST_WAIT);
      onWait(error);
      // A wait of no time at all would let a mistake of the other side spin.
      await pausing(Math.max(pause, FIRST_WAIT), signal);
    }
  }
}

function pausing(time, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, time);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
