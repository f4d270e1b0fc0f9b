import { mkdirSync, rmdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Artifact, Compute } from "../../sdk/index.ts";
import type { Downloaded, DownloadProgress } from "../../sdk/machine/files/download-tree.ts";
import { codeOf } from "../../shared/code-of.ts";
import { textOf } from "../../shared/text-of.ts";
import { withGivenUmask } from "../../shared/umask.ts";
import { patience } from "../connection/connect.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { namingFile } from "./naming-file.ts";
import { sizeText } from "./send-tree.ts";
import { FETCHING, transfer } from "./transfer.ts";

/** An artifact, and the directory to put it into. */
export interface Fetching {
  artifact: Artifact;
  to: string;
}

/** Puts artifacts into directories, and shows the progress. Throws CliError `not_found` if the globs match nothing. */
export async function fetchAll(
  compute: Compute,
  fetchings: readonly Fetching[],
  options: { globs: readonly string[]; force: boolean; json: boolean },
  output: Output,
): Promise<Downloaded> {
  const { ClientFiles } = await import("../../sdk/client-files.ts");
  const { downloadTree } = await import("../../sdk/machine/files/download-tree.ts");
  const { globs, force } = options;
  return transfer(output, options, FETCHING, async (line) => {
    const sum = { files: 0, bytes: 0, fetchedBytes: 0 };
    for (const { artifact, to } of fetchings) {
      const wanted = {
        ...patience(output),
        globs: globs.length > 0 ? globs : undefined,
        force,
        onProgress: ({ filesDone, bytesDone, files, bytes }: DownloadProgress) =>
          line.update({ files: filesDone, bytes: bytesDone, totalFiles: files, totalBytes: bytes }),
      };
      using place = new Place(to);
      const done = await namingFile(to, () =>
        downloadTree(new ClientFiles(compute.client), artifact.tree, place.path, wanted),
      );
      for (const key of ["files", "bytes", "fetchedBytes"] as const) sum[key] += done[key];
    }
    if (sum.files === 0 && globs.length > 0) {
      throw new CliError("not_found", `no file matches ${globs.join(", ")}`, {
        todo: "See what there is with tanvrit-compute artifact list JOB",
      });
    }
    return { result: sum, summary: summaryOf(sum, fetchings) };
  });
}

/** The directory that a person named. It is made as their other programs would make it, not as private as our own. */
class Place implements Disposable {
  /** The topmost directory that had to be made. */
  private readonly made: string | undefined;

  constructor(readonly path: string) {
    try {
      this.made = withGivenUmask(() => mkdirSync(path, { recursive: true }));
    } catch (cause) {
      const why = codeOf(cause) === "EEXIST" ? "it is a file" : textOf(cause);
      throw new CliError("cannot_write", `cannot make the directory ${path}: ${why}`, { cause });
    }
  }

  /** Removes what was made if it is empty. */
  [Symbol.dispose](): void {
    if (this.made === undefined) return;
    try {
      for (let at = resolve(this.path); at.length >= this.made.length; at = dirname(at)) rmdirSync(at);
    } catch {
      // There are files in it, as there should be.
    }
  }
}

/** `fetched 12 files (3.4 MiB) into out` */
function summaryOf(sum: Downloaded, fetchings: readonly Fetching[]): string {
  const [first] = fetchings;
  const where = fetchings.length === 1 && first?.to !== "." ? ` into ${first?.to}` : "";
  if (sum.fetchedBytes === 0 && sum.bytes > 0) return `fetched nothing: ${sizeText(sum)} already there`;
  const rest = sum.fetchedBytes < sum.bytes ? "; the rest was there" : "";
  return `fetched ${sizeText(sum)}${where}${rest}`;
}
