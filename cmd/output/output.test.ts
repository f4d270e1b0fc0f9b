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

const writeMuch = `
  import { Output } from ${JSON.stringify(join(import.meta.dirname, "output.ts"))};
  const output = new Output();
  for (let i = 0; i < 40; i++) await output.write((i + ".").repeat(50_000));
`;

/** Makes a pipe that does not block, runs the program with it as standard output, and reads it slowly. */
const slowReader = `
import fcntl, os, subprocess, sys, time
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETFL, fcntl.fcntl(w, fcntl.F_GETFL) | os.O_NONBLOCK)
subprocess.Popen(sys.argv[1:], stdout=w)
os.close(w)
while True:
    part = os.read(r, 40000)
    if not part: break
    sys.stdout.buffer.write(part)
    time.sleep(0.001)
`;

test("a slow reader gets every byte once, also through a pipe that does not block", async () => {
  const argv = ["python3", "-c", slowReader, process.execPath, "-e", writeMuch];
  const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit" });
  const expected = Array.from({ length: 40 }, (_, i) => `${i}.`.repeat(50_000)).join("");
  expect((await new Response(child.stdout).text()) === expected).toBe(true);
});
