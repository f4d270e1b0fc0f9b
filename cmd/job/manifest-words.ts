import type { JobManifestInput } from "../../shared/manifest.ts";
import { CliError } from "../failure.ts";

/** `75,NodeLost`: exit codes and reasons; the schema says which there are. */
export function retryList(text: string): JobManifestInput["retryOn"] {
  const parts = text.split(",").map((part) => part.trim());
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part)) as JobManifestInput["retryOn"];
}

/** `ID` or `ID:failure`; the schema says what there is. */
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

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A time as it is, or `+` a duration from now on; what is neither is left to the schema to refuse. */
export function startTime(text: string): string {
  const [, amount, unit] = /^\+(\d+(?:\.\d+)?)([smhd]?)$/.exec(text) ?? [];
  if (amount === undefined) return text;
  const ms = Number(amount) * UNIT_MS[(unit || "s") as keyof typeof UNIT_MS];
  const time = new Date(Date.now() + ms);
  return Number.isNaN(time.getTime()) ? text : time.toISOString();
}
