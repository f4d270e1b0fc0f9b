import { templateId } from "../../shared/ids.ts";
import type { Job } from "../../shared/job.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import type { Ownership } from "../http/ownership.ts";
import { readPage } from "../http/page.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { TrashBin } from "../trash/bin.ts";
import type { TemplateService } from "./template-service.ts";
import { templateSummaryView, templateView } from "./template-view.ts";

type TemplateHandlers = Pick<Handlers, Extract<keyof Handlers, `templates.${string}`>>;

/** The cursor of a list of versions is the number of the last version. */
const versionCursor = { safeParse: (text: string) => ({ success: /^[1-9]\d{0,9}$/.test(text) }) };

export function templateHandlers(
  templates: TemplateService,
  viewOfJob: (job: JobRecord) => Promise<Job>,
  { ownership, bin }: { ownership: Ownership; bin: TrashBin },
): TemplateHandlers {
  const requireOwn = (context: RequestContext, template: string) =>
    ownership.require(userOf(context), "templates.change-others", async () => {
      const { name, ownerId } = await templates.retrieve(businessOf(context), { template });
      return { what: `Template ${name}`, ownerId };
    });
  return {
    "templates.list": async ({ builtin, ...page }, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        templateId,
        (beforeTemplateId, limit) => templates.list({ businessId, builtin, beforeTemplateId, limit }),
        (one) => one.templateId,
      );
      return { templates: rows.map(templateSummaryView), nextCursor };
    },
    "templates.retrieve": async (wanted, context) =>
      templateView(await templates.retrieve(businessOf(context), wanted)),
    "templates.create": async ({ name, ...content }, context) =>
      templateView(await templates.create(userOf(context), name, content)),
    "templates.edit": async ({ template, expectedVersion, name, ...content }, context) => {
      await requireOwn(context, template);
      const before = await templates.retrieve(businessOf(context), { template });
      const after = await templates.edit(userOf(context), { template, expectedVersion, name, content });
      context.note({
        before: { name: before.name, version: before.version },
        after: { name: after.name, version: after.version },
      });
      return templateView(after);
    },
    "templates.fork": async ({ name, ...wanted }, context) =>
      templateView(await templates.fork(userOf(context), wanted, name)),
    "templates.delete": async ({ template }, context) => {
      await requireOwn(context, template);
      const into = bin.entryFor(userOf(context));
      await templates.remove(businessOf(context), template, into);
      return { trashId: into?.trashId };
    },
    "templates.versions": async ({ template, ...page }, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        versionCursor,
        (before, limit) =>
          templates.versions(businessId, template, before === undefined ? undefined : Number(before), limit),
        (one) => String(one.version),
      );
      const versions = rows.map(({ version, content, userId, createdAtMs }) => {
        return {
          version,
          description: content.description,
          userId,
          createdAt: new Date(createdAtMs).toISOString(),
        };
      });
      return { versions, nextCursor };
    },
    "templates.preview": async ({ template, version, params }, context) => {
      const { manifest } = await templates.render(businessOf(context), template, params, version);
      return { manifest };
    },
    "templates.run": async ({ params, ...wanted }, context) =>
      viewOfJob(await templates.run(userOf(context), wanted, params, context.idempotencyKey)),
    "templates.save-job": async ({ jobId, name, description }, context) =>
      templateView(await templates.saveJob(userOf(context), jobId, name, description)),
  };
}
