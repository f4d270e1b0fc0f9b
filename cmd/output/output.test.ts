import { expect, test } from "bun:test";
import { join } from "node:path";

const LINES = 20_000;

/** Lines as a stream delivers them: one by one, many in one turn of the loop. */
const writeLines = `
  import { readFileSync } from "node:fs";
  import { Output } from ${JSON.stringify(join(import.meta.dirname, "output.ts"))};
  const calls = () => Number(/syscw: (\\d+)/.exec(readFileSync("/proc/self/io", "utf8"))[1]);
  const output = new Output();
  const before = calls();
  for (let i = 0; i < ${LINES}; i++) {
    void output.write(i + "\\n");
    for (let step = 0; step < 5; step++) await undefined;
  }
  await output.settled();
  const made = calls() - before;
  await output.note(String(made));
`;

test.skipIf(process.platform !== "linux")(
  "lines that arrive together go out together, whole and in order",
  async () => {
    const child = Bun.spawn([process.execPath, "-e", writeLines], { stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    expect(stdout).toBe(Array.from({ length: LINES }, (_, i) => `${i}\n`).join(""));
    expect(Number(stderr)).toBeGreaterThan(0);
    expect(Number(stderr)).toBeLessThan(LINES / 10);
  },
);
