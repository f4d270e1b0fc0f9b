import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readReference, textOfReference } from "./reference.ts";
import type { RepositoryFinder } from "./repository-finder.ts";

export interface RemoteWorkflow {
  /** `owner/repo`. */
  repository: string;
  ref: string;
  /** Inside the repository: `.github/workflows/x.yml`. */
  path: string;
  text: string;
  /** Absent: it comes from a plain directory of the action store. */
  commit?: string | undefined;
}

/** Reusable workflows of other repositories. */
export class RemoteWorkflows {
  constructor(private readonly finder: RepositoryFinder) {}

  /**
   * Reads `owner/repo/.github/workflows/x.yml@ref`. Throws an Error for people, and the signal's reason.
   *
   * @param own owner/repo of the run.
   * @param token for the server; "": none.
   */
  async read(uses: string, own: string, signal: AbortSignal, token = ""): Promise<RemoteWorkflow> {
    const reference = readReference(uses);
    if (reference.kind !== "repository" || !/^\.github\/workflows\/[^/]+\.ya?ml$/i.test(reference.path))
      throw new Error(
        `uses: ${uses} is not a reusable workflow. Write ./.github/workflows/FILE.yml, or OWNER/REPO/.github/workflows/FILE.yml@REF.`,
      );
    const { owner, repo, path, ref } = reference;
    const { directory, commit } = await this.finder.find(
      reference,
      [path],
      { repository: own, token },
      signal,
    );
    const file = join(directory, path);
    if (!existsSync(file))
      throw new Error(
        `error parsing called workflow "${textOfReference(reference)}": workflow was not found.`,
      );
    return { repository: `${owner}/${repo}`, ref, path, text: await readFile(file, "utf8"), commit };
  }
}
