import type { JobManifestInput } from "../../shared/manifest.ts";
import { CliError } from "../exit/failure.ts";

/** `75,SIGKILL,NodeLost`; the schema checks the parts. */
export function retryList(text: string): JobManifestInput["retryOn"] {
  return text.split(",").map((part) => part.trim());
}

/** `ID` or `ID:failure`; the schema checks the parts. */
export function afterOf(text: string): { jobId: string; on?: "success" } {
  const [jobId = "", ...on] = text.split(":");
  return on.length === 0 ? { jobId } : { jobId, on: on.join(":") as "success" };
}

interface ConcurrencyOptions {
  "concurrency-group"?: string;
  "concurrency-limit"?: number;
  "cancel-in-progress": boolean;
}

export function concurrencyOf(options: ConcurrencyOptions): JobManifestInput["concurrency"] {
  const group = options["concurrency-group"];
  const limit = options["concurrency-limit"];
  const cancelInProgress = options["cancel-in-progress"];
  if (group !== undefined) return { group, limit, cancelInProgress };
  if (limit === undefined && !cancelInProgress) return undefined;
  throw new CliError("usage", "--concurrency-limit and --cancel-in-progress need --concurrency-group");
}
