import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Env } from "../../shared/config/home.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import type { Output } from "../output/output.ts";
import { runSummary } from "../output/run-tree.ts";
import { type PlannedRuns, planRuns } from "./draft/planned-runs.ts";
import type { RequestValues } from "./draft/request-options.ts";
import { RunDirectory } from "./draft/run-directory.ts";
import type { RunWishes } from "./draft/wishes.ts";
import { copyTree } from "./draft/working-copy.ts";
import { runHere } from "./run-here.ts";
import type { PlaceValues } from "./run-options.ts";
import { RunStops } from "./run-stops.ts";
import { thisMachine } from "./this-machine.ts";

/** Where the engine leaves the artifacts of a run. */
const ARTIFACTS = "artifacts";

type Values = RequestValues & PlaceValues & { json: boolean };

/** Runs the workflows at a path in this process, one after the other. Resolves with the exit code. */
export async function runAllHere(
  path: string,
  wishes: RunWishes,
  options: Values,
  env: Env,
  output: Output,
): Promise<number> {
  using stops = new RunStops(options.timeout && options.timeout * 1_000);
  await using directory = RunDirectory.make();
  // A note that cannot be written must not end the command.
  const say = (message: string) =>
    void output.note(`tanvrit-compute: left out: ${message}`).catch(() => undefined);
  const machine = await thisMachine(env, options.label);
  const planned = await planRuns(path, wishes, options);
  await placeSource(planned, directory, say);
  const sayLate = () =>
    output.note(`tanvrit-compute: stopped: the time limit of ${options.timeout} s is over.`);
  if (stops.signal.aborted) {
    if (stops.isLate) await sayLate();
    return stops.isLate ? exitCodes.jobTimeout : exitCodes.cancelled;
  }
  const here = {
    env,
    secrets: wishes.secrets,
    actionStore: options["action-store"] && resolve(options["action-store"]),
    machine,
    stops,
    shellOnFailure: options["shell-on-failure"],
    json: options.json,
    quiet: options.quiet,
  };
  let code: number = exitCodes.ok;
  for (const [number, { request }] of planned.runs.entries()) {
    const { exitCode, run } = await runHere(request, directory, number, here, output);
    code ||= exitCode;
    if (options.download !== undefined) await takeArtifacts(directory.run(number).work, options.download);
    if (options.json) await output.json({ type: "end", exitCode, run });
    else await output.paintedNote(runSummary(run, output.noteLook));
    if (stops.isLate) await sayLate();
    if (stops.isLate || exitCode === exitCodes.cancelled) break;
  }
  return code;
}

/** Copies the artifacts of a run, as a node keeps them as outputs of the job. */
async function takeArtifacts(work: string, into: string): Promise<void> {
  const from = join(work, ARTIFACTS);
  if (existsSync(from)) await cp(from, join(into, ARTIFACTS), { recursive: true });
}

async function placeSource(
  { source }: PlannedRuns,
  directory: RunDirectory,
  say: (message: string) => void,
): Promise<void> {
  if (!source) return;
  await copyTree(await source.files(say), directory.source);
  const git = await source.git(say);
  if (!git) return;
  await copyTree(git.found, join(directory.source, ".git"));
  await git.release?.();
}
