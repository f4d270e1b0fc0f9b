import { readFileSync } from "node:fs";
import type { FoundTree } from "../../../sdk/machine/files/find-files.ts";
import type { Gathered } from "../../files/input-source.ts";
import { hasGit } from "./git.ts";
import { copyGit } from "./git-copy.ts";
import type { WorkflowPlace } from "./repository.ts";
import { RunDirectory } from "./run-directory.ts";
import { findWorkingCopy, type WorkingCopyOptions } from "./working-copy.ts";

const MAX_LOOKED_AT_BYTES = 1024 * 1024;

/** A repository of this machine, as runs get it: its files, and a git of its own. Looks at the files when it is asked. */
export class RunSource {
  private found: Promise<FoundTree> | undefined;

  constructor(
    private readonly place: Pick<WorkflowPlace, "top" | "isShared">,
    /** The workflow files by their paths in the repository: they come along even if a rule ignores them. */
    private readonly workflows: ReadonlyMap<string, string>,
    private readonly options: Pick<WorkingCopyOptions, "no-ignore">,
  ) {}

  /** @param say gets why a file cannot come along. */
  files(say: (message: string) => void): Promise<FoundTree> {
    this.found ??= this.find(say);
    return this.found;
  }

  /** The content of `.git`, in a directory that goes when it is released; undefined without git on this machine. */
  async git(say: (message: string) => void): Promise<Gathered | undefined> {
    if (!hasGit()) return undefined;
    const directory = RunDirectory.make();
    const release = () => directory[Symbol.asyncDispose]();
    try {
      return { found: await this.makeGit(directory.scratch, await this.files(say)), release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  private find(say: (message: string) => void): Promise<FoundTree> {
    const { top, isShared } = this.place;
    if (isShared) {
      say(
        `the other files of ${top}, which is not a repository. If the workflow needs them, name their directory with --repo`,
      );
    }
    return findWorkingCopy(top, this.workflows, { ...this.options, onlyExtra: isShared, onProblem: say });
  }

  private async makeGit(scratch: string, { entries }: FoundTree): Promise<FoundTree> {
    const files = entries.flatMap((entry) => (entry.type === "directory" ? [] : [entry]));
    const { findFiles } = await import("../../../sdk/machine/files/find-files.ts");
    const directory = await copyGit(this.place.top, scratch, { whole: wantsHistory(entries), files });
    return findFiles(directory, { noIgnore: true });
  }
}

/** Actions/checkout brings one commit, unless its inputs say otherwise. Another ref of the repository is in its history. */
function wantsHistory(entries: FoundTree["entries"]): boolean {
  return entries.some((entry) => {
    if (entry.type !== "file" || !/\.ya?ml$/.test(entry.path) || entry.size >= MAX_LOOKED_AT_BYTES)
      return false;
    const text = readFileSync(entry.source, "utf8");
    return HISTORY.test(text) || (/\bactions\/checkout@/.test(text) && /\bref\s*:/.test(text));
  });
}

const HISTORY = /\bfetch-depth\s*:\s*['"]?(?!1\b)|\bfetch-tags\s*:\s*['"]?true/;
