// The chat page in a browser, as a newcomer meets it.
//
//     PAGE=http://127.0.0.1:8080 PAGE_QUICK=… CHROMIUM=/usr/bin/chromium node --test page.test.mjs
//
// PAGE is a demo as it is by default, PAGE_QUICK one whose waits are short. With SCREENSHOTS=folder it leaves
// pictures there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { HEALTHY, answered, faultsOf, open, picture, send, statsOf } from "./page.mjs";

const { PAGE, PAGE_QUICK } = process.env;

test("the page loads without a complaint, and an answer streams in", async (t) => {
  await faultsOf(PAGE_QUICK, { interval_ms: 50 });
  const page = await open(t, PAGE_QUICK);
  await send(page, "Hello");
  const turn = page.locator(".turn.assistant");
  const lengths = new Set();
  while (!(await turn.locator(".outcome").count())) lengths.add((await turn.textContent()).length);
  assert.ok(lengths.size > 3, `it came in ${lengths.size} pieces`);
  const { told, text } = await answered(page);
  assert.match(told, /^Whole\. 1 attempt, /);
  assert.match(text, /^0:\S+ 1:\S+ .* 59:/);
  assert.deepEqual(page.allComplaints, []);
});

// Each switch of the page: what it is called, what is told at 100 % of all calls, and what becomes of an
// answer whose first call alone meets it.
const SWITCHES = [
  ["Rate limited (429)", /^(Not whole|Refused): .*429/, /^Whole\. 2 attempts/],
  ["Overloaded (503)", /^Not whole: .*503/, /^Whole\. 2 attempts/],
  ["Connection reset", /^Not whole: .*502/, /^Whole\. 2 attempts/],
  ["Silence", /^Not whole: .*no content in time/, /^Whole\. 2 attempts/],
  ["Cut off", /^Not whole: the answer ended before it was finished\. \d attempts?,/, /^Whole\. It broke once and began again/],
  ["Half an event", /^Not whole: the answer ended in the middle of an event\. \d attempts?,/, /^Whole\. It broke once and began again/],
  ["No [DONE]", /^Whole\. 1 attempt/, /^Whole\. 1 attempt/],
];

test("every switch changes what happens to all calls", async (t) => {
  await faultsOf(PAGE_QUICK, HEALTHY);
  const page = await open(t, PAGE_QUICK);
  assert.equal(await page.locator(".fault").count(), SWITCHES.length, "a switch that is not tried");
  let number = 0;
  for (const [label, always] of SWITCHES) {
    // By the keyboard, which also tries that the sliders make room for one another.
    const slider = page.getByLabel(`${label}: share`);
    await slider.focus();
    await page.keyboard.press("End");
    await page.getByText("Set.", { exact: true }).waitFor();
    const { mix } = await faultsOf(PAGE_QUICK);
    assert.deepEqual(mix.map(({ rate }) => rate), [1], label);
    await send(page, `All calls: ${label}`);
    const { told, attempts } = await answered(page, ++number);
    assert.match(told, always, label);
    assert.ok(attempts[0].includes(label), `${label}: ${attempts}`);
    await page.locator("#faults-state").evaluate((state) => (state.textContent = ""));
  }
  assert.deepEqual(page.complaints(), []);
});

test("every switch breaks the next call alone, and what can heal does before one's eyes", async (t) => {
  await faultsOf(PAGE_QUICK, HEALTHY);
  const page = await open(t, PAGE_QUICK);
  let number = 0;
  for (const [label, , once] of SWITCHES) {
    await page.getByRole("button", { name: `${label}: the next call` }).click();
    await page.getByText(`The next call meets: ${label}.`).waitFor();
    await send(page, `Next call: ${label}`);
    const { told, attempts } = await answered(page, ++number);
    assert.match(told, once, label);
    assert.ok(attempts[0].includes(label), `${label}: ${attempts}`);
    if (once.source.includes("2 attempts")) assert.match(attempts[1], /whole/, label);
  }
  await send(page, "After that");
  assert.deepEqual((await answered(page, ++number)).attempts, ["1: whole"]);
  await page.locator("#log").evaluate((log) => (log.scrollTop = 0));
  await picture(page, "switches");
  assert.deepEqual(page.complaints(), []);
});

