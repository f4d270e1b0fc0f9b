import { parseArrayIndexes } from "../../shared/array-indexes.ts";
import { dockerOptions } from "../../shared/docker.ts";
import { parseInputSource } from "../../shared/job-files.ts";
import { type JobManifest, jobManifest } from "../../shared/manifest.ts";
import type { RetryRule } from "../../shared/retry-rule.ts";
import { type Condition, formatCondition, parseSelector } from "../../shared/selector.ts";
import { codeOfSignal } from "../../shared/signals.ts";
import { relativeMs } from "../../shared/start-time.ts";
import { Turns } from "../../shared/turns.ts";

/** The prefix of each fingerprint. Fingerprints with different prefixes were computed differently and never match. */
const VERSION = "3.";

const COMMAND = "defaults";
const GROUP = "defaults";
const DEFAULTS: Fields = jobManifest.parse({ command: COMMAND, concurrency: { group: GROUP } });
const DOCKER_DEFAULTS: Fields = dockerOptions().parse({});

type Fields = Readonly<Record<string, unknown>>;

/** A digest of what a manifest means. Equal for manifests that differ only in the order of fields or in given defaults. */
export function fingerprintOf(manifest: JobManifest): string {
  return digest(meaningOf(manifest));
}

/** The same for the jobs of a batch, including their own keys. Lets other work run in between. */
export async function fingerprintOfBatch(
  batch: readonly (JobManifest & { idempotencyKey?: string | undefined })[],
): Promise<string> {
  const turns = new Turns();
  const hash = new Bun.CryptoHasher("sha256");
  // Hashes the JSON text of the whole list, piece by piece.
  for (const [i, { idempotencyKey, ...manifest }] of batch.entries()) {
    const meaning = JSON.stringify(ordered([idempotencyKey ?? null, meaningOf(manifest)]));
    hash.update(`${i === 0 ? "[" : ","}${meaning}`);
    await turns.next();
  }
  return VERSION + hash.update("]").digest("base64url");
}

/** The stored fingerprint of a request, and the manifest of the job it created. */
interface Request {
  bodyHash: string;
  manifest: JobManifest;
}

/**
 * Whether a key was used for the same request. A fingerprint of another version cannot be compared; then the manifest of
 * the job it created is compared instead. So keys stay valid when this program changes. Pure.
 */
export function isSameRequest(earlier: Request, wanted: Request): boolean {
  if (versionOf(earlier.bodyHash) === versionOf(wanted.bodyHash)) return earlier.bodyHash === wanted.bodyHash;
  return fingerprintOf(earlier.manifest) === fingerprintOf(wanted.manifest);
}

function versionOf(fingerprint: string): string {
  return fingerprint.slice(0, fingerprint.indexOf(".") + 1);
}

function digest(meaning: unknown): string {
  return VERSION + Bun.SHA256.hash(JSON.stringify(ordered(meaning)), "base64url");
}

/** The fields that are not the default, each in its canonical form. A start time like `+10m` stays relative. */
function meaningOf(manifest: JobManifest): Fields {
  const { command, resources, concurrency, docker, after, retryOn, array, selector, notBefore, ...most } =
    manifest;
  const { inputs, outputs, secretEnv, secretFiles, ...plain } = most;
  const options = docker && { ...docker, mounts: sorted(docker.mounts) };
  return {
    ...without(plain, DEFAULTS),
    command,
    resources: nonEmpty(without(resources, DEFAULTS.resources as Fields)),
    concurrency: concurrency && {
      ...without(concurrency, DEFAULTS.concurrency as Fields),
      group: concurrency.group,
    },
    docker:
      options &&
      nonEmpty(
        without(
          { ...options, capAdd: sorted(options.capAdd), capDrop: sorted(options.capDrop) },
          DOCKER_DEFAULTS,
        ),
      ),
    after: after && sorted(after.map(({ jobId, on }) => ({ jobId, on }))),
    retryOn: retryOn && sorted(retryOn.map(codeOfRule)),
    array: array === undefined ? undefined : parseArrayIndexes(array),
    inputs: inputs?.map(({ from, to }) => ({ from: parseInputSource(from), to })),
    outputs: outputs && [...new Set(outputs)].sort(),
    secretEnv: secretEnv && nonEmpty(secretEnv),
    secretFiles: secretFiles && nonEmpty(secretFiles),
    // A job of an older release may have a selector that is refused today.
    selector:
      selector === undefined
        ? undefined
        : sorted(parseSelector(selector, { stored: true }).map(inOrder).map(formatCondition)),
    notBefore: notBefore === undefined ? undefined : (relativeMs(notBefore) ?? notBefore),
  };
}

/** A signal as its exit code: `SIGKILL` and `137` mean the same. */
function codeOfRule(rule: RetryRule): RetryRule {
  return typeof rule === "string" ? (codeOfSignal(rule) ?? rule) : rule;
}

function inOrder(condition: Condition): Condition {
  return "values" in condition ? { ...condition, values: [...new Set(condition.values)].sort() } : condition;
}

function without(fields: Fields, defaults: Fields): Fields {
  const given: Record<string, unknown> = {};
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    const isDefault = value === defaults[key] || Bun.deepEquals(value, defaults[key]);
    if (!isDefault) given[key] = value;
  }
  return given;
}

function nonEmpty(fields: Fields): Fields | undefined {
  return Object.keys(fields).length > 0 ? fields : undefined;
}

function sorted(items: readonly unknown[]): unknown[] {
  const texts = items.map((item) => [JSON.stringify(ordered(item)), item] as const);
  return texts.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

/** The same value with the fields of every object sorted by name. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  // With a null prototype a field may have any name.
  const fields: Record<string, unknown> = Object.create(null);
  const given = Object.keys(value).filter((key) => (value as Fields)[key] !== undefined);
  for (const key of given.sort()) fields[key] = ordered((value as Fields)[key]);
  return fields;
}
