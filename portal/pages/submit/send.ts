import type { Job, JobManifestInput } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import type { Fields } from "../../editing/document.ts";
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

/** Sends the files as one artifact, and returns what an input calls it. Throws FileError, and what the server says. */
export async function sendFiles(
  files: readonly GivenFile[],
  options: { signal: AbortSignal; onProgress(sending: Sending): void },
): Promise<string> {
  const { signal, onProgress } = options;
  const toSend = [];
  for (const file of files) {
    signal.throwIfAborted();
    toSend.push((await isProgram(file.blob)) ? { ...file, mode: 0o755 } : file);
  }
  const { artifactId } = await compute.artifacts.uploadFiles(toSend, {
    signal,
    kind: "input",
    onProgress: ({ bytes, bytesSent, bytesSkipped }) =>
      onProgress({ bytes, sentBytes: bytesSent + bytesSkipped }),
  });
  return `artifact:${artifactId}`;
}

const ELF = "\x7fELF";

/** Browsers do not say which files can be run: scripts with a `#!` line and programs of Linux can. */
async function isProgram(blob: Blob): Promise<boolean> {
  try {
    const start = await blob.slice(0, ELF.length).text();
    return start.startsWith("#!") || start === ELF;
  } catch {
    // The upload says which file cannot be read, and why.
    return false;
  }
}

export function submit(fields: Fields, idempotencyKey: string, signal: AbortSignal): Promise<Job> {
  return compute.jobs.submit(fields as JobManifestInput, { idempotencyKey, signal });
}
