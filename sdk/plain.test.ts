import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { endpoints } from "../shared/endpoints/index.ts";
import { wire } from "../shared/endpoints/wire/index.ts";

/** What the SDK may weigh, compressed. A page loads it before it shows anything. */
const MAX_GZIP_BYTES = 25_000;
/** What only some runtimes have. */
const MACHINE_WORDS = /\b(Bun|Buffer|process|require|__dirname)\b/;
/** Hashes large files where WebCrypto cannot, and is loaded only then. */
const LAZY = "node_modules/@noble/hashes/";

test("all that the SDK loads at run time is plain ESM: no module of Node, nothing of Bun, one package when it is needed", async () => {
  const { first, later, inputs } = await bundled();
  expect(inputs.filter((path) => !/^(sdk|shared)\//.test(path) && !path.startsWith(LAZY))).toEqual([]);
  expect([first, ...later].flatMap(({ external }) => external)).toEqual([]);
  expect(first.inputs.length).toBeGreaterThan(0);
  expect(first.inputs.filter((path) => path.startsWith(LAZY))).toEqual([]);
  expect(MACHINE_WORDS.exec(first.text)?.[0]).toBeUndefined();
});

test("the SDK weighs little", async () => {
  const { first } = await bundled();
  expect(Bun.gzipSync(first.text).length).toBeLessThan(MAX_GZIP_BYTES);
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

interface Chunk {
  text: string;
  /** The modules in it. */
  inputs: string[];
  /** What it imports that is not in the bundle. */
  external: string[];
}

/** The SDK as a page loads it: what comes first, and what only some calls need. */
async function bundled(): Promise<{ first: Chunk; later: Chunk[]; inputs: string[] }> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const { outputs, metafile } = await Bun.build({
    entrypoints: [`${root}sdk/index.ts`],
    root,
    target: "browser",
    minify: true,
    splitting: true,
    metafile: true,
  });
  const chunks = await Promise.all(
    outputs.map(async (output): Promise<Chunk> => {
      const facts = metafile?.outputs[output.path];
      const external = (facts?.imports ?? []).filter(
        ({ path }) => !outputs.some((other) => other.path === path),
      );
      return {
        text: await output.text(),
        inputs: Object.keys(facts?.inputs ?? {}),
        external: external.map(({ path }) => path),
      };
    }),
  );
  const [first, ...later] = chunks;
  if (!first) throw new Error("there is no bundle");
  return { first, later, inputs: Object.keys(metafile?.inputs ?? {}) };
}
