import { z } from "zod";
import type { Artifact, Compute } from "../../sdk/index.ts";
import { artifactKind } from "../../shared/artifact.ts";
import { bytesText } from "../../shared/bytes-text.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { DEFAULT_LIST_LIMIT, limitOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findArtifact, findJob, JOB_HELP } from "../connection/find-id.ts";
import { CliError } from "../exit/failure.ts";
import { jobOutputs } from "../files/job-outputs.ts";
import { formatAge } from "../output/format.ts";
import { showList } from "../output/list.ts";
import type { Output } from "../output/output.ts";

const kinds = artifactKind.options.join(", ");

const options = defineOptions({
  kind: {
    kind: "value",
    placeholder: "KIND",
    schema: () => z.enum(artifactKind.options, { error: `must be one of ${kinds}` }),
    help: `Only artifacts of this kind: ${kinds}`,
  },
  limit: limitOption("artifacts"),
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [
    { name: "JOB", optional: true, help: `list its files: ${JOB_HELP}, or the id of an artifact` },
  ],
  examples: [
    { line: "artifact list", does: "What the server keeps, newest first" },
    { line: "artifact list $id", does: "The files that a job left, of each attempt" },
    { line: "artifact list $id --json | jq -r '.[].sha256'", does: "Their checksums, for a script" },
  ],
  details: `An artifact is files under one id: sent by artifact upload (upload), sent with a job (input), collected after an
attempt of a job (output), or sent to a job by a link (attached). With JOB, each file of the job is listed with its size and
SHA-256, and stderr names the outputs that could not be collected.`,
  async run({ options, positionals, env, output }) {
    const [text] = positionals;
    const compute = await connect(env, options);
    if (text === undefined) return listArtifacts(compute, options, output);
    for (const name of ["kind", "limit"] as const) {
      if (options[name] !== undefined) throw new CliError("usage", `--${name} cannot be used with a JOB`);
    }
    return listFiles(compute, text, options, output);
  },
});

async function listArtifacts(
  compute: Compute,
  options: { kind?: Artifact["kind"]; limit?: number; json: boolean },
  output: Output,
): Promise<number> {
  const where = { kind: options.kind, limit: options.limit ?? DEFAULT_LIST_LIMIT };
  const all = await Array.fromAsync(compute.artifacts.list(where, patience(output)));
  return showList(
    output,
    options,
    all,
    {
      ID: (one) => one.artifactId,
      KIND: (one) => one.kind,
      NAME: (one) => one.name,
      FILES: (one) => String(one.files),
      SIZE: (one) => bytesText(one.bytes),
      JOB: (one) => one.jobId ?? "",
      AGE: (one) => formatAge(one.createdAt),
      EXPIRES: (one) => one.expiresAt ?? "never",
    },
    ["JOB", "EXPIRES", "FILES"],
  );
}

/** A file of an artifact, as `--json` prints it. */
interface ListedFile {
  path: string;
  size: number;
  sha256: string;
  mode: string;
  attempt?: number | undefined;
  artifactId: string;
  jobId?: string;
}

async function listFiles(
  compute: Compute,
  text: string,
  options: { json: boolean },
  output: Output,
): Promise<number> {
  const found = text.startsWith("art_")
    ? {
        artifacts: [await compute.artifacts.get(await findArtifact(compute, text, output), patience(output))],
        problems: [],
      }
    : await jobOutputs(compute, await findJob(compute, text, output), output);
  const files: ListedFile[] = [];
  for (const { artifactId, attempt, jobId } of found.artifacts) {
    for await (const entry of compute.artifacts.files(artifactId, patience(output))) {
      if (entry.type !== "file") continue;
      const { path, size, sha256 } = entry;
      files.push({ path, size, sha256, mode: modeText(entry.mode), attempt, artifactId, jobId });
    }
  }
  const code = await showList(
    output,
    options,
    files,
    {
      PATH: (file) => file.path,
      SIZE: (file) => bytesText(file.size),
      ATTEMPT: (file) => String(file.attempt ?? ""),
      SHA256: (file) => file.sha256,
      ARTIFACT: (file) => file.artifactId,
    },
    ["ARTIFACT", "ATTEMPT"],
  );
  if (!options.json) {
    for (const { jobId, path, message } of found.problems)
      await output.note(`tanvrit-compute: ${jobId}: output ${path}: ${message}`);
  }
  return code;
}

/** `0644` */
function modeText(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
