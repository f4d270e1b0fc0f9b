import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { endpoints } from "../shared/endpoints/index.ts";
import { wire } from "../shared/endpoints/wire/index.ts";

/** What the SDK may weigh, compressed. A page of a browser loads it before it shows anything. */
const MAX_GZIP_BYTES = 25_000;
/** What only some runtimes have. */
const MACHINE_WORDS = /\b(Bun|Buffer|process|require|__dirname|setImmediate)\b/;

test("all that the SDK loads at run time is plain ESM: no package, no module of Node, nothing of Bun", async () => {
  const { outputs, inputs } = await bundled();
  expect(inputs.filter((path) => !/^(sdk|shared)\//.test(path))).toEqual([]);
  for (const { text, imports } of outputs) {
    expect(imports).toEqual([]);
    expect(MACHINE_WORDS.exec(text)?.[0]).toBeUndefined();
  }
});

test("the SDK weighs little", async () => {
  const { outputs } = await bundled();
  const bytes = outputs.reduce((sum, { text }) => sum + Bun.gzipSync(text).length, 0);
  expect(bytes).toBeLessThan(MAX_GZIP_BYTES);
});

test("server and client know the same endpoints, and agree which of them stream", () => {
  expect(Object.keys(endpoints)).toEqual(Object.keys(wire));
  for (const [id, row] of Object.entries(endpoints)) {
    const streams = "streams" in row;
    expect([id, "events" in row]).toEqual([id, streams]);
    const bytes = Number("takesBytes" in row) + Number("givesBytes" in row);
    expect([id, bytes + Number(streams) <= 1]).toEqual([id, true]);
  }
});

async function bundled(): Promise<{ inputs: string[]; outputs: { text: string; imports: unknown[] }[] }> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const { outputs, metafile } = await Bun.build({
    entrypoints: [`${root}sdk/index.ts`],
    root,
    target: "browser",
    minify: true,
    metafile: true,
  });
  expect(metafile).toBeDefined();
  const imports = Object.values(metafile?.outputs ?? {}).flatMap((output) => output.imports);
  return {
    inputs: Object.keys(metafile?.inputs ?? {}),
    outputs: await Promise.all(outputs.map(async (output) => ({ text: await output.text(), imports }))),
  };
}
