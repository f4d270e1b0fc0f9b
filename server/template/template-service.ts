import type { Identity } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { fillJob } from "../../shared/template/fill.ts";
import type { ParameterValue } from "../../shared/template/parameter.ts";
import { resolveParameters } from "../../shared/template/resolve.ts";
import type { NeedsCheck } from "../job/job-needs.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { JobService } from "../job/job-service.ts";
import type { Maker } from "../job/key-limits.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import { jobAsTemplate } from "./job-as-template.ts";
import { needsOfTemplate } from "./template-needs.ts";
import type {
  TemplateContent,
  TemplateKey,
  TemplateListQuery,
  TemplateRecord,
  TemplateStore,
  TemplateVersion,
} from "./template-store.ts";

type By = Pick<Identity, "businessId" | "userId">;

/** Which template, and which version of it. Without a version, the newest. */
export interface Wanted {
  /** A name or an id. */
  template: string;
  version?: number;
}

export interface Edit {
  template: string;
  expectedVersion?: number;
  name?: string;
  content: TemplateContent;
}

/** How often an edit that expects no version is tried when other edits are faster. */
const EDIT_TRIES = 20;

/** What users do with templates. Every method is scoped to the business. */
export class TemplateService {
  constructor(
    private readonly templates: TemplateStore,
    private readonly jobs: JobService,
    private readonly now: () => number,
    private readonly checkNeeds?: NeedsCheck,
  ) {}

  list(query: TemplateListQuery): Promise<TemplateRecord[]> {
    return this.templates.list(query);
  }

  /** The template, with the content of the version asked for. Throws ComputeError `not_found`. */
  async retrieve(businessId: string, { template, version }: Wanted): Promise<TemplateRecord> {
    const found = (await this.templates.find(businessId, keyOf(template))) ?? notFound(template);
    if (version === undefined || version === found.version) return found;
    const older = await this.templates.findVersion(found.templateId, version);
    if (!older) {
      throw new ComputeError(
        "not_found",
        `Template ${template} has no version ${version}; its newest is version ${found.version}.`,
      );
    }
    const { content, userId, createdAtMs } = older;
    return { ...found, version, content, userId, updatedAtMs: createdAtMs };
  }

  async versions(
    businessId: string,
    template: string,
    beforeVersion: number | undefined,
    limit: number,
  ): Promise<TemplateVersion[]> {
    const { templateId } = await this.retrieve(businessId, { template });
    return this.templates.versions(templateId, beforeVersion, limit);
  }

  create(by: By, name: string, content: TemplateContent): Promise<TemplateRecord> {
    return this.insert(by, name, content, undefined);
  }

  /** An edit that changes nothing makes no new version, so the same edit can be sent again. */
  async edit(by: By, { template, expectedVersion, name, content }: Edit): Promise<TemplateRecord> {
    for (let tries = 0; tries < EDIT_TRIES; tries++) {
      const found = await this.own(by.businessId, template, "changed");
      const newName = name ?? found.name;
      if (newName === found.name && Bun.deepEquals(content, found.content)) return found;
      if (expectedVersion !== undefined && expectedVersion !== found.version) throw changedMeanwhile(found);
      await this.checkContent(by, content);
      const outcome = await this.templates.change({
        businessId: by.businessId,
        templateId: found.templateId,
        expectedVersion: found.version,
        name: newName,
        content,
        userId: by.userId,
        nowMs: this.now(),
      });
      if (outcome.kind === "changed") return outcome.template;
      if (outcome.kind === "name-taken") throw nameTaken(newName);
    }
    throw new ComputeError(
      "conflict",
      `Many people are editing template ${template} at the same time; try again.`,
    );
  }

  async fork(by: By, wanted: Wanted, name: string | undefined): Promise<TemplateRecord> {
    const { templateId, version, content, name: sameName } = await this.retrieve(by.businessId, wanted);
    return this.insert(by, name ?? sameName, content, { templateId, version });
  }

  async remove(businessId: string, template: string, into?: IntoTrash): Promise<void> {
    const { templateId } = await this.own(businessId, template, "deleted");
    if (!(await this.templates.remove(businessId, templateId, into))) notFound(template);
  }

