// The chat page where something is lost on the way: a connection, the page itself, the gateway.
//
//     PAGE_QUICK=http://127.0.0.1:8080 LASTBYTE_GATEWAY=… CHROMIUM=/usr/bin/chromium node --test page_keys.test.mjs
//
// PAGE_QUICK is a demo whose waits are short, LASTBYTE_GATEWAY the gateway to be started and killed here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { line, serve, startMock } from "./gateway.mjs";
import { HEALTHY, answered, faultsOf, open, openIn, picture, send, statsOf } from "./page.mjs";

const { PAGE_QUICK } = process.env;

// Slow enough for something to happen in the middle, which a second of it is.
const SLOW = { interval_ms: 50 };

const ALL = Array.from({ length: 60 }, (_, number) => number).join(" ");

// The words of an answer by their numbers: each once and in order where nothing was lost or doubled.
async function words(page, number = 1) {
  const text = await page.locator(".turn.assistant").nth(number - 1).evaluate((turn) => {
    const copy = turn.cloneNode(true);
    copy.querySelector(".outcome")?.remove();
    return copy.textContent;
  });
  return text.match(/\d+(?=:)/g)?.join(" ");
}

// The chat calls of a page, as they left it.
function callsOf(page) {
  const calls = [];
  page.on("request", (request) => {
    if (!request.url().endsWith("/v1/chat/completions")) return;
    const headers = request.headers();
    calls.push({ key: headers["idempotency-key"], seen: headers["last-event-id"], body: request.postData() });
  });
  return calls;
}

async function midst(page) {
  await page.getByText(/^0:.* 9:/).waitFor();
}

