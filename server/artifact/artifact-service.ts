import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { NodeIdentity } from "../http/handler.ts";
import { type ExecutionRecord, isLive } from "../job/job-record.ts";
import type { ArtifactRecord, ArtifactStore } from "./artifact-store.ts";
import { type CheckParts, checkTree } from "./check-tree.ts";

/** How long an artifact for a job is kept until the job is submitted, which then keeps it. */
const INPUT_MS = 24 * 3_600_000;
/** How long the check of a tree may take. */
const DRAFT_MS = 3_600_000;
/** How long after the end of an attempt its node may still bring the outputs. */
const LATE_OUTPUT_MS = 24 * 3_600_000;

export interface ArtifactServiceParts extends CheckParts {
  artifacts: ArtifactStore;
  findExecution(businessId: string, executionId: string): Promise<ExecutionRecord | undefined>;
  /** How long artifacts are kept; undefined: until somebody deletes them. */
  keepMs: number | undefined;
}

type CreateInput = ParsedInput<"artifacts.create">;

/** Who an artifact comes from: a user, or a node with outputs of an attempt. */
type Source = Pick<ArtifactRecord, "businessId" | "userId" | "jobId" | "executionId" | "attempt">;

/** Creates, finds and deletes artifacts. */
export class ArtifactService {
  constructor(private readonly parts: ArtifactServiceParts) {}

  createByUser(
    by: { businessId: string; userId: string },
    input: CreateInput,
    signal: AbortSignal,
  ): Promise<Created> {
    if (input.kind === "output")
      throw wrongField("kind", "only a node can create outputs; use upload or input");
    if (input.executionId !== undefined) throw wrongField("executionId", "is only for outputs");
    const { businessId, userId } = by;
    const source = { businessId, userId, jobId: undefined, executionId: undefined, attempt: undefined };
    return this.create(source, input, signal);
  }

  /** Throws `not_found` if the execution is not one of the node, and `conflict` if it was over long ago. */
  async createByNode(
    { businessId, nodeId }: Pick<NodeIdentity, "businessId" | "nodeId">,
    input: CreateInput,
    signal: AbortSignal,
  ): Promise<Created> {
    if (input.kind !== "output") throw wrongField("kind", "a node can only create outputs");
    const { executionId } = input;
    if (executionId === undefined)
      throw wrongField("executionId", "must name the attempt that the outputs are of");
    const execution = await this.parts.findExecution(businessId, executionId);
    if (!execution || execution.nodeId !== nodeId)
      throw new ComputeError("not_found", `This node has no execution ${executionId}.`);
    if (!isLive(execution) && this.parts.now() - (execution.finishedAtMs ?? 0) > LATE_OUTPUT_MS)
      throw new ComputeError("conflict", `Execution ${executionId} was over too long ago for new outputs.`);
    const { jobId, attempt } = execution;
    return this.create({ businessId, userId: undefined, jobId, executionId, attempt }, input, signal);
  }

  /** Throws `not_found`. */
  async retrieve(businessId: string, artifactId: string): Promise<ArtifactRecord> {
    const [found] = await this.parts.artifacts.find(businessId, [artifactId]);
    if (found) return found;
    throw new ComputeError("not_found", `There is no artifact ${artifactId} in this business.`);
  }

  private async create(source: Source, input: CreateInput, signal: AbortSignal): Promise<Created> {
    const { artifacts, now } = this.parts;
    const { name, kind, type, tree } = input;
    const expiresAtMs = this.expiryOf(input);
    const wanted = { ...source, name, kind, type, tree };
    const existing = await this.reuse(wanted, expiresAtMs);
    if (existing) return { artifact: existing };
    const { businessId } = source;
    const artifactId = newId("art");
    await artifacts.begin({ artifactId, businessId, tree, expiresAtMs: now() + DRAFT_MS });
    let isDone = false;
    try {
      const { files, bytes, missing } = await checkTree(this.parts, businessId, { type, tree, signal });
      if (missing.length > 0) return { missing };
      const record = { ...wanted, artifactId, files, bytes, createdAtMs: now(), expiresAtMs };
      isDone = await artifacts.insert(record);
      if (isDone) return { artifact: record };
    } finally {
      // If this fails, the collector removes the draft when it expires.
      if (!isDone) await artifacts.delete(businessId, [artifactId]).catch(() => undefined);
    }
    throw new ComputeError("unavailable", "The check of the files took too long. Try again.", {
      retryAfterSeconds: 1,
    });
  }

  /** An artifact that is the same already. The outputs of an attempt are never those of another one. */
  private async reuse(
    wanted: Omit<ArtifactRecord, "artifactId" | "files" | "bytes" | "createdAtMs" | "expiresAtMs">,
    untilMs: number | undefined,
  ): Promise<ArtifactRecord | undefined> {
    const { artifacts } = this.parts;
    const { businessId, kind, jobId, executionId, name, tree } = wanted;
    if (kind !== "output") return artifacts.reuse(wanted, untilMs);
    const ofJob = await artifacts.list({ businessId, kind, jobId, limit: MAX_ATTEMPTS });
    return ofJob.find(
      (one) => one.executionId === executionId && one.name === name && one.tree.sha256 === tree.sha256,
    );
  }

  private expiryOf({ kind, ttlSeconds }: CreateInput): number | undefined {
    const { now } = this.parts;
    const usualMs = kind === "input" ? INPUT_MS : this.parts.keepMs;
    const keepMs = ttlSeconds === undefined ? usualMs : ttlSeconds * 1_000;
    return keepMs === undefined ? undefined : now() + keepMs;
  }
}

/** The artifact, or the blobs that the server needs first. */
export type Created = { artifact: ArtifactRecord } | { missing: string[] };

/** More artifacts of one job are not looked at for one that is the same. */
const MAX_ATTEMPTS = 500;

function wrongField(path: string, message: string): ComputeError {
  return new ComputeError("invalid_request", `${path}: ${message}`, { errors: [{ path, message }] });
}
