/**
 * Makes the screenshots in `docs/portal/`: `bun run screenshots`. Every page, light and dark, on a desktop and on a phone, in
 * a world of a real server and agent with days behind it. `bun run screenshots job nodes` makes those whose name begins like this.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildProgram } from "../support/build-program.ts";
import type { Window } from "../support/chromium.ts";
import { openScene, type ScenePage, serverPages } from "../support/portal-scene.ts";

const SCREENS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const folder = join(import.meta.dirname, "../../docs/portal");
const wanted = process.argv.slice(2);

const binary = join(import.meta.dirname, "../../dist/screenshots");
process.env.TANVRIT_TEST_BINARY = await buildProgram(binary);
try {
  await using scene = await openScene();
  const { world, timezoneId } = scene;
  const pages = [...scene.pages, ...serverPages].filter(
    ({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
  );
  await mkdir(folder, { recursive: true });
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    for (const colorScheme of ["light", "dark"] as const) {
      const look = { viewport, colorScheme, timezoneId };
      await using window = await world.window("/", look);
      await using stranger = await world.chromium.window(look);
      for (const page of pages) {
        const file = `${page.name}-${screen}-${colorScheme}.png`;
        await shoot(page.isSignedOut ? stranger : window, world.url, page, file);
        console.log(file);
      }
    }
  }
} finally {
  await rm(binary, { force: true });
}

async function shoot(window: Window, url: string, { path }: ScenePage, file: string): Promise<void> {
  await window.page.goto(url + path);
  await window.page.locator("main h1").first().waitFor();
  await window.settled();
  await window.page.screenshot({ path: join(folder, file) });
}
