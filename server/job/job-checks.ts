import type { Identity } from "../../shared/auth.ts";
import { ComputeError, errorCodes } from "../../shared/errors.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { needsOf } from "./job-needs.ts";
import type { JobParts } from "./job-parts.ts";
import type { JobRecord } from "./job-record.ts";
import type { FieldPrefix } from "./job-sources.ts";

type By = Pick<Identity, "businessId" | "userId">;

/**
 * Checks jobs before they are queued: credit, files, secrets, and the other jobs they name. Nothing is refused if the
 * idempotency key was used before: repeating a request creates nothing new, so it does not matter what is gone since.
 */
export async function checkJobs(
  parts: JobParts,
  by: By,
  manifests: readonly JobManifest[],
  at: FieldPrefix,
  idempotencyKey: string | undefined,
): Promise<void> {
  try {
    await parts.checkSubmit?.(by, manifests);
    await checkNamed(parts, by, manifests, at);
  } catch (error) {
    const isRepeat = idempotencyKey !== undefined && (await parts.jobs.isKeyUsed(by, idempotencyKey));
    if (!isRepeat) throw error;
  }
}

/** Throws ComputeError `invalid_request` or `forbidden` unless everything exists that the manifests name. */
export async function checkNamed(
  { flow, checkNeeds }: Pick<JobParts, "flow" | "checkNeeds">,
  by: By,
  manifests: readonly JobManifest[],
  at: FieldPrefix,
): Promise<void> {
  const others = await flow.checkOthers(by.businessId, manifests, at);
  const needs = manifests.map((manifest, i) => needsOf(manifest, at(i), others));
  const artifacts = needs.flatMap((each) => each.artifacts);
  const secrets = needs.flatMap((each) => each.secrets);
  if (artifacts.length + secrets.length > 0) await checkNeeds?.(by, { artifacts, secrets });
}

/** What a job lacks that it had, with the field, in a sentence. Undefined if it lacks nothing. */
export async function lackOf(
  parts: Pick<JobParts, "flow" | "checkNeeds">,
  { businessId, userId, manifest }: Pick<JobRecord, "businessId" | "userId" | "manifest">,
): Promise<string | undefined> {
  try {
    // A job that it only comes after may be gone: it had ended.
    await checkNamed(parts, { businessId, userId }, [{ ...manifest, after: undefined }], () => "");
    return undefined;
  } catch (error) {
    if (!(error instanceof ComputeError) || errorCodes[error.code].retryable) throw error;
    const [first] = error.errors ?? [];
    return first ? `${first.path}: ${first.message}.` : error.message;
  }
}
