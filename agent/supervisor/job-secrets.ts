import { textOf } from "../../shared/text-of.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import { SecretMask } from "../masking/secret-mask.ts";
import type { Environment } from "../process/environment.ts";
import type { RunEnd, StartOrder } from "./protocol.ts";

/** What keeps the secrets of a job out of its log; nothing if it has none. `refusal`: why the job must not start with them. */
export function maskFor({ files }: StartOrder): { mask?: SecretMask; refusal?: string } {
  const values = Object.values({ ...files?.secretEnv }).concat(Object.values({ ...files?.secretFiles }));
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
  const secrets: Environment = {};
  for (const [name, value] of Object.entries(files.secretEnv)) {
    const bytes = Buffer.from(value, "base64");
    const text = bytes.toString("utf8");
    if (bytes.includes(0) || !Buffer.from(text).equals(bytes)) {
      throw new StartFailedError(
        `secretEnv.${name}: the secret is not a text without NUL bytes, so it cannot be a variable. Use secretFiles.`,
      );
    }
    secrets[name] = text;
  }
  return { results: files.env, secrets };
}