  /** The job that a template makes with these values. Nothing is submitted. */
  async render(
    businessId: string,
    nameOrId: string,
    params: Readonly<Record<string, ParameterValue>>,
    version?: number,
  ): Promise<{ manifest: JobManifest; templateId: string }> {
    const { templateId, name, content } = await this.retrieve(businessId, { template: nameOrId, version });
    const resolved = resolveParameters(content.parameters, params);
    if ("problems" in resolved) throw badParameters(name, resolved.problems);
    const filled = fillJob(content.job, resolved.fillings);
    if ("issues" in filled) throw badJob(name, filled.issues);
    return { manifest: { ...filled.manifest, name: filled.manifest.name ?? name }, templateId };
  }

  async run(
    by: Maker,
    wanted: Wanted,
    params: Readonly<Record<string, ParameterValue>>,
    idempotencyKey: string | undefined,
  ): Promise<JobRecord> {
    const { businessId } = by;
    const { manifest, templateId } = await this.render(businessId, wanted.template, params, wanted.version);
    return this.jobs.submit(by, manifest, idempotencyKey, { templateId });
  }

  async saveJob(by: By, jobId: string, name: string, description: string): Promise<TemplateRecord> {
    const { manifest } = await this.jobs.retrieve(by.businessId, jobId);
    return this.insert(by, name, { description, parameters: [], job: jobAsTemplate(manifest) }, undefined);
  }

  private async insert(
    { businessId, userId }: By,
    name: string,
    content: TemplateContent,
    forkedFrom: TemplateRecord["forkedFrom"],
  ): Promise<TemplateRecord> {
    await this.checkContent({ businessId, userId }, content);
    const nowMs = this.now();
    const times = { createdAtMs: nowMs, updatedAtMs: nowMs };
    const templateId = newId("tpl");
    const by = { userId, ownerId: userId };
    const template = { templateId, businessId, name, version: 1, content, forkedFrom, ...by, ...times };
    if ((await this.templates.create(template)) === "name-taken") throw nameTaken(name);
    return template;
  }

  /** An artifact or secret that does not exist is an error now, not when the template is run. */
  private async checkContent(by: By, { job }: TemplateContent): Promise<void> {
    const needs = needsOfTemplate(job);
    if (needs.artifacts.length + needs.secrets.length > 0) await this.checkNeeds?.(by, needs);
  }

  private async own(businessId: string, template: string, done: string): Promise<TemplateRecord> {
    const found = await this.retrieve(businessId, { template });
    if (found.businessId !== undefined) return found;
    throw new ComputeError(
      "forbidden",
      `Template ${found.name} is builtin and cannot be ${done}. Fork it first: you can change the copy.`,
    );
  }
}

function keyOf(template: string): TemplateKey {
  return template.startsWith("tpl_") ? { templateId: template } : { name: template };
}

function notFound(template: string): never {
  throw new ComputeError(
    "not_found",
    `There is no template ${template} in this business or among the builtin ones.`,
  );
}

function nameTaken(name: string): ComputeError {
  return new ComputeError("conflict", `This business already has a template ${name}. Choose another name.`);
}

function changedMeanwhile({ name, version, userId }: TemplateRecord): ComputeError {
  const who = userId ? ` by ${userId}` : "";
  return new ComputeError(
    "conflict",
    `Template ${name} has changed: its newest version is ${version}${who}. Look at that version first.`,
  );
}

function badParameters(name: string, problems: readonly { name: string; message: string }[]): ComputeError {
  const first = problems[0];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return new ComputeError(
    "invalid_request",
    `Template ${name} cannot be run: parameter ${first?.name} ${first?.message}${more}.`,
    { errors: problems.map((problem) => ({ path: `params.${problem.name}`, message: problem.message })) },
  );
}

function badJob(name: string, issues: readonly { path: PropertyKey[]; message: string }[]): ComputeError {
  return new ComputeError(
    "invalid_request",
    `Template ${name} does not make a valid job with these values.`,
    {
      errors: issues.map(({ path, message }) => ({ path: ["job", ...path].join("."), message })),
    },
  );
}