test("a newcomer sees an answer survive within a minute", async (t) => {
  const began = performance.now();
  const page = await open(t, PAGE, { viewport: { width: 1200, height: 900 } });
  const earlier = await faultsOf(PAGE);
  await page.getByRole("button", { name: "Silence: the next call" }).click();
  await page.getByText("The next call meets: Silence.").waitFor();
  await picture(page, "light-armed");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("Waiting for the first word… 2 s.").waitFor();
  await picture(page, "light-waiting");
  const { told, attempts } = await answered(page);
  assert.match(told, /^Whole\. \d attempts, /);
  assert.match(attempts[0], /Silence/);
  assert.ok(performance.now() - began < 60_000);
  await picture(page, "light");
  // All else is as it was.
  const later = await faultsOf(PAGE);
  const total = ({ mix }) => mix.reduce((sum, { rate }) => sum + rate, 0).toFixed(3);
  assert.equal(total(later), total(earlier));
  assert.deepEqual({ ...later, mix: [], script: [] }, { ...earlier, mix: [], script: [] });
  assert.deepEqual(page.allComplaints, []);
});

test("a refusal says why, and when to come back", async (t) => {
  await faultsOf(PAGE_QUICK, HEALTHY);
  const page = await open(t, PAGE_QUICK);
  const message = "the limit of 2 requests a minute is reached, 0 are left; try again in 12s";
  await page.route("**/v1/chat/completions", (route) =>
    route.fulfill({
      status: 429,
      headers: { "content-type": "application/json", "x-lastbyte-refused-by": "quota", "x-lastbyte-attempts": "0" },
      body: JSON.stringify({ error: { message, type: "server_error", param: null, code: "rate_limit_exceeded" } }),
    }),
  );
  await send(page, "Hello");
  assert.equal((await answered(page)).told, `Refused: ${message} (status 429).`);
  assert.deepEqual(page.complaints(), []);
});

test("twenty at once are whole under the faults that are there by default", async (t) => {
  const page = await open(t, PAGE, { colorScheme: "dark", viewport: { width: 1200, height: 900 } });
  await page.getByRole("button", { name: "Ask 20 at once" }).click();
  await page.locator("#tally:not(:empty)").waitFor();
  assert.match(await page.locator("#tally").textContent(), /^20 of 20 whole, with \d\d attempts\./);
  assert.equal(await page.locator("#grid li.good").count(), 20);
  await send(page, "And one more.");
  await answered(page);
  await picture(page, "dark");
  assert.deepEqual(page.allComplaints, []);
});

test("each cut answer says why, though fetch throws away what is unread when a body fails", async (t) => {
  await faultsOf(PAGE_QUICK, { cut: { after: 10 } });
  const page = await open(t, PAGE_QUICK);
  const told = await page.evaluate(async () => {
    const { ask, prepare } = await import("/answer.js");
    const told = new Set();
    for (let number = 0; number < 40; number++) {
      told.add((await ask(prepare([{ role: "user", content: `${number}` }], "m"))).error);
    }
    return [...told];
  });
  assert.deepEqual(told, ["the answer ended before it was finished"]);
  assert.deepEqual(page.complaints(), []);
});

test("stop ends an answer here and at the chat API", async (t) => {
  await faultsOf(PAGE_QUICK, { interval_ms: 100 });
  const page = await open(t, PAGE_QUICK);
  const stop = page.getByRole("button", { name: "Stop" });
  assert.ok(await stop.isDisabled());
  const { cancelled } = await statsOf(PAGE_QUICK);
  await send(page, "Never mind.");
  await page.getByText(/^0:/).waitFor();
  await stop.click();
  const { told, text } = await answered(page);
  assert.match(told, /^Stopped after /);
  assert.doesNotMatch(text, /59:/);
  assert.ok(await stop.isDisabled());
  while ((await statsOf(PAGE_QUICK)).cancelled === cancelled);
  // The next one is not disturbed.
  await faultsOf(PAGE_QUICK, HEALTHY);
  await send(page, "Again");
  assert.match((await answered(page, 2)).told, /^Whole/);
  assert.deepEqual(page.complaints(), []);
});

