import { chmodSync, existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Downloaded, DownloadProgress } from "../../sdk/files/download-tree.ts";
import type { Artifact, Compute } from "../../sdk/index.ts";
import { givenUmask } from "../../shared/umask.ts";
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
  const { ClientFiles } = await import("../../sdk/files/client-files.ts");
  const { downloadTree } = await import("../../sdk/files/download-tree.ts");
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
      const missing = missingDirectories(to);
      const done = await namingFile(to, () =>
        downloadTree(new ClientFiles(compute.client), artifact.tree, to, wanted),
      );
      giveGivenModes(missing);
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

/** The directories of the path that do not exist, the deepest first. */
function missingDirectories(path: string): string[] {
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.push(at);
  return missing;
}

/** What a person asks for by name is as private as what their other programs make. */
function giveGivenModes(directories: readonly string[]): void {
  const umask = givenUmask();
  if (umask === undefined) return;
  for (const directory of directories) if (existsSync(directory)) chmodSync(directory, 0o777 & ~umask);
}

/** `fetched 12 files (3.4 MiB) into out` */
function summaryOf(sum: Downloaded, fetchings: readonly Fetching[]): string {
  const [first] = fetchings;
  const where = fetchings.length === 1 && first?.to !== "." ? ` into ${first?.to}` : "";
  const rest = sum.fetchedBytes < sum.bytes ? "; the rest was there" : "";
  return `fetched ${sizeText(sum)}${where}${rest}`;
}
