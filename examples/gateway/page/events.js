// An event stream, read event by event.

// Calls `each` with the data and the id of every event, whatever the pieces they come in. An event without an
// id of its own has none: whoever goes on by ids must not take another one's for it.
export async function readEvents(body, each) {
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
        const lines = block.split(/\r\n|\n|\r/);
        const of = (field) =>
          lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).replace(/^ /, ""));
        const data = of("data");
        if (data.length) each(data.join("\n"), of("id").pop() ?? null);
      }
    }
  } finally {
    // Where `each` has thrown, nothing that comes is read any more.
    reader.cancel().catch(() => {});
  }
}
