import { expect, test } from "bun:test";
import axe from "axe-core";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet } from "../support/portal.ts";
import { openScene } from "../support/portal-scene.ts";

const { world, pages } = forAllTests(await openScene());
const PHONE = { width: 390, height: 844 };
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

for (const colorScheme of ["light", "dark"] as const)
  test(`every page follows WCAG AA, when it is ${colorScheme}`, async () => {
    await using window = await world.window("/", { colorScheme });
    await window.page.evaluate(() => localStorage.clear());
    for (const { name, path } of pages) {
      await world.show(window, path);
      await window.settled();
      await window.page.evaluate(axe.source);
      const { violations } = await window.page.evaluate(
        (values) =>
          (globalThis as unknown as { axe: typeof axe }).axe.run({ runOnly: { type: "tag", values } }),
        RULES,
      );
      const found = violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]);
      expect({ name, found }).toEqual({ name, found: [] });
    }
    expectQuiet(window);
  });

test("on a phone, no page is wider than the screen", async () => {
  await using window = await world.window("/", { viewport: PHONE });
  for (const { name, path } of pages) {
    await world.show(window, path);
    await window.settled();
    const width = await window.page.evaluate(() => document.documentElement.scrollWidth);
    expect({ name, width }).toEqual({ name, width: PHONE.width });
  }
  expectQuiet(window);
});

test("every page has one main heading and a title of its own", async () => {
  await using window = await world.window();
  for (const { name, path } of pages) {
    await world.show(window, path);
    await window.settled();
    expect({ name, headings: await window.page.locator("h1").count() }).toEqual({ name, headings: 1 });
    expect(await window.page.title()).toEndWith(" – Tanvrit Compute");
  }
});
