// The playground of the operators' side: what a text becomes in the log, and why.
//
//     ADMIN=http://127.0.0.1:8081 CHROMIUM=/usr/bin/chromium node --test page_redact.test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";
import { open, picture } from "./page.mjs";

const { ADMIN } = process.env;

const playground = (t, options) => open(t, `${ADMIN}/redact`, { heading: "Redaction", ...options });

// The text with its marks, without the reasons.
const redacted = (page) =>
  page.locator("#out").evaluate((out) => {
    const copy = out.cloneNode(true);
    copy.querySelectorAll(".why").forEach((why) => why.remove());
    return copy.textContent;
  });

async function write(page, text) {
  await page.getByLabel("A line of a log, or any text").fill(text);
}

const state = (page, text) => page.getByRole("status").getByText(text, { exact: true }).waitFor();

test("what stands there at first is redacted as the gateway is configured", async (t) => {
  const page = await playground(t);
  await state(page, "6 values found.");
  assert.match(await redacted(page), /^打\[PHONE\]找\[EMAIL\]\n客户 王小明, 卡号 \[CARD\], order 20240611123456789\n/);
  const ticked = await page.locator("[name=rule]:checked").evaluateAll((all) => all.map(({ value }) => value));
  assert.deepEqual(ticked, ["email", "phone", "id", "card", "ip", "secret"]);
  assert.ok(await page.getByLabel("a label").isChecked());
  await picture(page, "redact");
  assert.deepEqual(page.allComplaints, []);
});

test("a text is redacted as it is written, Chinese and all letters of it", async (t) => {
  const page = await playground(t);
  await state(page, "6 values found.");
  await write(page, "𠮷👩‍👩‍👧电话１３８１２３４５６７８，邮箱li.wei@example.com。");
  await state(page, "2 values found.");
  assert.equal(await redacted(page), "𠮷👩‍👩‍👧电话[PHONE]，邮箱[EMAIL]。");
  const row = page.getByRole("row", { name: "[PHONE]" });
  assert.equal(await row.getByRole("cell").first().textContent(), "１３８１２３４５６７８");
  await write(page, "什么也没有");
  await state(page, "No values found.");
  assert.equal(await redacted(page), "什么也没有");
  assert.ok(await page.getByRole("table").isHidden());
  // What is no text by itself, half of a letter, harms nothing.
  await write(page, "13812345678 \ud83d");
  await state(page, "1 value found.");
  assert.equal(await redacted(page), "[PHONE] \ufffd");
  assert.deepEqual(page.allComplaints, []);
});

test("rules and style are those that are chosen", async (t) => {
  const page = await playground(t);
  await state(page, "6 values found.");
  await write(page, "找李伟 13812345678 li.wei@example.com");
  await state(page, "2 values found.");
  await page.getByLabel("phone").uncheck();
  await state(page, "1 value found.");
  assert.equal(await redacted(page), "找李伟 13812345678 [EMAIL]");
  await page.getByLabel("zh").check();
  await state(page, "2 values found.");
  assert.equal(await redacted(page), "[ZH] 13812345678 [EMAIL]");
  await page.getByLabel("a pseudonym").check();
  await page.locator("mark", { hasText: "[EMAIL:" }).waitFor();
  assert.match(await redacted(page), /^\[ZH:[0-9a-f]{10}\] 13812345678 \[EMAIL:[0-9a-f]{10}\]$/);
  for (const name of ["email", "id", "card", "ip", "secret", "zh"]) await page.getByLabel(name, { exact: false }).first().uncheck();
  await state(page, "No values found.");
  assert.deepEqual(page.allComplaints, []);
});

