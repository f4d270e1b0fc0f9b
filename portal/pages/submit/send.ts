import type { Job, JobManifestInput } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import type { Fields } from "../../manifest/document.ts";
import type { GivenFile } from "./dropped-files.ts";

/** Where the repository of a workflow is in a job's directory. */
const SOURCE = "source";
/** Stands for files that are not sent yet, so that the rest can be checked. */
const TO_COME = `artifact:art_${"0".repeat(26)}`;

/** How far the files of a job have come. */
export interface Sending {
  sentBytes: number;
  bytes: number;
}

/** The manifest with these files among its inputs. `from` is what they are on the server. */
export function withInput(fields: Fields, from = TO_COME): Fields {
  const inputs = Array.isArray(fields.inputs) ? fields.inputs : [];
  return { ...fields, inputs: [...inputs, { from, to: fields.type === "GITHUB_ACTION" ? SOURCE : "." }] };
}

/** Sends the files as one artifact, and returns what an input calls it. */
export async function sendFiles(
  files: readonly GivenFile[],
  options: { signal: AbortSignal; onProgress(sending: Sending): void },
): Promise<string> {
  const artifact = await (compute.artifacts as unknown as Uploads).uploadFiles([...files], options);
  return `artifact:${artifact.artifactId}`;
}

export function submit(fields: Fields, idempotencyKey: string, signal: AbortSignal): Promise<Job> {
  return compute.jobs.submit(fields as JobManifestInput, { idempotencyKey, signal });
}

interface Uploads {
  uploadFiles(
    files: GivenFile[],
    options: { signal: AbortSignal; onProgress(sending: Sending): void },
  ): Promise<{ artifactId: string }>;
}
