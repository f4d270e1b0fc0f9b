import { randomBytes } from "node:crypto";
import type { Compute, JobManifestInput } from "../../sdk/index.ts";
import { codeOf } from "../../shared/code-of.ts";
import { textOf } from "../../shared/text-of.ts";
import { patience } from "../connection/connect.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";

const PREFIX = "workflow-";
const RANDOM_BYTES = 12;
/** The job may wait for a node, and be retried. */
const TTL_SECONDS = 7 * 24 * 3_600;

/** Lets the server keep the values under random names for a while, and puts those names into the manifest. */
export async function withSecrets(
  compute: Compute,
  manifest: JobManifestInput,
  values: Readonly<Record<string, string>>,
  output: Output,
): Promise<JobManifestInput> {
  // The server keeps no empty value, and a workflow sees an empty text for a secret that it has not.
  const given = Object.entries(values).filter(([, value]) => value !== "");
  if (given.length === 0 || !manifest.workflow) return manifest;
  const secrets: Record<string, string> = { ...manifest.workflow.secrets };
  const set: string[] = [];
  try {
    for (const [name, value] of given) {
      const stored = `${PREFIX}${randomBytes(RANDOM_BYTES).toString("hex")}`;
      await compute.secrets.set(stored, value, { ...patience(output), ttlSeconds: TTL_SECONDS });
      set.push(stored);
      secrets[name] = stored;
    }
  } catch (error) {
    await remove(compute, set, output);
    throw codeOf(error) === "forbidden" ? notAllowed(error) : error;
  }
  return { ...manifest, workflow: { ...manifest.workflow, secrets } };
}

/** Removes what `withSecrets` let the server keep, once no job needs it any more. Never rejects. */
export async function dropSecrets(
  compute: Compute,
  { workflow }: Pick<JobManifestInput, "workflow">,
  values: Readonly<Record<string, string>>,
  output: Output,
): Promise<void> {
  const names = Object.keys(values).flatMap((name) => workflow?.secrets?.[name] ?? []);
  await remove(
    compute,
    names.filter((name) => name.startsWith(PREFIX)),
    output,
  );
}

async function remove(compute: Compute, names: readonly string[], output: Output): Promise<void> {
  if (names.length === 0) return;
  // The server removes them by itself if this fails, only later.
  await compute.secrets.delete(names, patience(output)).catch(() => undefined);
}

function notAllowed(error: unknown): CliError {
  return new CliError("not_signed_in", `the values of --secret cannot be kept: ${textOf(error)}`, {
    todo: "Use secrets that an owner or admin has set, with --secret-env ENV=NAME",
    cause: error,
  });
}
