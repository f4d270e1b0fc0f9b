import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runPlan } from "../../../agent/workflow/plan.ts";
import type { WorkflowEvent } from "../../../shared/workflow-run.ts";

/** What the played engine does, in this order: the value of the variable PLAY of its workflow, as JSON. */
export interface Play {
  /** Prints each secret as `NAME=VALUE`. */
  tellsSecrets?: boolean;
  /** Starts a child that prints when it gets TERM. */
  startsChild?: boolean;
  events?: WorkflowEvent[];
  artifacts?: Record<string, string>;
  says?: string[];
  /** Waits for TERM; then prints "cancelled" and ends with 130, if the child has heard nothing. */
  waits?: boolean;
  exit?: number;
}

/** Plays the engine of workflows, for tests of what is around it. */
const plan = runPlan.parse(JSON.parse(readFileSync(process.argv.at(-1) ?? "", "utf8")));
const play: Play = JSON.parse(plan.request.vars?.PLAY ?? "{}");
const secrets: Record<string, string> = JSON.parse(readFileSync(plan.secretsFile ?? "", "utf8"));
rmSync(plan.secretsFile ?? "");

if (play.tellsSecrets) for (const [name, value] of Object.entries(secrets)) console.log(`${name}=${value}`);
const child = play.startsChild
  ? Bun.spawn(
      ["sh", "-c", "trap 'echo the child was stopped' TERM; echo the child runs; sleep 60 & wait; sleep 60"],
      {
        stdout: "inherit",
      },
    )
  : undefined;
for (const event of play.events ?? []) appendFileSync(plan.eventsFile, `${JSON.stringify(event)}\n`);
for (const [path, content] of Object.entries(play.artifacts ?? {})) {
  const file = join(plan.directory, "artifacts", path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, content);
}
for (const line of play.says ?? []) console.log(line);
if (play.waits) {
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    console.log("waiting");
    setInterval(() => {}, 60_000);
  });
  console.log("cancelled");
  child?.kill("SIGKILL");
  process.exit(130);
}
process.exit(play.exit ?? 0);
