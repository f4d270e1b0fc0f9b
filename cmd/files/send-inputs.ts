import type { Compute, JobManifestInput } from "../../sdk/index.ts";
import { patience } from "../connection/connect.ts";
import { findArtifact, findJob, findJobs } from "../connection/find-id.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { type GivenInput, isDirectoryPlace, placeInside } from "./input-source.ts";
import type { JobDraft } from "./job-draft.ts";
import { findTree, type Sending, sendTrees } from "./send-tree.ts";

export interface SendOptions {
  json: boolean;
  "no-ignore": boolean;
}

type Entry = { from: string; to?: string | undefined };

/** Makes manifests of drafts: finds the jobs and artifacts they name, and sends their local files, each only once. */
export class InputSender {
  /** Artifacts by local path. */
  private readonly sent = new Map<string, string>();

  constructor(
    private readonly compute: Compute,
    private readonly options: SendOptions,
    private readonly output: Output,
  ) {}

  /** Sends nothing before everything that the draft names is found. */
  async complete(draft: JobDraft): Promise<JobManifestInput> {
    const { envFrom, entries } = await this.find(draft);
    await this.send(entries.filter((entry) => "source" in entry));
    const inputs = entries.map((entry) =>
      "source" in entry ? { from: `artifact:${this.sent.get(entry.source.path)}`, to: entry.to } : entry,
    );
    return manifestOf(draft, inputs, envFrom);
  }

  /** The same without local files, which are not sent. */
  async withoutLocal(draft: JobDraft): Promise<JobManifestInput> {
    const { envFrom, entries } = await this.find(draft);
    const inputs = entries.filter((entry) => "from" in entry);
    return manifestOf(draft, inputs, envFrom);
  }

  private async find({ inputs = [], envFrom }: JobDraft) {
    const entries: (Entry | LocalInput)[] = [];
    for (const input of inputs) entries.push(isLocal(input) ? input : await this.found(input));
    return { entries, envFrom: envFrom && (await findJobs(this.compute, envFrom, this.output)) };
  }

  private async found({ source, to }: GivenInput): Promise<Entry> {
    if (source.kind === "job") {
      const jobId = await findJob(this.compute, source.job, this.output);
      return { from: `job:${jobId}${source.glob === undefined ? "" : `/${source.glob}`}`, to };
    }
    if (source.kind !== "artifact") throw new Error("a local input is sent, not found");
    const artifactId = await findArtifact(this.compute, source.artifact, this.output);
    const from = `artifact:${artifactId}`;
    if (to === undefined || !isDirectoryPlace(to)) return { from, to };
    const { type, name } = await this.compute.artifacts.get(artifactId, patience(this.output));
    return { from, to: type === "file" ? placeInside(to, name) : to };
  }

  private async send(inputs: readonly LocalInput[]): Promise<void> {
    const sendings = new Map<string, Sending>();
    for (const { source, label } of inputs) {
      const { path } = source;
      if (this.sent.has(path) || sendings.has(path)) continue;
      sendings.set(path, { label, found: await findTree(path, label, this.options), kind: "input" });
    }
    if (sendings.size === 0) return;
    const artifacts = await sendTrees(this.compute, [...sendings.values()], this.options, this.output);
    for (const [i, path] of [...sendings.keys()].entries()) {
      this.sent.set(path, artifacts[i]?.artifactId ?? "");
    }
  }
}

/** What a submit would send of a local input, at most. */
export interface WouldSend {
  path: string;
  files: number;
  bytes: number;
}

export async function wouldSend(
  inputs: readonly GivenInput[] | undefined,
  options: { "no-ignore": boolean },
): Promise<WouldSend[]> {
  const all: WouldSend[] = [];
  for (const { source, label } of (inputs ?? []).filter(isLocal)) {
    const { files, bytes } = await findTree(source.path, label, options);
    all.push({ path: source.path, files, bytes });
  }
  return all;
}

/** Throws CliError `usage` if the draft has local files, which `what` cannot use. */
export function refuseLocal({ inputs = [] }: JobDraft, what: string): void {
  const local = inputs.find(isLocal);
  if (!local) return;
  throw new CliError("usage", `${local.label}: ${what} cannot use a local file`, {
    todo: `Send it once with tanvrit-compute artifact upload ${local.source.path} --ttl forever, and use artifact:ID here`,
  });
}

type LocalInput = GivenInput & { source: { kind: "local"; path: string } };

function isLocal(input: GivenInput): input is LocalInput {
  return input.source.kind === "local";
}

function manifestOf(
  { manifest }: JobDraft,
  inputs: Entry[],
  envFrom: string[] | undefined,
): JobManifestInput {
  return { ...manifest, ...(inputs.length > 0 && { inputs }), ...(envFrom && { envFrom }) };
}
