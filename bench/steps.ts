import { playJob } from "../tests/support/played-job.ts";
import { makeScratch } from "../tests/support/scratch.ts";

/** What a step of a workflow costs over starting its shell: 1,000 steps of `run: ":"`, and 1,000 times `bash -e FILE`. */
const STEPS = 1_000;
const MAX_OVER_MS = 15;

async function bareMs(): Promise<number> {
  await using scratch = await makeScratch();
  const file = scratch.join("script.sh");
  await Bun.write(file, ":");
  const startMs = performance.now();
  for (let i = 0; i < STEPS; i++) {
    await Bun.spawn(["bash", "-e", file], { stdin: "ignore", stdout: "pipe", stderr: "pipe" }).exited;
  }
  return (performance.now() - startMs) / STEPS;
}

async function stepMs(): Promise<number> {
  const startMs = performance.now();
  const { conclusion, job } = await playJob('- run: ":"\n'.repeat(STEPS));
  if (conclusion !== "success" || job.steps.length !== STEPS + 2) throw new Error("The job did not run.");
  return (performance.now() - startMs) / STEPS;
}

const bare = await bareMs();
const step = await stepMs();
const over = step - bare;
console.log(`bash -e FILE  ${bare.toFixed(2)} ms`);
console.log(`a step        ${step.toFixed(2)} ms, ${over.toFixed(2)} ms over it (at most ${MAX_OVER_MS} ms)`);
if (over > MAX_OVER_MS) process.exitCode = 1;
