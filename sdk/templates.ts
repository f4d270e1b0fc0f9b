import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { Job } from "../shared/job.ts";
import type { ParameterValue } from "../shared/template/parameter.ts";
import type { Template, TemplateFileInput, TemplateSummary } from "../shared/template/template.ts";
import type { ComputeClient } from "./client.ts";
import type { SubmitOptions } from "./jobs.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

export type TemplateFilter = ListFilter<"templates.list">;

export interface RunTemplateOptions extends SubmitOptions {
  /** An older version; the newest where it is left out. */
  version?: number;
}

type TemplateVersion = EndpointOutput<"templates.versions">["versions"][number];

/** Templates: jobs with parameters. Each is named by its name or its id. */
export class Templates {
  private readonly client: ComputeClient;

  constructor(client: ComputeClient) {
    this.client = client;
  }

  /** The business's own and the builtin ones, newest first. */
  list(filter: TemplateFilter = {}, options: Patience = {}): AsyncGenerator<TemplateSummary, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { templates, nextCursor } = await call("templates.list", where);
      return { rows: templates, nextCursor };
    });
  }

  retrieve(template: string, options: Patience & { version?: number } = {}): Promise<Template> {
    const { version } = options;
    return callPatiently(this.client, "templates.retrieve", { template, version }, options);
  }

  create(file: TemplateFileInput, options: Patience = {}): Promise<Template> {
    return callPatiently(this.client, "templates.create", file, options);
  }

  /** Makes a new version; one that says the same as before makes none. */
  edit(edit: EndpointInput<"templates.edit">, options: Patience = {}): Promise<Template> {
    return callPatiently(this.client, "templates.edit", edit, options);
  }

  /** Copies a template to one of the business's own. */
  fork(template: string, options: Patience & { name?: string; version?: number } = {}): Promise<Template> {
    const { name, version } = options;
    return callPatiently(this.client, "templates.fork", { template, name, version }, options);
  }

  async delete(template: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "templates.delete", { template }, options);
  }

  /** The versions that are kept, newest first. */
  versions(template: string, options: Patience = {}): AsyncGenerator<TemplateVersion, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { versions, nextCursor } = await call("templates.versions", { template });
      return { rows: versions, nextCursor };
    });
  }

  /** Submits the template's job with these values. When this resolves, the job is on the server's disk. */
  run(
    template: string,
    params: Readonly<Record<string, ParameterValue>> = {},
    options: RunTemplateOptions = {},
  ): Promise<Job> {
    const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID();
    const input = { template, params: { ...params }, version: options.version };
    return callPatiently(this.client, "templates.run", input, { ...options, idempotencyKey });
  }

  /** Saves a job as a template that runs it again as it was. */
  saveJob(jobId: string, name: string, options: Patience & { description?: string } = {}): Promise<Template> {
    const { description } = options;
    return callPatiently(this.client, "templates.save-job", { jobId, name, description }, options);
  }
}
