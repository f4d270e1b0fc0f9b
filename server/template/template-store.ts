import { newId } from "../../shared/ids.ts";
import type { TemplateParameter } from "../../shared/template/parameter.ts";

/** What a version of a template says. */
export interface TemplateContent {
  description: string;
  parameters: TemplateParameter[];
  job: Record<string, unknown>;
}

/** A template in its newest version, as the server keeps it. Times are epoch milliseconds. */
export interface TemplateRecord {
  templateId: string;
  /** undefined: builtin, and everybody's to read. */
  businessId: string | undefined;
  name: string;
  version: number;
  content: TemplateContent;
  forkedFrom: { templateId: string; version: number } | undefined;
  /** Who wrote this version; undefined where it is builtin. */
  userId: string | undefined;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface TemplateVersion {
  version: number;
  content: TemplateContent;
  userId: string | undefined;
  createdAtMs: number;
}

/** By id, or by name: a template of the business comes before a builtin one of the same name. */
export type TemplateKey = { templateId: string } | { name: string };

export interface TemplateListQuery {
  businessId: string;
  /** Only builtin ones, or only the business's own; undefined: both. */
  builtin: boolean | undefined;
  /** Only templates older than this id. */
  beforeTemplateId: string | undefined;
  limit: number;
}

export interface TemplateChange {
  businessId: string;
  templateId: string;
  /** Only if this is still the newest one. */
  expectedVersion: number;
  name: string;
  content: TemplateContent;
  userId: string;
  nowMs: number;
}

/** `stale`: it has another version by now; `name-taken`: another template of the business has that name. */
export type ChangeOutcome =
  | { kind: "changed"; template: TemplateRecord }
  | { kind: "stale" }
  | { kind: "name-taken" };

export interface BuiltinTemplate {
  name: string;
  content: TemplateContent;
  /** Of the content: a version that was there before, newest or not, is not made again. */
  contentHash: string;
}

/** The newest so many versions of a template are kept. */
export const MAX_VERSIONS = 200;

/**
 * Where templates are kept. Every operation is safe to call from many servers at once; what it resolves with is on
 * disk. A business sees its own templates and the builtin ones, and changes its own only; all else is not found.
 * Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface TemplateStore {
  /** Inserts a template of a business in its first version, unless the business has one of that name. */
  create(template: TemplateRecord & { businessId: string }): Promise<"created" | "name-taken">;
  find(businessId: string, key: TemplateKey): Promise<TemplateRecord | undefined>;
  /** Newest first. */
  list(query: TemplateListQuery): Promise<TemplateRecord[]>;
  /** Makes the next version. Of many that expect the same one, one does. */
  change(change: TemplateChange): Promise<ChangeOutcome>;
  /** With all its versions. Resolves with whether it was there. */
  remove(businessId: string, templateId: string): Promise<boolean>;
  findVersion(templateId: string, version: number): Promise<TemplateVersion | undefined>;
  /** Newest first, below `beforeVersion`. The caller has found the template, so that it may be seen. */
  versions(templateId: string, beforeVersion: number | undefined, limit: number): Promise<TemplateVersion[]>;
  /**
   * Makes a builtin template, or its next version where no version had this content. However many servers seed at
   * once, and of whichever release, each content becomes one version. Resolves with whether anything was written.
   */
  seed(builtin: BuiltinTemplate, nowMs: number): Promise<boolean>;
}

/** A builtin as it is when it is seeded for the first time. */
export function firstVersion(name: string, content: TemplateContent, nowMs: number): TemplateRecord {
  return {
    templateId: newId("tpl"),
    businessId: undefined,
    name,
    version: 1,
    content,
    forkedFrom: undefined,
    userId: undefined,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}
