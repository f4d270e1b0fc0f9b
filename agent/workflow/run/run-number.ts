import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../../shared/atomic-file.ts";
import { codeOf } from "../../../shared/code-of.ts";
import type { RunPlan } from "../plan.ts";
import { alone, shortHash } from "./door.ts";

/** The attempts of a run have the same number as long as no more than so many runs came after it. */
const MAX_REMEMBERED = 200;
const counter = z.object({ last: z.int().min(0), runs: z.record(z.string(), z.int()) });

/** `github.run_number`: counts the runs of a workflow on this machine, from 1. */
export async function runNumber(plan: RunPlan, repository: string, signal: AbortSignal): Promise<number> {
  const name = `${repository.toLowerCase()}\n${plan.request.path}`;
  const directory = join(plan.cacheDirectory, "run-numbers", shortHash(name));
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "numbers.json");
  const number = await alone(directory, signal, () => {
    const { last, runs } = readCounter(file);
    const known = runs[plan.runId];
    if (known !== undefined) return known;
    const next = last + 1;
    const kept = Object.entries(runs).filter(([, of]) => of > next - MAX_REMEMBERED);
    writeFileAtomic(
      file,
      JSON.stringify({ last: next, runs: Object.fromEntries([...kept, [plan.runId, next]]) }),
    );
    return next;
  });
  return number ?? 1;
}

function readCounter(file: string): z.infer<typeof counter> {
  try {
    return counter.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || error instanceof SyntaxError || error instanceof z.ZodError)
      return { last: 0, runs: {} };
    throw error;
  }
}
