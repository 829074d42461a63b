// What the tests of the chat page share: the browser, pages that complain, and the demo's switches.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

const { CHROMIUM, SCREENSHOTS } = process.env;

// Far more than anything here takes.
const PATIENCE = 90_000;

let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM });
});
after(() => browser?.close());

// A page at `url`; what it complains about fails the test. `heading`: what it has once it is there.
export async function open(t, url, { heading = "Break the chat API", ...options } = {}) {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  return openIn(context, url, heading);
}

// One more page in a browser window, as one more tab has it.
export async function openIn(context, url, heading = "Break the chat API") {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure().errorText}`));
  await page.goto(url);
  await page.getByRole("heading", { name: heading }).waitFor();
  // Of a chat call a browser complains by itself, and by right, where it fails or is stopped.
  page.complaints = () => complaints.filter((it) => !it.includes("/v1/chat/completions") && !it.startsWith("Failed to load resource"));
  page.allComplaints = complaints;
  return page;
}

export async function faultsOf(url, faults) {
  const response = await fetch(`${url}/demo/faults`, faults && { method: "POST", body: JSON.stringify(faults) });
  assert.ok(response.ok);
  return faults ? null : response.json();
}

export const statsOf = async (url) => (await fetch(`${url}/demo/stats`)).json();

export const HEALTHY = { interval_ms: 5 };

export async function send(page, words) {
  await page.getByLabel("Your message").fill(words);
  await page.getByRole("button", { name: "Send" }).click();
}

// The last answer, once its end is told.
export async function answered(page, number = 1) {
  const turn = page.locator(".turn.assistant").nth(number - 1);
  await turn.locator(".outcome").waitFor();
  const attempts = await turn.locator(".attempts li").allTextContents();
  return { told: await turn.locator(".outcome p").textContent(), attempts, text: await turn.textContent() };
}

export async function picture(page, name) {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}
