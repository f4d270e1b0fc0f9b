import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Compute } from "../../sdk/index.ts";
import { outputGlob } from "../../shared/job-files.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { CliError } from "../exit/failure.ts";
import { fileName } from "../input/read-file.ts";
import type { Output } from "../output/output.ts";
import { type GivenInput, readInputField, readInputOption } from "./input-source.ts";
import type { SendOptions } from "./send-inputs.ts";

/** A checked job whose files are not sent yet, and whose other jobs and artifacts may be named by the start of an id. */
export interface JobDraft {
  /** Without `inputs` and `envFrom`. */
  manifest: JobManifestInput;
  inputs: readonly GivenInput[] | undefined;
  /** Jobs, as a person named them. */
  envFrom: readonly string[] | undefined;
  /** Values for the secrets of a workflow, by the names that it uses; the server keeps them for a while. */
  secrets?: Readonly<Record<string, string>>;
}

/** The draft's manifest once its local files are sent, and the jobs and artifacts that it names are found. */
export async function completeDraft(
  compute: Compute,
  draft: JobDraft,
  options: SendOptions,
  output: Output,
): Promise<JobManifestInput> {
  const { manifest, inputs, envFrom, secrets } = draft;
  if (!inputs && !envFrom && !secrets) return manifest;
  const { InputSender } = await import("./send-inputs.ts");
  return new InputSender(compute, options, output).complete(draft);
}

/** A valid id of nothing, for checking a manifest before the real ones are known. */
const SOME_DIGITS = "0".repeat(26);

/** What a manifest has in place of these, so that its schema can check the rest. */
export function standIns({ inputs, envFrom }: Pick<JobDraft, "inputs" | "envFrom">) {
  return {
    inputs:
      inputs?.length === 0
        ? undefined
        : inputs?.map(({ to }) => ({ from: `artifact:art_${SOME_DIGITS}`, to })),
    envFrom: envFrom?.map(() => `job_${SOME_DIGITS}`),
  };
}

/** The inputs of the options; without any, those of the file. Throws CliError. */
export async function readInputs(
  options: { input?: readonly string[]; file?: string },
  ofFile: readonly { from: string; to?: string | undefined }[] | undefined,
): Promise<GivenInput[] | undefined> {
  const { input, file = "" } = options;
  if (!input) return ofFile && readFileInputs(ofFile, fileName(file), await directoryOf(file));
  const inputs = await eachOf(input, readInputOption);
  refuseSamePlace(inputs, "usage");
  return inputs;
}

/** The inputs of a job file. `place` is what errors call it, such as `job.yaml`. Throws CliError. */
export async function readFileInputs(
  ofFile: readonly { from: string; to?: string | undefined }[],
  place: string,
  directory: string,
): Promise<GivenInput[]> {
  const inputs = await eachOf(ofFile, (one, i) =>
    readInputField(one, { label: `${place}: inputs.${i}`, directory }),
  );
  refuseSamePlace(inputs, "bad_data");
  return inputs;
}

/** The directory in which the relative paths of a job file begin: its own, or the current one for a pipe. */
export async function directoryOf(file: string): Promise<string> {
  if (file === "-") return process.cwd();
  const about = await lstat(file).catch(() => undefined); // A missing file is reported when it is read.
  return about?.isFIFO() || file.startsWith("/dev/") || file.startsWith("/proc/")
    ? process.cwd()
    : dirname(file);
}

/** Throws CliError `usage`. */
export function checkOutputs(globs: readonly string[] | undefined): string[] | undefined {
  return globs?.map((glob) => {
    const checked = outputGlob().safeParse(glob);
    if (checked.success) return checked.data;
    throw new CliError("usage", `--output ${glob || "''"}: ${checked.error.issues[0]?.message}`, {
      todo: "Write a pattern below the directory in which the job starts, like 'dist/**'",
    });
  });
}

/** Two files cannot have the same place; the contents of directories are put together. */
function refuseSamePlace(inputs: readonly GivenInput[], wrong: "usage" | "bad_data"): void {
  const places = new Map<string, GivenInput>();
  for (const input of inputs) {
    if (input.to === undefined || input.to === ".") continue;
    const other = places.get(input.to);
    if (other && [input, other].some(({ source }) => source.kind === "local" && source.type === "file")) {
      throw new CliError(wrong, `${input.label} and ${other.label} both go to ${input.to}`, {
        todo: "Give one of them another place, after a colon",
      });
    }
    places.set(input.to, input);
  }
}

async function eachOf<From, To>(
  list: readonly From[],
  read: (item: From, i: number) => Promise<To>,
): Promise<To[]> {
  const all: To[] = [];
  for (const [i, item] of list.entries()) all.push(await read(item, i));
  return all;
}