test("the keyboard alone is enough", async (t) => {
  await faultsOf(PAGE_QUICK, { interval_ms: 100 });
  const page = await open(t, PAGE_QUICK);
  const question = page.getByLabel("Your message");
  const log = page.getByRole("log");
  const focused = (element) => element.evaluate((it) => it === document.activeElement);
  for (let tabs = 0; !(await focused(question)); tabs++) {
    assert.ok(tabs < 5, "the message is not reached");
    await page.keyboard.press("Tab");
  }
  await question.fill("");
  await page.keyboard.type("First line");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("second line");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".turn.user").textContent(), "First line\nsecond line");
  assert.ok(await focused(question), "the focus went away");
  await page.getByText(/^0:/).waitFor();
  await page.keyboard.press("Escape");
  assert.match((await answered(page)).told, /^Stopped/);
  // Every control is reached, in the order of the page, and shows that it is.
  const reached = [];
  await log.focus();
  for (;;) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      const outline = getComputedStyle(element).outlineStyle;
      return element === document.body ? null : [element.id || element.name || element.textContent, outline];
    });
    if (!at || reached.length > 60) break;
    assert.equal(at[1], "solid", `${at[0]}: nothing shows the focus`);
    reached.push(at[0]);
  }
  for (const control of ["question", "model", "next-429", "rate-429", "next-no_done", "rate-no_done", "many"]) {
    assert.ok(reached.includes(control), `${control} is not reached: ${reached}`);
  }
  assert.deepEqual(page.complaints(), []);
});

test("a narrow screen does not scroll sideways", async (t) => {
  await faultsOf(PAGE_QUICK, { script: ["reset_before_head"], ...HEALTHY });
  for (const [width, colorScheme] of [[320, "light"], [390, "dark"], [768, "light"]]) {
    const page = await open(t, PAGE_QUICK, { viewport: { width, height: 800 }, colorScheme });
    await send(page, `${"A long word: "}${"x".repeat(200)}`);
    await answered(page);
    await page.getByRole("button", { name: "Ask 20 at once" }).click();
    await page.locator("#tally:not(:empty)").waitFor();
    await page.getByText("What the chat API has seen").click();
    const [wide, shown] = await page.evaluate(() => {
      const root = document.documentElement;
      return [root.scrollWidth, root.clientWidth];
    });
    assert.ok(wide <= shown, `${width}: ${wide} wide`);
    await picture(page, `narrow-${width}`);
  }
});

test("what is written has enough contrast, light and dark", async (t) => {
  await faultsOf(PAGE_QUICK, { script: ["reset_before_head", { kind: "cut", after: 3 }], ...HEALTHY });
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(t, PAGE_QUICK, { colorScheme });
    await send(page, "Whole, at the second attempt");
    await answered(page, 1);
    await send(page, "Cut, or whole");
    await answered(page, 2);
    const weak = await page.evaluate(() => {
      const channel = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
      const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
      const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
      const back = (element) => {
        const colour = element ? parts(getComputedStyle(element).backgroundColor) : [255, 255, 255];
        return colour[3] === 0 ? back(element.parentElement) : colour;
      };
      const written = [...document.querySelectorAll("h1, h2, p, li, legend, label, button:enabled, .fault span, output, kbd")];
      return written
        .filter((element) => element.textContent.trim() && element.offsetParent)
        .map((element) => {
          const [a, b] = [light(parts(getComputedStyle(element).color)), light(back(element))];
          return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.trim().slice(0, 30)];
        })
        .filter(([ratio]) => ratio < 4.5);
    });
    assert.deepEqual(weak, [], colorScheme);
  }
});
