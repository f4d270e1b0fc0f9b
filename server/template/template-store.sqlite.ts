import type { SQLQueryBindings } from "bun:sqlite";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { putInTrash } from "../trash/trash-store.sqlite.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import {
  BUILTIN,
  ownersOf,
  rowOf,
  type TemplateRow,
  templateFrom,
  type VersionRow,
  versionFrom,
  versionRowOf,
} from "./template-row.ts";
import {
  type BuiltinTemplate,
  type ChangeOutcome,
  firstVersion,
  MAX_VERSIONS,
  type TemplateChange,
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
  { id: "template-2", sql: "ALTER TABLE compute_templates ADD COLUMN owner_id TEXT;" },
];

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
    return row && templateFrom(row);
  }

  async list(query: TemplateListQuery): Promise<TemplateRecord[]> {
    const { beforeTemplateId, limit } = query;
    const where = ["business_id IN (SELECT value FROM json_each($owners))"];
    const bindings: Record<string, SQLQueryBindings> = { owners: JSON.stringify(ownersOf(query)), limit };
    if (beforeTemplateId !== undefined) {
      where.push("template_id < $beforeTemplateId");
      bindings.beforeTemplateId = beforeTemplateId;
    }
    const sql = `SELECT * FROM compute_templates WHERE ${where.join(" AND ")} ORDER BY template_id DESC LIMIT $limit`;
    return this.store.all<TemplateRow>(sql, bindings).map(templateFrom);
  }

  change(change: TemplateChange): Promise<ChangeOutcome> {
    return this.store.write(() => {
      const { businessId, templateId, expectedVersion, name, content, userId, nowMs } = change;
      const named = this.byName(businessId, name);
      if (named && named.templateId !== templateId) return { kind: "name-taken" };
      const row = this.store.get<TemplateRow>(
        `UPDATE compute_templates SET version = version + 1, name = $name, content = $content,
           owner_id = coalesce(owner_id, user_id), user_id = $userId, updated_at = $nowMs
         WHERE template_id = $templateId AND business_id = $businessId AND version = $expectedVersion RETURNING *`,
        { templateId, businessId, expectedVersion, name, content: JSON.stringify(content), userId, nowMs },
      );
      if (!row) return { kind: "stale" };
      const template = templateFrom(row);
      this.addVersion(template);
      return { kind: "changed", template };
    });
  }

  remove(businessId: string, templateId: string, into?: IntoTrash): Promise<boolean> {
    return this.store.write(() => {
      if (into) return this.moveToTrash(businessId, templateId, into);
      const removed = this.store.run(
        "DELETE FROM compute_templates WHERE template_id = $templateId AND business_id = $businessId",
        { templateId, businessId },
      );
      if (removed === 0) return false;
      this.store.run("DELETE FROM compute_template_versions WHERE template_id = $templateId", { templateId });
      return true;
    });
  }

  private moveToTrash(businessId: string, templateId: string, into: IntoTrash): boolean {
    const found = this.store.get<{ name: string }>(
      "SELECT name FROM compute_templates WHERE template_id = $templateId AND business_id = $businessId",
      { templateId, businessId },
    );
    if (!found) return false;
    putInTrash(this.store, businessId, "template", [templateId], { ...into, name: found.name });
    return true;
  }

  async findVersion(templateId: string, version: number): Promise<TemplateVersion | undefined> {
    const row = this.store.get<VersionRow>(
      "SELECT * FROM compute_template_versions WHERE template_id = $templateId AND version = $version",
      { templateId, version },
    );
    return row && versionFrom(row);
  }

  async versions(templateId: string, beforeVersion: number | undefined, limit: number) {
    const rows = this.store.all<VersionRow>(
      `SELECT * FROM compute_template_versions WHERE template_id = $templateId AND version < $beforeVersion
       ORDER BY version DESC LIMIT $limit`,
      { templateId, beforeVersion: beforeVersion ?? Number.MAX_SAFE_INTEGER, limit },
    );
    return rows.map(versionFrom);
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
    return row && templateFrom(row);
  }

  private insert(template: TemplateRecord): void {
    this.store.run(
      `INSERT INTO compute_templates (template_id, business_id, name, version, content, forked_from, forked_version,
         user_id, owner_id, created_at, updated_at)
       VALUES ($template_id, $business_id, $name, $version, $content, $forked_from, $forked_version, $user_id,
         $owner_id, $created_at, $updated_at)`,
      { ...rowOf(template) },
    );
  }

  /** Stores the newest version, and deletes the oldest if there are too many. */
  private addVersion(template: TemplateRecord, contentHash?: string): void {
    const { templateId, version } = template;
    this.store.run(
      `INSERT INTO compute_template_versions (template_id, version, content, content_hash, user_id, created_at)
       VALUES ($template_id, $version, $content, $content_hash, $user_id, $created_at)`,
      { ...versionRowOf(template, contentHash) },
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
