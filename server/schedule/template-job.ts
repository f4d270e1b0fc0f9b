import type { JobManifest } from "../../shared/manifest.ts";
import type { TemplateParameters } from "../../shared/schedule/schedule.ts";
import type { PreparedJob } from "./schedule-record.ts";

/** Makes a job from a template, named by its name or id. Throws ComputeError `not_found` or `invalid_request`. */
export type RenderTemplate = (
  businessId: string,
  nameOrId: string,
  parameters: TemplateParameters,
) => Promise<{ manifest: JobManifest; templateId: string }>;

export async function prepareJob(
  render: RenderTemplate,
  businessId: string,
  work: { template: string; parameters: TemplateParameters },
): Promise<PreparedJob> {
  const { manifest, templateId } = await render(businessId, work.template, work.parameters);
  return { manifest, templateId };
}
