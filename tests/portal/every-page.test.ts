import { expect, test } from "bun:test";
import axe from "axe-core";
import type { Window } from "../support/chromium.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet } from "../support/portal.ts";
import { openScene } from "../support/portal-scene.ts";

const { world, pages } = forAllTests(await openScene());
const PHONE = { width: 390, height: 844 };
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

test("every page follows WCAG AA, light and dark", async () => {
  await using window = await world.window();
  await window.page.evaluate(() => localStorage.clear());
  for (const { name, path } of pages) {
    await world.show(window, path);
    await window.settled();
    await window.page.evaluate(axe.source);
    for (const colorScheme of ["light", "dark"] as const) {
      await window.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const found = await violations(window, colorScheme === "dark");
      expect({ name, colorScheme, found }).toEqual({ name, colorScheme, found: [] });
    }
  }
  expectQuiet(window);
});

test("every page has one main heading and a title of its own, and none is wider than a phone", async () => {
  await using window = await world.window("/", { viewport: PHONE });
  for (const { name, path } of pages) {
    await world.show(window, path);
    await window.settled();
    const width = await window.page.evaluate(() => document.documentElement.scrollWidth);
    expect({ name, width }).toEqual({ name, width: PHONE.width });
    expect({ name, headings: await window.page.locator("h1").count() }).toEqual({ name, headings: 1 });
    expect(await window.page.title()).toEndWith(" – Tanvrit Compute");
  }
  expectQuiet(window);
});

/** @param ofColours only these: the themes differ in nothing else. */
async function violations({ page }: Window, ofColours: boolean): Promise<unknown[]> {
  const { violations } = await page.evaluate(
    ({ tags, ofColours }) => {
      const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
      const colours = axe.getRules(tags).filter((rule) => rule.tags.includes("cat.color"));
      const ids = colours.map((rule) => rule.ruleId);
      return axe.run({ runOnly: ofColours ? { type: "rule", values: ids } : { type: "tag", values: tags } });
    },
    { tags: RULES, ofColours },
  );
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]);
}
