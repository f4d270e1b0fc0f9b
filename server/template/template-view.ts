import type { Template, TemplateSummary } from "../../shared/template/template.ts";
import type { TemplateRecord } from "./template-store.ts";

/** A template as the API shows it. */
export function templateView(record: TemplateRecord): Template {
  return { ...templateSummaryView(record), job: record.content.job };
}

export function templateSummaryView(record: TemplateRecord): TemplateSummary {
  return {
    templateId: record.templateId,
    builtin: record.businessId === undefined,
    name: record.name,
    description: record.content.description,
    parameters: record.content.parameters,
    version: record.version,
    forkedFrom: record.forkedFrom,
    userId: record.userId,
    createdAt: new Date(record.createdAtMs).toISOString(),
    updatedAt: new Date(record.updatedAtMs).toISOString(),
  };
}
