// A gateway to be killed, the chat API behind it, and a way to it that breaks.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const { LASTBYTE_GATEWAY } = process.env;

// Starts it, and returns the address it says it listens on. It ends with the test.
async function start(t, args) {
  const env = { ...process.env, GATEWAY_DRAIN_TIMEOUT: "0s" };
  const child = spawn(LASTBYTE_GATEWAY, args, { stdio: ["ignore", "pipe", "ignore"], env });
  t.after(() => child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = line.match(/(http:\S+)/) ?? [];
    if (url) return { child, url };
  }
  throw new Error(`gateway ${args.join(" ")} has ended`);
}

export async function startMock(t, faults) {
  const { url } = await start(t, ["mock", "--listen", "127.0.0.1:0", "--faults", JSON.stringify(faults)]);
  const { origin } = new URL(url);
  return { url: `${origin}/v1`, stats: async () => (await fetch(`${origin}/stats`)).json() };
}

// A gateway that can be killed, and started again at the same address on the same store.
export async function serve(t, upstream, store) {
  const folder = await mkdtemp(join(tmpdir(), "lastbyte-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const place = store === "sqlite:" ? join(folder, "gateway.db") : "";
  const args = (port) => [
    ...["serve", "--listen", `127.0.0.1:${port}`, "--admin-listen", "127.0.0.1:0"],
    ...["--upstream", upstream, "--store", `${store}${place}`],
  ];
  let { child, url } = await start(t, args(0));
  return {
    url,
    end: (signal) => new Promise((resolve) => child.once("exit", resolve).kill(signal)),
    start: async () => ({ child } = await start(t, args(new URL(url).port))),
  };
}

// A way to `url` that can be cut. While it is `away`, whoever comes is sent off.
export async function line(t, url) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const way = { away: false, opened: 0, cut: () => sockets.forEach((socket) => socket.resetAndDestroy()) };
  const server = createServer((near) => {
    if (way.away) return near.resetAndDestroy();
    way.opened += 1;
    const far = connect(port, hostname);
    for (const [from, to] of [[near, far], [far, near]]) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    way.cut();
  });
  way.url = `http://127.0.0.1:${server.address().port}`;
  return way;
}
