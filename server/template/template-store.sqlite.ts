import type { SQLQueryBindings } from "bun:sqlite";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import {
  type BuiltinTemplate,
  type ChangeOutcome,
  firstVersion,
  MAX_VERSIONS,
  type TemplateChange,
  type TemplateContent,
  type TemplateKey,
  type TemplateListQuery,
  type TemplateRecord,
  type TemplateStore,
  type TemplateVersion,
} from "./template-store.ts";

export const templateMigrations: Migration[] = [
  {
    id: "template-1",
    sql: `
      CREATE TABLE compute_templates (
        template_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        content TEXT NOT NULL,
        forked_from TEXT,
        forked_version INTEGER,
        user_id TEXT,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX compute_templates_by_name ON compute_templates (business_id, name);
      CREATE INDEX compute_templates_by_age ON compute_templates (business_id, template_id);
      CREATE TABLE compute_template_versions (
        template_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        content TEXT NOT NULL,
        content_hash TEXT,
        user_id TEXT,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (template_id, version)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];

/** Stands for the business of builtin templates, which have none. */
const BUILTIN = "builtin";

interface TemplateRow {
  template_id: string;
  business_id: string;
  name: string;
  version: number;
  content: string;
  forked_from: string | null;
  forked_version: number | null;
  user_id: string | null;
  created_at: number;
  updated_at: number;
}

interface VersionRow {
  version: number;
  content: string;
  user_id: string | null;
  created_at: number;
}

export class SqliteTemplateStore implements TemplateStore {
  constructor(private readonly store: SqliteStore) {}

  create(template: TemplateRecord & { businessId: string }): Promise<"created" | "name-taken"> {
    return this.store.write(() => {
      if (this.byName(template.businessId, template.name)) return "name-taken";
      this.insert(template);
      this.addVersion(template);
      return "created";
    });
  }

  async find(businessId: string, key: TemplateKey): Promise<TemplateRecord | undefined> {
    if ("name" in key) return this.byName(businessId, key.name) ?? this.byName(BUILTIN, key.name);
    const row = this.store.get<TemplateRow>(
      "SELECT * FROM compute_templates WHERE template_id = $templateId AND business_id IN ($businessId, $builtin)",
      { templateId: key.templateId, businessId, builtin: BUILTIN },
    );
    return row && templateFromRow(row);
  }

  async list(query: TemplateListQuery): Promise<TemplateRecord[]> {
    const { businessId, builtin, beforeTemplateId, limit } = query;
    const owners = [...(builtin !== true ? [businessId] : []), ...(builtin !== false ? [BUILTIN] : [])];
    const where = ["business_id IN (SELECT value FROM json_each($owners))"];
    const bindings: Record<string, SQLQueryBindings> = { owners: JSON.stringify(owners), limit };
    if (beforeTemplateId !== undefined) {
      where.push("template_id < $beforeTemplateId");
      bindings.beforeTemplateId = beforeTemplateId;
    }
    const sql = `SELECT * FROM compute_templates WHERE ${where.join(" AND ")} ORDER BY template_id DESC LIMIT $limit`;
    return this.store.all<TemplateRow>(sql, bindings).map(templateFromRow);
  }

  change(change: TemplateChange): Promise<ChangeOutcome> {
    return this.store.write(() => {
      const { businessId, templateId, expectedVersion, name, content, userId, nowMs } = change;
      const named = this.byName(businessId, name);
      if (named && named.templateId !== templateId) return { kind: "name-taken" };
      const row = this.store.get<TemplateRow>(
        `UPDATE compute_templates SET version = version + 1, name = $name, content = $content, user_id = $userId,
           updated_at = $nowMs
         WHERE template_id = $templateId AND business_id = $businessId AND version = $expectedVersion RETURNING *`,
        { templateId, businessId, expectedVersion, name, content: JSON.stringify(content), userId, nowMs },
      );
      if (!row) return { kind: "stale" };
      const template = templateFromRow(row);
      this.addVersion(template);
      return { kind: "changed", template };
    });
  }

  remove(businessId: string, templateId: string): Promise<boolean> {
    return this.store.write(() => {
      const removed = this.store.run(
        "DELETE FROM compute_templates WHERE template_id = $templateId AND business_id = $businessId",
        { templateId, businessId },
      );
      if (removed === 0) return false;
      this.store.run("DELETE FROM compute_template_versions WHERE template_id = $templateId", { templateId });
      return true;
    });
  }

  async findVersion(templateId: string, version: number): Promise<TemplateVersion | undefined> {
    const row = this.store.get<VersionRow>(
      "SELECT * FROM compute_template_versions WHERE template_id = $templateId AND version = $version",
      { templateId, version },
    );
    return row && versionFromRow(row);
  }

  async versions(templateId: string, beforeVersion: number | undefined, limit: number) {
    const rows = this.store.all<VersionRow>(
      `SELECT * FROM compute_template_versions WHERE template_id = $templateId AND version < $beforeVersion
       ORDER BY version DESC LIMIT $limit`,
      { templateId, beforeVersion: beforeVersion ?? Number.MAX_SAFE_INTEGER, limit },
    );
    return rows.map(versionFromRow);
  }

  seed({ name, content, contentHash }: BuiltinTemplate, nowMs: number): Promise<boolean> {
    return this.store.write(() => {
      const known = this.byName(BUILTIN, name);
      if (!known) {
        const template = firstVersion(name, content, nowMs);
        this.insert(template);
        this.addVersion(template, contentHash);
        return true;
      }
      const { templateId } = known;
      const had = this.store.get(
        "SELECT 1 FROM compute_template_versions WHERE template_id = $templateId AND content_hash = $contentHash",
        { templateId, contentHash },
      );
      if (had) return false;
      const version = known.version + 1;
      this.store.run(
        `UPDATE compute_templates SET version = $version, content = $content, updated_at = $nowMs
         WHERE template_id = $templateId`,
        { templateId, version, content: JSON.stringify(content), nowMs },
      );
      this.addVersion({ ...known, version, content, updatedAtMs: nowMs }, contentHash);
      return true;
    });
  }

  private byName(businessId: string, name: string): TemplateRecord | undefined {
    const row = this.store.get<TemplateRow>(
      "SELECT * FROM compute_templates WHERE business_id = $businessId AND name = $name",
      { businessId, name },
    );
    return row && templateFromRow(row);
  }

  private insert(template: TemplateRecord): void {
    this.store.run(
      `INSERT INTO compute_templates (template_id, business_id, name, version, content, forked_from, forked_version,
         user_id, created_at, updated_at)
       VALUES ($templateId, $businessId, $name, $version, $content, $forkedFrom, $forkedVersion, $userId, $createdAt,
         $updatedAt)`,
      {
        templateId: template.templateId,
        businessId: template.businessId ?? BUILTIN,
        name: template.name,
        version: template.version,
        content: JSON.stringify(template.content),
        forkedFrom: template.forkedFrom?.templateId ?? null,
        forkedVersion: template.forkedFrom?.version ?? null,
        userId: template.userId ?? null,
        createdAt: template.createdAtMs,
        updatedAt: template.updatedAtMs,
      },
    );
  }

  /** Writes the newest version down, and drops the oldest where there are too many. */
  private addVersion(template: TemplateRecord, contentHash?: string): void {
    const { templateId, version, content, userId, updatedAtMs } = template;
    this.store.run(
      `INSERT INTO compute_template_versions (template_id, version, content, content_hash, user_id, created_at)
       VALUES ($templateId, $version, $content, $contentHash, $userId, $createdAt)`,
      {
        templateId,
        version,
        content: JSON.stringify(content),
        contentHash: contentHash ?? null,
        userId: userId ?? null,
        createdAt: updatedAtMs,
      },
    );
    this.store.run(
      "DELETE FROM compute_template_versions WHERE template_id = $templateId AND version <= $oldest",
      {
        templateId,
        oldest: version - MAX_VERSIONS,
      },
    );
  }
}

function templateFromRow(row: TemplateRow): TemplateRecord {
  return {
    templateId: row.template_id,
    businessId: row.business_id === BUILTIN ? undefined : row.business_id,
    name: row.name,
    version: row.version,
    content: JSON.parse(row.content) as TemplateContent,
    forkedFrom:
      row.forked_from === null || row.forked_version === null
        ? undefined
        : { templateId: row.forked_from, version: row.forked_version },
    userId: row.user_id ?? undefined,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
  };
}

function versionFromRow(row: VersionRow): TemplateVersion {
  return {
    version: row.version,
    content: JSON.parse(row.content) as TemplateContent,
    userId: row.user_id ?? undefined,
    createdAtMs: row.created_at,
  };
}
