import type { Artifact, Compute } from "../../sdk/index.ts";
import type { FoundTree } from "../../sdk/machine/files/find-files.ts";
import { bytesText } from "../../shared/bytes-text.ts";
import { counted } from "../../shared/counted.ts";
import { pathProblem } from "../../shared/files/path.ts";
import { patience } from "../connection/connect.ts";
import type { Output } from "../output/output.ts";
import { namingFile } from "./naming-file.ts";
import { SENDING, transfer } from "./transfer.ts";

/** Files to send as one artifact. */
export interface Sending {
  /** What errors call it. */
  label: string;
  found: FoundTree;
  kind: "upload" | "input";
  /** Instead of the file's or directory's own name. */
  name?: string | undefined;
  ttlSeconds?: number | undefined;
}

/** Finds what would be sent of a local path. Throws CliError naming the file that cannot be sent. */
export async function findTree(
  path: string,
  label: string,
  options: { "no-ignore": boolean },
): Promise<FoundTree> {
  const { findFiles } = await import("../../sdk/machine/files/find-files.ts");
  return namingFile(label, () => findFiles(path, { noIgnore: options["no-ignore"] }), path);
}

/** Sends what the server lacks, and shows the progress of all together. Resolves with an artifact for each. */
export async function sendTrees(
  compute: Compute,
  sendings: readonly Sending[],
  options: { json: boolean },
  output: Output,
): Promise<Artifact[]> {
  const { sendFoundArtifact } = await import("../../sdk/machine/files/send-found.ts");
  return transfer(output, options, SENDING, async (line) => {
    const total = { files: sum(sendings, "files"), bytes: sum(sendings, "bytes") };
    const done = { files: 0, bytes: 0, sent: 0 };
    const artifacts: Artifact[] = [];
    for (const { label, found, kind, name, ttlSeconds } of sendings) {
      const uploaded = await namingFile(label, () =>
        sendFoundArtifact(compute.client, found, {
          ...patience(output),
          kind,
          name: name ?? nameOf(found),
          ttlSeconds,
          onProgress: ({ filesRead, bytesRead }) =>
            line.update({
              bytes: done.bytes + bytesRead,
              totalBytes: total.bytes,
              files: done.files + filesRead,
              totalFiles: total.files,
            }),
        }),
      );
      done.files += found.files;
      done.bytes += found.bytes;
      done.sent += uploaded.sentBytes;
      artifacts.push(uploaded.artifact);
    }
    return { result: artifacts, summary: summaryOf(total, done.sent) };
  });
}

/** The name of the file or directory; if no artifact can have that name, such as that of `/`, another one. */
function nameOf({ name, type }: FoundTree): string {
  return pathProblem(name) === undefined ? name : type;
}

/** The list of the files is sent, too: `sent 1.2 MiB for 212 files (3.4 MiB); the rest was there` */
function summaryOf(total: { files: number; bytes: number }, sent: number): string {
  if (sent === 0) return `sent nothing: ${sizeText(total)} already there`;
  const rest = sent < total.bytes ? "; the rest was there" : "";
  return `sent ${bytesText(sent)} for ${sizeText(total)}${rest}`;
}

/** `212 files (3.4 MiB)` */
export function sizeText({ files, bytes }: { files: number; bytes: number }): string {
  return `${counted(files, "file")} (${bytesText(bytes)})`;
}

function sum(sendings: readonly Sending[], what: "files" | "bytes"): number {
  return sendings.reduce((total, { found }) => total + found[what], 0);
}
