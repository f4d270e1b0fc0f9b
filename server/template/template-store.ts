import { newId } from "../../shared/ids.ts";
import type { TemplateParameter } from "../../shared/template/parameter.ts";
import type { IntoTrash } from "../trash/trash-store.ts";

/** The content of one version of a template. */
export interface TemplateContent {
  description: string;
  parameters: TemplateParameter[];
  job: Record<string, unknown>;
}

/** A template in its newest version, as the server stores it. Times are epoch milliseconds. */
export interface TemplateRecord {
  templateId: string;
  /** Undefined for builtin templates, which everybody may read. */
  businessId: string | undefined;
  name: string;
  version: number;
  content: TemplateContent;
  forkedFrom: { templateId: string; version: number } | undefined;
  /** Who wrote this version; undefined for builtin templates. */
  userId: string | undefined;
  /** Who made the template; undefined for builtin templates. */
  ownerId: string | undefined;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface TemplateVersion {
  version: number;
  content: TemplateContent;
  userId: string | undefined;
  createdAtMs: number;
}

/** By id, or by name. If both have the name, a template of the business comes before a builtin template. */
export type TemplateKey = { templateId: string } | { name: string };

export interface TemplateListQuery {
  businessId: string;
  /** `true`: only builtin templates; `false`: only those of the business; undefined: both. */
  builtin: boolean | undefined;
  /** Only templates older than this id. */
  beforeTemplateId: string | undefined;
  limit: number;
}

export interface TemplateChange {
  businessId: string;
  templateId: string;
  /** The change is made only if this is still the newest version. */
  expectedVersion: number;
  name: string;
  content: TemplateContent;
  userId: string;
  nowMs: number;
}

/**
 * `stale`: `expectedVersion` is no longer the newest version, or the template is gone. `name-taken`: another template of the
 * business has that name.
 */
export type ChangeOutcome =
  | { kind: "changed"; template: TemplateRecord }
  | { kind: "stale" }
  | { kind: "name-taken" };

export interface BuiltinTemplate {
  name: string;
  content: TemplateContent;
  /** Hash of the content. Content that any stored version had is not written again. */
  contentHash: string;
}

/** How many versions of a template are kept: the newest. */
export const MAX_VERSIONS = 200;

/**
 * Stores templates. Every operation is safe to call from many servers concurrently, and what it resolves with is on disk. A
 * business sees its own templates and the builtin ones, and changes only its own; all others are not found. Rejects with
 * ComputeError `storage_failed` when the store refuses.
 */
export interface TemplateStore {
  /** Inserts the first version of a template, unless the business has a template of that name. */
  create(template: TemplateRecord & { businessId: string }): Promise<"created" | "name-taken">;
  find(businessId: string, key: TemplateKey): Promise<TemplateRecord | undefined>;
  /** Newest first. */
  list(query: TemplateListQuery): Promise<TemplateRecord[]>;
  /** Makes the next version. If many calls expect the same version, one of them succeeds. */
  change(change: TemplateChange): Promise<ChangeOutcome>;
  /** Deletes the template with all its versions, or moves it into the trash. Resolves with whether it existed. */
  remove(businessId: string, templateId: string, into?: IntoTrash): Promise<boolean>;
  findVersion(templateId: string, version: number): Promise<TemplateVersion | undefined>;
  /** Newest first, below `beforeVersion`. The caller must have found the template, which proves that it may see it. */
  versions(templateId: string, beforeVersion: number | undefined, limit: number): Promise<TemplateVersion[]>;
  /**
   * Makes a builtin template, or its next version if no version had this content. However many servers seed concurrently,
   * and whatever their releases, each content becomes one version. Resolves with whether anything was written.
   */
  seed(builtin: BuiltinTemplate, nowMs: number): Promise<boolean>;
}

/** A builtin template when it is first seeded. */
export function firstVersion(name: string, content: TemplateContent, nowMs: number): TemplateRecord {
  return {
    templateId: newId("tpl"),
    businessId: undefined,
    name,
    version: 1,
    content,
    forkedFrom: undefined,
    userId: undefined,
    ownerId: undefined,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
}
