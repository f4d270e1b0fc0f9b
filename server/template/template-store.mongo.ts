import type { ClientSession, Collection, Filter } from "mongodb";
import {
  ContentionError,
  isDuplicateKey,
  isFasterElsewhere,
  type MongoStore,
  outlastOthers,
} from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import { putInTrash } from "../trash/trash-store.mongo.ts";
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

export const templateSteps = [
  collectionStep("template-1", "compute_templates", [
    { key: { template_id: 1 }, unique: true },
    { key: { business_id: 1, name: 1 }, unique: true },
    { key: { business_id: 1, template_id: 1 } },
  ]),
  collectionStep("template-2", "compute_template_versions", [
    { key: { template_id: 1, version: 1 }, unique: true },
    { key: { template_id: 1, content_hash: 1 }, sparse: true },
  ]),
];

export class MongoTemplateStore implements TemplateStore {
  private readonly templates: Collection<TemplateRow>;
  private readonly history: Collection<VersionRow>;

  constructor(private readonly store: MongoStore) {
    this.templates = store.collection("compute_templates");
    this.history = store.collection("compute_template_versions");
  }

  async create(template: TemplateRecord & { businessId: string }): Promise<"created" | "name-taken"> {
    const written = await this.writeOnce(async (session) => {
      await this.templates.insertOne(rowOf(template), { session });
      await this.addVersion(session, template);
      return "created" as const;
    });
    return written ?? "name-taken";
  }

  find(businessId: string, key: TemplateKey): Promise<TemplateRecord | undefined> {
    const owners = { business_id: { $in: [businessId, BUILTIN] } };
    const where = "name" in key ? { ...owners, name: key.name } : { ...owners, template_id: key.templateId };
    return this.store.attempt(async () => {
      const found = (await this.templates.find(where).limit(2).toArray()).map(templateFrom);
      return found.find((one) => one.businessId !== undefined) ?? found[0];
    });
  }

  list(query: TemplateListQuery): Promise<TemplateRecord[]> {
    const { beforeTemplateId, limit } = query;
    const where: Filter<TemplateRow> = { business_id: { $in: ownersOf(query) } };
    if (beforeTemplateId !== undefined) where.template_id = { $lt: beforeTemplateId };
    return this.store.attempt(async () => {
      const found = await this.templates.find(where).sort({ template_id: -1 }).limit(limit).toArray();
      return found.map(templateFrom);
    });
  }

  async change(change: TemplateChange): Promise<ChangeOutcome> {
    const { businessId, templateId, expectedVersion, name, content, userId, nowMs } = change;
    const outcome = await this.writeOnce(async (session): Promise<ChangeOutcome> => {
      const document = await this.templates.findOneAndUpdate(
        { template_id: templateId, business_id: businessId, version: expectedVersion },
        [
          {
            $set: {
              version: { $add: ["$version", 1] },
              name: { $literal: name },
              content: { $literal: JSON.stringify(content) },
              owner_id: { $ifNull: ["$owner_id", "$user_id"] },
              user_id: { $literal: userId },
              updated_at: nowMs,
            },
          },
        ],
        { session, returnDocument: "after" },
      );
      if (!document) return { kind: "stale" };
      const template = templateFrom(document);
      await this.addVersion(session, template);
      return { kind: "changed", template };
    });
    return outcome ?? { kind: "name-taken" };
  }

  async remove(businessId: string, templateId: string, into?: IntoTrash): Promise<boolean> {
    const removed = await this.writeOnce(async (session) => {
      const where = { template_id: templateId, business_id: businessId };
      if (into) return this.moveToTrash(where, into, session);
      if ((await this.templates.deleteOne(where, { session })).deletedCount === 0) return false;
      await this.history.deleteMany({ template_id: templateId }, { session });
      return true;
    });
    return removed ?? false;
  }

  private async moveToTrash(
    where: { template_id: string; business_id: string },
    into: IntoTrash,
    session: ClientSession,
  ): Promise<boolean> {
    const found = await this.templates.findOne(where, { session });
    if (!found) return false;
    const { template_id, business_id } = where;
    const named = { ...into, name: found.name };
    await putInTrash(this.store, session, business_id, "template", [template_id], named);
    return true;
  }

  findVersion(templateId: string, version: number): Promise<TemplateVersion | undefined> {
    return this.store.attempt(async () => {
      const found = await this.history.findOne({ template_id: templateId, version });
      return found ? versionFrom(found) : undefined;
    });
  }

  versions(templateId: string, beforeVersion: number | undefined, limit: number): Promise<TemplateVersion[]> {
    const where: Filter<VersionRow> = { template_id: templateId };
    if (beforeVersion !== undefined) where.version = { $lt: beforeVersion };
    return this.store.attempt(async () => {
      const found = await this.history.find(where).sort({ version: -1 }).limit(limit).toArray();
      return found.map(versionFrom);
    });
  }

  seed(builtin: BuiltinTemplate, nowMs: number): Promise<boolean> {
    const body = (session: ClientSession) => this.seedIn(session, builtin, nowMs);
    // If another server was faster with the same name, this reads again what that server wrote.
    return this.store.attempt(() => outlastOthers(() => this.store.transaction(body), isFasterElsewhere));
  }

  private async seedIn(session: ClientSession, builtin: BuiltinTemplate, nowMs: number): Promise<boolean> {
    const { name, content, contentHash } = builtin;
    const found = await this.templates.findOne({ business_id: BUILTIN, name }, { session });
    const known = found && templateFrom(found);
    const template: TemplateRecord = known
      ? { ...known, version: known.version + 1, content, updatedAtMs: nowMs }
      : firstVersion(name, content, nowMs);
    if (!known) {
      await this.templates.insertOne(rowOf(template), { session });
    } else {
      const { templateId } = known;
      const same = { template_id: templateId, content_hash: contentHash };
      if (await this.history.findOne(same, { session, projection: { _id: 1 } })) return false;
      const { matchedCount } = await this.templates.updateOne(
        { template_id: templateId, version: known.version },
        { $set: { content: JSON.stringify(content), updated_at: nowMs }, $inc: { version: 1 } },
        { session },
      );
      if (matchedCount === 0) throw new ContentionError(`Another server changed builtin template ${name}.`);
    }
    await this.addVersion(session, template, contentHash);
    return true;
  }

  /** Stores the newest version, and deletes the oldest if there are too many. */
  private async addVersion(session: ClientSession, template: TemplateRecord, contentHash?: string) {
    const { templateId, version } = template;
    await this.history.insertOne(versionRowOf(template, contentHash), { session });
    if (version <= MAX_VERSIONS) return;
    const old = { template_id: templateId, version: { $lte: version - MAX_VERSIONS } };
    await this.history.deleteMany(old, { session });
  }

  /** Repeats the transaction until no other is in its way. Resolves with undefined if a unique name or id exists. */
  private writeOnce<T>(body: (session: ClientSession) => Promise<T>): Promise<T | undefined> {
    return this.store.attempt(async () => {
      try {
        return await outlastOthers(() => this.store.transaction(body));
      } catch (error) {
        if (isDuplicateKey(error)) return undefined;
        throw error;
      }
    });
  }
}
