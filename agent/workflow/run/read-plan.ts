import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { textOf } from "../../../shared/text-of.ts";
import { type RunPlan, runPlan } from "../plan.ts";

/** A plan that cannot be read: the message says why. */
export class PlanError extends Error {
  override name = "PlanError";
}

/** Reads the plan of a run. Throws a PlanError. */
export async function readPlan(path: string): Promise<RunPlan> {
  try {
    return runPlan.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : textOf(error);
    throw new PlanError(`Cannot read the plan ${path}: ${why}`);
  }
}

const secretsFile = z.record(z.string(), z.string());

/** Reads the secrets of a run, and removes their file. Throws a PlanError that does not show them. */
export async function takeSecrets(path: string | undefined): Promise<Record<string, string>> {
  if (path === undefined) return {};
  try {
    return secretsFile.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    throw new PlanError(`Cannot read the secrets in ${path}: it must be a JSON object of texts.`);
  } finally {
    await rm(path, { force: true });
  }
}
