import { z } from "zod";
import { MIB } from "../../shared/bytes-text.ts";
import {
  defineOptions,
  type OptionValues,
  optionNumber,
  optionText,
  resolveOptions,
} from "../../shared/config/options.ts";
import { durationMs } from "../../shared/duration.ts";
import { limits } from "../../shared/limits.ts";

/** How much output is kept of each attempt. */
export interface LogLimits {
  /** The limit for one attempt of a job, in bytes. */
  maxLogBytes: number;
  /** The limit for jobs of particular businesses, by their id. */
  maxLogBytesOf: ReadonlyMap<string, number>;
}

/** How much of the output, files and records of jobs is kept, and for how long. */
export interface RetentionSettings extends LogLimits {
  /** How long a job is kept after its end, with its executions and log; undefined means forever. */
  keepJobsMs: number | undefined;
  /** How long the log of a job is kept after its end; undefined means as long as the job. */
  keepLogsMs: number | undefined;
  artifacts: {
    /** How long files of a job are kept after its end, and uploads without a time of their own; undefined means forever. */
    keepMs: number | undefined;
    /** The most bytes of files of one business; undefined means no limit. */
    maxBytes: number | undefined;
    /** The same for particular businesses, by their id. */
    maxBytesOf: ReadonlyMap<string, number>;
  };
  /** How long entries of the audit log are kept; undefined means forever. */
  keepAuditMs: number | undefined;
  /** When the store holds more than this, the oldest logs of ended jobs are removed; undefined means no limit. */
  maxStoreBytes: number | undefined;
}

/** A duration, or `forever`, which becomes undefined. */
const age = optionText
  .regex(/^(\d+(?:\.\d+)?[smhdw]|forever)$/, { error: "must be a time like 90d, 12h or 2w, or forever" })
  .transform((text) => durationMs(text));

export const retentionOptions = defineOptions({
  "max-log-mb": {
    kind: "value",
    placeholder: "MIB",
    env: "TANVRIT_MAX_LOG_MB",
    fileKey: "logs.maxMb",
    schema: optionNumber({ min: 0.001, max: limits.maxLogMb, unit: "MiB" }).default(1024),
    defaultText: "1024",
    help: "Keep no more than this much output of one attempt of a job; the log says where it was cut",
  },
  "keep-logs": {
    kind: "value",
    placeholder: "AGE",
    env: "TANVRIT_KEEP_LOGS",
    fileKey: "logs.keep",
    schema: age.prefault("90d"),
    defaultText: "90d",
    help: "Remove the log of a job this long after its end: 90d, 12h, … or forever",
  },
  "keep-jobs": {
    kind: "value",
    placeholder: "AGE",
    env: "TANVRIT_KEEP_JOBS",
    fileKey: "jobs.keep",
    schema: age.prefault("365d"),
    defaultText: "365d",
    help: "Delete a job, with its executions and log, this long after its end: 365d, … or forever",
  },
  "keep-artifacts": {
    kind: "value",
    placeholder: "AGE",
    env: "TANVRIT_KEEP_ARTIFACTS",
    fileKey: "files.keep",
    schema: age.prefault("30d"),
    defaultText: "30d",
    help: "Remove files this long after the end of their job, or after the upload: 30d, … or forever",
  },
  "keep-audit": {
    kind: "value",
    placeholder: "AGE",
    env: "TANVRIT_KEEP_AUDIT",
    fileKey: "audit.keep",
    schema: age.prefault("730d"),
    defaultText: "730d",
    help: "Remove entries of the audit log after this long: 730d, … or forever",
  },
  "max-artifacts-mb": {
    kind: "value",
    placeholder: "MIB",
    env: "TANVRIT_MAX_ARTIFACTS_MB",
    fileKey: "files.maxMb",
    schema: () => optionNumber({ min: 1, unit: "MiB" }),
    defaultText: "no limit",
    help: "Keep no more than this much of files of one business; equal content counts once",
  },
  "max-store-mb": {
    kind: "value",
    placeholder: "MIB",
    env: "TANVRIT_MAX_STORE_MB",
    fileKey: "logs.maxStoreMb",
    schema: () => optionNumber({ min: 1, unit: "MiB" }),
    defaultText: "no limit",
    help: "When the store holds more than this, remove the oldest logs of ended jobs",
  },
});

/** The keys of the config file for retention. */
export const retentionFile = {
  logs: z
    .strictObject({
      maxMb: z.number().optional(),
      keep: z.string().optional(),
      maxStoreMb: z.number().optional(),
      /** By the id that `auth status` shows. */
      businesses: z
        .record(z.string(), z.strictObject({ maxMb: z.number().positive().max(limits.maxLogMb) }))
        .optional(),
    })
    .optional(),
  files: z
    .strictObject({
      keep: z.string().optional(),
      maxMb: z.number().optional(),
      /** By the id that `auth status` shows. */
      businesses: z.record(z.string(), z.strictObject({ maxMb: z.number().positive() })).optional(),
    })
    .optional(),
  jobs: z.strictObject({ keep: z.string().optional() }).optional(),
  audit: z.strictObject({ keep: z.string().optional() }).optional(),
};

export function retentionSettings(
  values: OptionValues<typeof retentionOptions>,
  file: { logs?: BusinessLimits; files?: BusinessLimits } = {},
): RetentionSettings {
  const bytesIfAny = (mb: number | undefined) => (mb === undefined ? undefined : bytesOf(mb));
  return {
    maxLogBytes: bytesOf(values["max-log-mb"]),
    maxLogBytesOf: limitsOf(file.logs),
    keepJobsMs: values["keep-jobs"],
    keepLogsMs: values["keep-logs"],
    keepAuditMs: values["keep-audit"],
    artifacts: {
      keepMs: values["keep-artifacts"],
      maxBytes: bytesIfAny(values["max-artifacts-mb"]),
      maxBytesOf: limitsOf(file.files),
    },
    maxStoreBytes: bytesIfAny(values["max-store-mb"]),
  };
}

interface BusinessLimits {
  businesses?: Readonly<Record<string, { maxMb: number }>>;
}

function limitsOf({ businesses = {} }: BusinessLimits = {}): ReadonlyMap<string, number> {
  return new Map(Object.entries(businesses).map(([business, { maxMb }]) => [business, bytesOf(maxMb)]));
}

/** The settings of a server without any options. */
export const DEFAULT_RETENTION: RetentionSettings = retentionSettings(
  resolveOptions(retentionOptions, { flags: {}, env: {} }),
);

/** The most a log may hold, in bytes: what its job asks for, but no more than the server allows. */
export function logCapBytes(
  { maxLogBytes, maxLogBytesOf }: LogLimits,
  businessId: string,
  jobMaxLogMb: number | undefined,
): number {
  const most = maxLogBytesOf.get(businessId) ?? maxLogBytes;
  return jobMaxLogMb === undefined ? most : Math.min(most, bytesOf(jobMaxLogMb));
}

function bytesOf(mb: number): number {
  return Math.max(1, Math.round(mb * MIB));
}
