import type {
  TemplateContent,
  TemplateListQuery,
  TemplateRecord,
  TemplateVersion,
} from "./template-store.ts";

/** Stored as the business of builtin templates, which have none. */
export const BUILTIN = "builtin";

/** A row or document of `compute_templates`. Times are epoch milliseconds. */
export interface TemplateRow {
  template_id: string;
  business_id: string;
  name: string;
  version: number;
  /** JSON, because people choose the names in it, and a database may not accept them as field names. */
  content: string;
  forked_from?: string | null;
  forked_version?: number | null;
  user_id?: string | null;
  /** Absent in rows that were written before there were owners and not edited since: then it is `user_id`. */
  owner_id?: string | null;
  created_at: number;
  updated_at: number;
}

/** A row or document of `compute_template_versions`. */
export interface VersionRow {
  template_id: string;
  version: number;
  content: string;
  content_hash?: string | null;
  user_id?: string | null;
  created_at: number;
}

/** The businesses whose templates are listed. */
export function ownersOf({ businessId, builtin }: TemplateListQuery): string[] {
  return [...(builtin !== true ? [businessId] : []), ...(builtin !== false ? [BUILTIN] : [])];
}

export function rowOf(template: TemplateRecord): TemplateRow {
  return {
    template_id: template.templateId,
    business_id: template.businessId ?? BUILTIN,
    name: template.name,
    version: template.version,
    content: JSON.stringify(template.content),
    forked_from: template.forkedFrom?.templateId,
    forked_version: template.forkedFrom?.version,
    user_id: template.userId,
    owner_id: template.ownerId,
    created_at: template.createdAtMs,
    updated_at: template.updatedAtMs,
  };
}

/** The newest version of a template, as an entry of its history. */
export function versionRowOf(template: TemplateRecord, contentHash: string | undefined): VersionRow {
  return {
    template_id: template.templateId,
    version: template.version,
    content: JSON.stringify(template.content),
    content_hash: contentHash,
    user_id: template.userId,
    created_at: template.updatedAtMs,
  };
}

export function templateFrom(row: TemplateRow): TemplateRecord {
  const { forked_from: templateId, forked_version: version } = row;
  return {
    templateId: row.template_id,
    businessId: row.business_id === BUILTIN ? undefined : row.business_id,
    name: row.name,
    version: row.version,
    content: JSON.parse(row.content) as TemplateContent,
    forkedFrom: templateId == null || version == null ? undefined : { templateId, version },
    userId: row.user_id ?? undefined,
    ownerId: row.owner_id ?? row.user_id ?? undefined,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
  };
}

export function versionFrom(row: VersionRow): TemplateVersion {
  return {
    version: row.version,
    content: JSON.parse(row.content) as TemplateContent,
    userId: row.user_id ?? undefined,
    createdAtMs: row.created_at,
  };
}
