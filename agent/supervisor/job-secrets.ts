import { textOf } from "../../shared/text-of.ts";
import { StartFailedError, type WorkflowTask } from "../executors/port/executor.ts";
import { SecretMask } from "../masking/secret-mask.ts";
import type { Environment } from "../process/environment.ts";
import type { RunEnd, StartOrder } from "./protocol.ts";

/** What keeps the secrets of a job out of its log; nothing if it has none. `refusal`: why the job must not start with them. */
export function maskFor({ files }: StartOrder): { mask?: SecretMask; refusal?: string } {
  const { secretEnv, secretFiles, workflowSecrets } = files ?? {};
  const values = [secretEnv, secretFiles, workflowSecrets].flatMap((secrets) => Object.values(secrets ?? {}));
  if (values.length === 0) return {};
  try {
    return { mask: new SecretMask(values.map((value) => Buffer.from(value, "base64"))) };
  } catch (error) {
    return { refusal: textOf(error) };
  }
}

/** The end of a job without its secrets. */
export function masked(end: RunEnd, mask: SecretMask | undefined): RunEnd {
  if (!mask) return end;
  const { message, results, outputProblems } = end;
  return {
    ...end,
    ...(message === undefined ? {} : { message: mask.text(message) }),
    ...(results && {
      results: Object.fromEntries(
        Object.entries(results).map(([key, value]) => [mask.text(key), mask.text(value)]),
      ),
    }),
    ...(outputProblems && {
      outputProblems: outputProblems.map((one) => ({
        path: mask.text(one.path),
        message: mask.text(one.message),
      })),
    }),
  };
}

/** The variables that a job gets besides those of its manifest. Throws StartFailedError. */
export function variablesOf({ files }: StartOrder): { results?: Environment; secrets?: Environment } {
  if (!files) return {};
  const secrets = textsOf(files.secretEnv, "secretEnv", "so it cannot be a variable. Use secretFiles.");
  return { results: files.env, secrets };
}

/** What a workflow gets besides its manifest; undefined for other jobs. Throws StartFailedError. */
export function workflowOf({ workflow, files }: StartOrder): WorkflowTask | undefined {
  if (!workflow) return undefined;
  const why = "so a workflow cannot have it. Store it in base64, and decode it in a step.";
  const secrets = textsOf(files?.workflowSecrets ?? {}, "workflow.secrets", why);
  return { ...workflow, secrets, previous: files?.previousRun };
}

function textsOf(
  base64: Readonly<Record<string, string>>,
  field: string,
  consequence: string,
): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(base64)) {
    const bytes = Buffer.from(value, "base64");
    const text = bytes.toString("utf8");
    if (bytes.includes(0) || !Buffer.from(text).equals(bytes)) {
      throw new StartFailedError(
        `${field}.${name}: the secret is not a text without NUL bytes, ${consequence}`,
      );
    }
    texts[name] = text;
  }
  return texts;
}