test("a mark says why it is there, to who points at it, comes by keyboard, or listens", async (t) => {
  const page = await playground(t);
  await state(page, "6 values found.");
  const mark = page.locator("mark", { hasText: "[CARD]" });
  const why = page.getByRole("tooltip", { name: /^card: /, includeHidden: true });
  assert.ok(await why.isHidden());
  await mark.hover();
  await why.waitFor();
  assert.match(await why.textContent(), /^card: .*check digit/);
  // The pointer may go there, and Escape takes it away.
  await why.hover();
  assert.ok(await why.isVisible());
  await page.keyboard.press("Escape");
  await why.waitFor({ state: "hidden" });
  await page.mouse.move(0, 0);
  // From the last control the first mark is one step away, and so is the next.
  await page.getByLabel("a label").focus();
  for (const label of ["[PHONE]", "[EMAIL]", "[CARD]"]) {
    await page.keyboard.press("Tab");
    const [text, outline] = await page.evaluate(() => {
      const { activeElement } = document;
      return [activeElement.textContent, getComputedStyle(activeElement).outlineStyle];
    });
    assert.deepEqual([text, outline], [label, "solid"]);
  }
  assert.ok(await why.isVisible());
  await picture(page, "redact-why");
  await page.keyboard.press("Escape");
  assert.ok(await why.isHidden());
  assert.ok(await mark.evaluate((it) => it === document.activeElement), "the focus stays");
  // What a screen reader says of it, shown or not.
  const told = await mark.evaluate((it) => document.getElementById(it.getAttribute("aria-describedby")).textContent);
  assert.match(told, /^card: /);
  assert.deepEqual(page.allComplaints, []);
});

test("what is too large is refused, and what comes next is not", async (t) => {
  const page = await playground(t);
  await state(page, "6 values found.");
  await write(page, "x".repeat(70_000));
  await state(page, "Refused: the request is larger than 65536 bytes.");
  assert.equal(await redacted(page), "");
  await write(page, "13812345678");
  await state(page, "1 value found.");
  // A browser complains of the refusal by itself.
  assert.deepEqual(page.complaints(), []);
});

test("markup in a text is text", async (t) => {
  const page = await playground(t);
  await state(page, "6 values found.");
  const text = "<img src=x onerror=alert(1)>";
  await write(page, `${text} 13812345678`);
  await state(page, "1 value found.");
  assert.equal(await redacted(page), `${text} [PHONE]`);
  assert.equal(await page.locator("#out img").count(), 0);
  assert.deepEqual(page.allComplaints, []);
});

test("a narrow screen does not scroll sideways, and all is readable, light and dark", async (t) => {
  for (const [width, colorScheme] of [[320, "light"], [390, "dark"], [1200, "dark"]]) {
    const page = await playground(t, { viewport: { width, height: 800 }, colorScheme });
    await state(page, "6 values found.");
    await write(page, `${"x".repeat(200)} 13812345678 ${"Ab1".repeat(30)}@example.com`);
    await state(page, "1 value found.");
    await page.locator("mark", { hasText: "[PHONE]" }).focus();
    const [wide, shown] = await page.evaluate(() => {
      const root = document.documentElement;
      return [root.scrollWidth, root.clientWidth];
    });
    assert.ok(wide <= shown, `${width}: ${wide} wide`);
    const weak = await page.evaluate(() => {
      const channel = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
      const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
      const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
      const back = (element) => {
        const colour = element ? parts(getComputedStyle(element).backgroundColor) : [255, 255, 255];
        return colour[3] === 0 ? back(element.parentElement) : colour;
      };
      const written = [...document.querySelectorAll("h1, h2, p, label, legend, th, td, caption, mark, .why, a")];
      return written
        .filter((element) => element.textContent.trim() && element.offsetParent)
        .map((element) => {
          const [a, b] = [light(parts(getComputedStyle(element).color)), light(back(element))];
          return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.textContent.trim().slice(0, 30)];
        })
        .filter(([ratio]) => ratio < 4.5);
    });
    assert.deepEqual(weak, [], colorScheme);
    await picture(page, `redact-narrow-${width}`);
  }
});
