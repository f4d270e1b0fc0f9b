import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MIB } from "../../../shared/bytes-text.ts";
import { textOf } from "../../../shared/text-of.ts";
import type { StepHost } from "../job.ts";
import { pairsIn, pathsIn } from "./file-commands.ts";

/** What the files of commands do to a step. */
export interface FileTarget {
  setVariable(name: string, value: string): void;
  setOutput(name: string, value: string): void;
  setState(name: string, value: string): void;
  addPath(directory: string): void;
  addSummary(markdown: string): void;
  /** An error that fails the step only if `fails`. */
  say(message: string, fails: boolean): void;
}

type Kind = "env" | "output" | "path" | "state" | "step_summary";

const prefixes: Readonly<Record<Kind, string>> = {
  path: "add_path_",
  env: "set_env_",
  step_summary: "step_summary_",
  state: "save_state_",
  output: "set_output_",
};
const kinds = Object.keys(prefixes) as Kind[];
const MAX_SUMMARY_BYTES = MIB;
/** A larger file is not read: its values could not be passed to a process. */
const MAX_BYTES = 64 * MIB;
const BLOCKED = "NODE_OPTIONS";

/** The files to which a step writes its variables, outputs and the like. */
export class StepFiles {
  constructor(
    private readonly directory: string,
    /** Makes their names unique in the directory. */
    private readonly suffix: string,
    /** Empty files of earlier steps. A new name costs far less than a new file. */
    private readonly spare: string[],
  ) {}

  /** The paths by the name in the `github` context: env, output, path, state, step_summary. */
  paths(): [Kind, string][] {
    return kinds.map((kind) => [kind, this.pathOf(kind)]);
  }

  /** GITHUB_ENV and the others, as the host sees them. */
  variables(host: StepHost): Record<string, string> {
    return Object.fromEntries(
      this.paths().map(([kind, path]) => [`GITHUB_${kind.toUpperCase()}`, host.guestPath(path)]),
    );
  }

  create(): void {
    for (const kind of kinds) {
      const path = this.pathOf(kind);
      if (this.reuse(path)) continue;
      writeFileSync(path, "");
      // Processes in a container may have another account.
      chmodSync(path, 0o666);
    }
  }

  /** Applies what a process wrote, and removes the files. */
  apply(target: FileTarget): void {
    for (const kind of kinds) {
      const path = this.pathOf(kind);
      const found = statSync(path, { throwIfNoEntry: false });
      if (found?.isFile() && found.size === 0) {
        this.spare.push(path);
        continue;
      }
      try {
        if (found) this.applyOne(kind, found.size, target);
      } catch (error) {
        target.say(`Unable to process file command '${kind}' successfully.`, true);
        target.say(textOf(error), true);
      }
      rmSync(path, { force: true, recursive: true });
    }
  }

  private reuse(path: string): boolean {
    const spare = this.spare.shift();
    if (spare === undefined) return false;
    try {
      renameSync(spare, path);
      return true;
    } catch {
      return false; // A step removed it; a new one takes its place.
    }
  }

  private applyOne(kind: Kind, bytes: number, target: FileTarget): void {
    if (kind === "step_summary") {
      this.applySummary(bytes, target);
      return;
    }
    if (bytes > MAX_BYTES) throw new Error(`The file has ${bytes} bytes; at most ${MAX_BYTES} are read.`);
    const text = readFileSync(this.pathOf(kind), "utf8");
    if (kind === "path") for (const directory of pathsIn(text)) target.addPath(directory);
    else for (const [name, value] of pairsIn(text)) set(target, kind, name, value);
  }

  private applySummary(bytes: number, target: FileTarget): void {
    if (bytes > MAX_SUMMARY_BYTES) {
      const is = Math.floor(bytes / 1024);
      target.say(
        `$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of ${MAX_SUMMARY_BYTES / 1024}k, got ${is}k.`,
        false,
      );
    } else target.addSummary(readFileSync(this.pathOf("step_summary"), "utf8"));
  }

  private pathOf(kind: Kind): string {
    return join(this.directory, `${prefixes[kind]}${this.suffix}`);
  }
}

function set(target: FileTarget, kind: "env" | "output" | "state", name: string, value: string): void {
  if (kind === "output") target.setOutput(name, value);
  else if (kind === "state") target.setState(name, value);
  else if (name.toUpperCase() === BLOCKED) {
    target.say(`Can't store ${name} output parameter using '$GITHUB_ENV' command.`, false);
  } else target.setVariable(name, value);
}
