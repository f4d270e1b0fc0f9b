/**
 * Measures how fast this machine starts and reaps a process that does nothing, reading its output. This is the upper
 * bound for any system that runs jobs as processes. It runs as a separate program, so that nothing else is in its way,
 * and prints one number.
 */
export {};

const COUNT = Number(process.argv[2] ?? 3_000);
const IN_FLIGHT = 16;

const startedMs = performance.now();
let left = COUNT;
await Promise.all(Array.from({ length: IN_FLIGHT }, spawnUntilDone));
console.log(COUNT / ((performance.now() - startedMs) / 1_000));

async function spawnUntilDone(): Promise<void> {
  while (left-- > 0) {
    const child = Bun.spawn(["true"], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    await Promise.all([new Response(child.stdout).bytes(), new Response(child.stderr).bytes(), child.exited]);
  }
}
