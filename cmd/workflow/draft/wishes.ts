import { z } from "zod";
import type { Env } from "../../../shared/config/home.ts";
import { textOf } from "../../../shared/text-of.ts";
import type { WorkflowRequest } from "../../../shared/workflow-request.ts";
import { CliError } from "../../exit/failure.ts";
import { fileName, readTextFile } from "../../input/read-file.ts";
import type { RequestValues } from "./request-options.ts";

/** What the options say about a run, before a workflow is chosen. */
export interface RunWishes {
  /** The fields of the request that all workflows of the command share. */
  fields: Omit<WorkflowRequest, "path" | "event">;
  /** Values of secrets by the name that the workflow uses. */
  secrets: Record<string, string>;
}

/** Throws CliError. */
export async function readWishes(options: RequestValues, env: Env): Promise<RunWishes> {
  const fields = {
    payload: options["event-file"] === undefined ? undefined : await readPayload(options["event-file"]),
    jobs: options.job,
    inputs: options.input,
    secrets: options["secret-env"],
    vars: options.var,
    env: options.env,
    matrix: options.matrix,
    actor: options.actor,
    repository: options.repository,
    keepOnFailure: options["keep-on-failure"] || undefined,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { fields: Object.fromEntries(given), secrets: readSecrets(options, env) };
}

function readSecrets(options: RequestValues, env: Env): Record<string, string> {
  const stored = options["secret-env"] ?? {};
  const values: Record<string, string> = {};
  for (const text of options.secret ?? []) {
    const at = text.indexOf("=");
    const name = at < 0 ? text : text.slice(0, at);
    if (Object.hasOwn(stored, name))
      throw new CliError("usage", `--secret ${name} and --secret-env ${name}=… cannot be used together`);
    values[name] = at < 0 ? fromEnvironment(name, env) : text.slice(at + 1);
  }
  return values;
}

function fromEnvironment(name: string, env: Env): string {
  const value = env[name];
  if (value !== undefined) return value;
  throw new CliError("usage", `--secret ${name}: the environment has no variable ${name}`, {
    todo: `Set it, or write --secret ${name}=VALUE`,
  });
}

async function readPayload(file: string): Promise<WorkflowRequest["payload"]> {
  const text = (await readTextFile(file)).replace(/^\uFEFF/, "");
  try {
    JSON.parse(text);
  } catch (error) {
    throw new CliError("bad_data", `${fileName(file)} is not JSON: ${textOf(error)}`, { cause: error });
  }
  const { parseYaml } = await import("../../../shared/config/yaml.ts");
  // It also finds keys that appear twice, and says where.
  return parseYaml(text, fileName(file), payload);
}

const payload = z.record(z.string(), z.json(), {
  error: "must be a JSON object, as GitHub sends it with the event",
});
