/**
 * Makes the screenshots in `docs/portal/`: `bun run screenshots`. Every page, light and dark, on a desktop and on a phone, in
 * a world of a real server and agent. `bun run screenshots job nodes` makes those whose name begins like this.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { buildProgram } from "../support/build-program.ts";
import { PortalWorld } from "../support/portal.ts";
import { fillScene, SCENE_AGENT } from "../support/portal-scene.ts";

const SCREENS = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
const folder = join(import.meta.dirname, "../../docs/portal");
const wanted = process.argv.slice(2);

const binary = join(import.meta.dirname, "../../dist/screenshots");
process.env.TANVRIT_TEST_BINARY = await buildProgram(binary);
try {
  await using world = await PortalWorld.start(SCENE_AGENT);
  const pages = (await fillScene(world)).filter(
    ({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)),
  );
  await mkdir(folder, { recursive: true });
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    for (const colorScheme of ["light", "dark"] as const) {
      await using window = await world.window("/", { viewport, colorScheme });
      for (const { name, path } of pages) {
        await world.show(window, path);
        await window.settled();
        const file = `${name}-${screen}-${colorScheme}.png`;
        await window.page.screenshot({ path: join(folder, file) });
        console.log(file);
      }
    }
  }
} finally {
  await rm(binary, { force: true });
}
