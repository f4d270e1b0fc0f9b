import type { Compute, JobManifestInput } from "../../sdk/index.ts";
import { needsOwnSource } from "../../shared/manifest-rules.ts";
import { patience } from "../connection/connect.ts";
import { findArtifact, findJob, findJobs } from "../connection/find-id.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { type Gathered, type GivenInput, isDirectoryPlace, placeInside } from "./input-source.ts";
import type { JobDraft } from "./job-draft.ts";
import { findTree, type Sending, sendTrees } from "./send-tree.ts";
import { withSecrets } from "./workflow-secrets.ts";

export interface SendOptions {
  json: boolean;
  "no-ignore": boolean;
}

const NO_REPOSITORY = { url: "file:///nowhere" };

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
    const artifacts = await this.send(entries.filter((entry) => "source" in entry));
    const inputs = entries.flatMap((entry) => {
      if (!("source" in entry)) return [entry];
      const artifactId = artifacts.get(entry);
      return artifactId === undefined ? [] : [{ from: `artifact:${artifactId}`, to: entry.to }];
    });
    const manifest = manifestOf(draft, inputs, envFrom);
    return draft.secrets ? withSecrets(this.compute, manifest, draft.secrets, this.output) : manifest;
  }

  /** The same without local files, which are not sent. */
  async withoutLocal(draft: JobDraft): Promise<JobManifestInput> {
    const { envFrom, entries } = await this.find(draft);
    const inputs = entries.filter((entry) => "from" in entry);
    const manifest = manifestOf(draft, inputs, envFrom);
    const { workflow } = manifest;
    // The rest can be checked as if the node fetched the repository.
    return workflow && needsOwnSource({ ...draft.manifest, inputs })
      ? { ...manifest, workflow: { ...workflow, clone: NO_REPOSITORY } }
      : manifest;
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

  /** The artifact of each input that has files. */
  private async send(inputs: readonly LocalInput[]): Promise<Map<LocalInput, string>> {
    const gathered = new Map<LocalInput, Gathered>();
    const sendings = new Map<LocalInput | string, Sending>();
    try {
      for (const input of inputs) {
        const { source, label } = input;
        if (source.kind === "gathered") {
          const files = await source.gather((message) => this.say(message));
          if (!files) continue;
          gathered.set(input, files);
          sendings.set(input, { label, found: files.found, kind: "input" });
        } else if (!this.sent.has(source.path) && !sendings.has(source.path)) {
          const found = await findTree(source.path, label, this.options);
          sendings.set(source.path, { label, found, kind: "input" });
        }
      }
      const ids = await this.sendAll(sendings);
      for (const [key, id] of ids) if (typeof key === "string") this.sent.set(key, id);
      return new Map(
        inputs.flatMap((input) => {
          const { source } = input;
          const id = source.kind === "gathered" ? ids.get(input) : this.sent.get(source.path);
          return id === undefined ? [] : [[input, id]];
        }),
      );
    } finally {
      for (const { release } of gathered.values()) await release?.();
    }
  }

  private say(leftOut: string): void {
    // A note that cannot be written must not end the command.
    this.output.note(`tanvrit-compute: left out: ${leftOut}`).catch(() => undefined);
  }

  private async sendAll<Key>(sendings: ReadonlyMap<Key, Sending>): Promise<Map<Key, string>> {
    if (sendings.size === 0) return new Map();
    const artifacts = await sendTrees(this.compute, [...sendings.values()], this.options, this.output);
    return new Map([...sendings.keys()].map((key, i) => [key, artifacts[i]?.artifactId ?? ""]));
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
    const isGathered = source.kind === "gathered";
    const gathered = isGathered ? await source.gather(() => undefined) : undefined;
    const found = isGathered ? gathered?.found : await findTree(source.path, label, options);
    if (found) all.push({ path: isGathered ? label : source.path, files: found.files, bytes: found.bytes });
    await gathered?.release?.();
  }
  return all;
}

/** Throws CliError `usage` if the draft has local files, which `what` cannot use. */
export function refuseLocal({ inputs = [] }: JobDraft, what: string): void {
  const local = inputs.find(isLocal);
  if (!local) return;
  throw new CliError("usage", `${local.label}: ${what} cannot use a local file`, {
    todo:
      local.source.kind === "local"
        ? `Send it once with tanvrit-compute artifact upload ${local.source.path} --ttl forever, and use artifact:ID here`
        : "Let the node clone the repository: give its URL with --repo",
  });
}

type LocalInput = GivenInput & { source: { kind: "local" | "gathered" } };

function isLocal(input: GivenInput): input is LocalInput {
  return input.source.kind === "local" || input.source.kind === "gathered";
}

function manifestOf(
  { manifest }: JobDraft,
  inputs: Entry[],
  envFrom: string[] | undefined,
): JobManifestInput {
  return { ...manifest, ...(inputs.length > 0 && { inputs }), ...(envFrom && { envFrom }) };
}