async function until(holds) {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test("a refresh in the middle of an answer loses nothing and pays once", async (t) => {
  await faultsOf(PAGE_QUICK, SLOW);
  const page = await open(t, PAGE_QUICK);
  const calls = callsOf(page);
  const { requests } = await statsOf(PAGE_QUICK);
  await send(page, "Refresh");
  await midst(page);
  await page.reload();
  await midst(page);
  // Once more is the same.
  await page.reload();
  const { told } = await answered(page);
  assert.equal(await words(page), ALL);
  assert.match(told, /^Whole\. 1 attempt, .*\. Went on after the page was loaded again\.$/);
  assert.equal((await statsOf(PAGE_QUICK)).requests, requests + 1);
  assert.equal(calls.length, 3);
  for (const call of calls) assert.deepEqual(call, calls[0]);
  await picture(page, "refreshed");
  assert.deepEqual(page.complaints(), []);
});

test("an answer that ended while nobody looked is there on coming back", async (t) => {
  await faultsOf(PAGE_QUICK, SLOW);
  const page = await open(t, PAGE_QUICK);
  const { requests, answers } = await statsOf(PAGE_QUICK);
  await send(page, "Away");
  await midst(page);
  await page.goto("about:blank");
  await until(async () => (await statsOf(PAGE_QUICK)).answers > answers);
  await page.goto(PAGE_QUICK);
  const { told } = await answered(page);
  assert.equal(await words(page), ALL);
  assert.match(told, /^Whole\. .* Replayed: it was there already\.$/);
  assert.equal((await statsOf(PAGE_QUICK)).requests, requests + 1);
  assert.deepEqual(page.complaints(), []);
});

test("a chat is there again until a new one begins, and each tab has its own", async (t) => {
  await faultsOf(PAGE_QUICK, { script: ["none", { kind: "status", code: 400 }], ...HEALTHY });
  const page = await open(t, PAGE_QUICK);
  const log = () => page.getByRole("log").innerText();
  await send(page, "Whole");
  await answered(page, 1);
  await send(page, "Refused");
  assert.match((await answered(page, 2)).told, /^Not whole: .*400/);
  const before = await log();
  await page.reload();
  await answered(page, 2);
  assert.equal(await log(), before);
  const calls = callsOf(page);
  await send(page, "More");
  await answered(page, 3);
  const { messages } = JSON.parse(calls[0].body);
  assert.deepEqual(messages.map(({ role }) => role), ["user", "assistant", "user"]);
  assert.deepEqual([messages[0].content, messages[2].content], ["Whole", "More"]);
  const tab = await openIn(page.context(), PAGE_QUICK);
  assert.equal(await tab.locator(".turn").count(), 0);
  await page.getByRole("button", { name: "New chat" }).click();
  assert.equal(await page.locator(".turn").count(), 0);
  assert.ok(await page.locator("#empty").isVisible());
  assert.ok(await page.getByLabel("Your message").evaluate((it) => it === document.activeElement));
  await page.reload();
  assert.equal(await page.locator(".turn").count(), 0);
  await send(page, "Anew");
  await answered(page);
  assert.equal(JSON.parse(calls[1].body).messages.length, 1);
  assert.deepEqual([...page.complaints(), ...tab.complaints()], []);
});

test("a new chat stops the answer of the old one", async (t) => {
  await faultsOf(PAGE_QUICK, SLOW);
  const page = await open(t, PAGE_QUICK);
  const { cancelled } = await statsOf(PAGE_QUICK);
  await send(page, "Old");
  await midst(page);
  await page.getByRole("button", { name: "New chat" }).click();
  await until(async () => (await statsOf(PAGE_QUICK)).cancelled > cancelled);
  await faultsOf(PAGE_QUICK, HEALTHY);
  await send(page, "New");
  assert.match((await answered(page)).told, /^Whole\. 1 attempt/);
  assert.equal(await words(page), ALL);
  assert.deepEqual(page.complaints(), []);
});

test("what is in the storage and is no chat is dropped without a word", async (t) => {
  await faultsOf(PAGE_QUICK, HEALTHY);
  const page = await open(t, PAGE_QUICK);
  const turn = { content: "a", text: "b", result: { error: null, seconds: 1, calls: [{}] } };
  const pending = { content: "a", question: { key: "k", body: 7, model: "m", asked: 1 } };
  const corrupt = ["{", "null", "7", "[]", '{"turns": 1}', { turns: [null], pending: null }, { turns: [turn], pending: null }];
  for (const kept of [...corrupt, { turns: [], pending }, { turns: [], pending: 1 }]) {
    const text = typeof kept === "string" ? kept : JSON.stringify(kept);
    await page.evaluate((text) => sessionStorage.setItem("lastbyte.chat", text), text);
    await page.reload();
    assert.equal(await page.locator(".turn").count(), 0, text);
    await send(page, "Works");
    assert.match((await answered(page)).told, /^Whole/, text);
  }
  assert.deepEqual(page.allComplaints, []);
});

test("a connection that breaks is gone on with, and the page says so", async (t) => {
  await faultsOf(PAGE_QUICK, { interval_ms: 150 });
  const way = await line(t, PAGE_QUICK);
  const page = await open(t, way.url);
  const calls = callsOf(page);
  const { requests } = await statsOf(PAGE_QUICK);
  await send(page, "Break");
  await midst(page);
  way.away = true;
  way.cut();
  await page.getByRole("status").getByText("The connection broke; going on…").waitFor();
  await picture(page, "broken");
  // It is tried again while nobody is there.
  await until(() => calls.length > 2);
  way.away = false;
  await page.getByText(/ 20:/).waitFor();
  assert.equal(await page.locator("#connection").textContent(), "");
  way.cut();
  const { told } = await answered(page);
  assert.equal(await words(page), ALL);
  assert.match(told, /^Whole\. 1 attempt, .*\. Went on after 2 broken connections\.$/);
  assert.equal((await statsOf(PAGE_QUICK)).requests, requests + 1);
  const [first, ...more] = calls;
  assert.equal(first.seen, undefined);
  assert.ok(more.every(({ key, body }) => key === first.key && body === first.body));
  assert.ok(more.every(({ seen }) => Number(seen) > 5), JSON.stringify(more));
  assert.deepEqual(page.complaints(), []);
});

test("a connection that breaks before the first word is gone on with", async (t) => {
  const mock = await startMock(t, { first_event_ms: 2000, ...HEALTHY });
  const gateway = await serve(t, mock.url, "memory:");
  const way = await line(t, gateway.url);
  const page = await open(t, way.url, { heading: "Chat" });
  await send(page, "Early");
  await until(async () => (await mock.stats()).requests > 0);
  const { opened } = way;
  way.cut();
  // By the page, or by the browser itself, which sends again what went out on a connection that it had before.
  assert.match((await answered(page)).told, /^Whole\. 1 attempt, /);
  assert.ok(way.opened > opened);
  assert.equal(await words(page), ALL);
  assert.equal((await mock.stats()).requests, 1);
  assert.deepEqual(page.complaints(), []);
});

test("a connection that does not come back within two minutes is given up", async (t) => {
  const mock = await startMock(t, HEALTHY);
  const gateway = await serve(t, mock.url, "memory:");
  const way = await line(t, gateway.url);
  const page = await open(t, way.url, { heading: "Chat" });
  const calls = callsOf(page);
  await page.clock.install();
  way.away = true;
  way.cut();
  await send(page, "Gone");
  const ended = page.locator(".outcome");
  let minutes = 0;
  for (; !(await ended.count()); minutes += 1 / 60) await page.clock.runFor(1000);
  assert.match((await answered(page)).told, /^Not whole: the connection broke, and it did not come back in two minutes\. /);
  assert.ok(minutes > 1.9 && minutes < 4, `${minutes} minutes`);
  // Every 4 s in the end, and not more often.
  assert.ok(calls.length > 15 && calls.length < 40, `${calls.length} calls`);
  way.away = false;
  await send(page, "Back");
  while ((await ended.count()) < 2) await page.clock.runFor(100);
  assert.match((await answered(page, 2)).told, /^Whole\. /);
  assert.deepEqual(page.complaints(), []);
});

test("who is told to come back does, and who is told that it is gone asks anew", async (t) => {
  await faultsOf(PAGE_QUICK, SLOW);
  const way = await line(t, PAGE_QUICK);
  const page = await open(t, way.url);
  const calls = callsOf(page);
  const error = (message) => JSON.stringify({ error: { message, type: "server_error", param: null, code: null } });
  const told = [
    { status: 409, headers: { "retry-after": "1" }, body: error("still being answered") },
    { status: 503, headers: { "retry-after-ms": "100" }, body: error("the store is away") },
    { status: 502, body: "<html>Bad gateway</html>" },
    null,
    { status: 410, body: error("this answer has expired") },
  ];
  await page.route("**/v1/chat/completions", (route) => {
    const next = told.shift();
    return next ? route.fulfill(next) : route.continue();
  });
  await send(page, "Later");
  await page.getByText("still being answered (status 409). Waiting for 1 s…").waitFor();
  await midst(page);
  way.cut();
  const outcome = await answered(page);
  assert.equal(await words(page), ALL);
  assert.match(outcome.told, /^Whole\. It broke once and began again/);
  assert.equal(calls.length, 6);
  assert.ok(Number(calls[4].seen) > 5, calls[4].seen);
  assert.equal(calls[5].seen, undefined);
  assert.deepEqual(page.complaints(), []);
});

test("an answer that has ended in an error is not asked for again", async (t) => {
  await faultsOf(PAGE_QUICK, { cut: { after: 10 } });
  const page = await open(t, PAGE_QUICK);
  const calls = callsOf(page);
  await send(page, "Cut");
  const { told } = await answered(page);
  assert.match(told, /^Not whole: the answer ended before it was finished\./);
  assert.equal(calls.length, 1);
  assert.deepEqual(page.complaints(), []);
});

test("a stop before the first word ends the answer at the chat API too", async (t) => {
  await faultsOf(PAGE_QUICK, { first_event_ms: 300, interval_ms: 100 });
  const page = await open(t, PAGE_QUICK);
  const { requests, cancelled } = await statsOf(PAGE_QUICK);
  await send(page, "Never mind.");
  await until(async () => (await statsOf(PAGE_QUICK)).requests > requests);
  await page.getByRole("button", { name: "Stop" }).click();
  assert.match((await answered(page)).told, /^Stopped after /);
  await until(async () => (await statsOf(PAGE_QUICK)).cancelled > cancelled);
  await page.reload();
  assert.match((await answered(page)).told, /^Stopped after /);
  assert.deepEqual(page.complaints(), []);
});

// How the gateway goes: without a goodbye, or as one that is told to end and has no time left for open answers.
for (const [store, signal] of [["memory:", "SIGKILL"], ["sqlite:", "SIGKILL"], ["sqlite:", "SIGTERM"]]) {
  for (const reload of [false, true]) {
    const then = reload ? ", and the page is loaded again" : "";
    test(`a gateway with ${store} ends by ${signal} in the middle of an answer${then}`, async (t) => {
      const mock = await startMock(t, SLOW);
      const gateway = await serve(t, mock.url, store);
      const page = await open(t, gateway.url, { heading: "Chat" });
      await send(page, "Killed");
      await midst(page);
      await gateway.end(signal);
      await page.getByText("The connection broke; going on…").waitFor();
      await gateway.start();
      if (reload) await page.reload();
      const { told } = await answered(page);
      assert.equal(await words(page), ALL);
      assert.match(told, /^Whole\. /);
      // What had come is lost where the chat API has no way to go on with it: it is asked for once more, and not
      // more often.
      assert.equal((await mock.stats()).requests, 2);
      assert.equal((await mock.stats()).answers, 1);
      assert.deepEqual(page.complaints(), []);
    });
  }
}
