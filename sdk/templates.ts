import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { Job } from "../shared/job.ts";
import type { ParameterValue } from "../shared/template/parameter.ts";
import type { Template, TemplateFileInput, TemplateSummary } from "../shared/template/template.ts";
import type { ComputeClient } from "./client.ts";
import type { SubmitOptions } from "./jobs.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";
import { randomKey } from "./random-key.ts";

export type TemplateFilter = ListFilter<"templates.list">;

export interface RunTemplateOptions extends SubmitOptions {
  /** Default: the newest version. */
  version?: number;
}

type TemplateVersion = EndpointOutput<"templates.versions">["versions"][number];

/**
 * Templates: jobs with parameters. `template` is a template's name or its id.
 *
 * @example
 * const job = await compute.templates.run("scale-video", { input: "a.mp4", width: 640 });
 * await compute.jobs.wait(job.jobId);
 */
export class Templates {
  constructor(private readonly client: ComputeClient) {}

  /** Lists the business's own and the builtin templates, newest first. */
  list(filter: TemplateFilter = {}, options: Patience = {}): AsyncGenerator<TemplateSummary, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { templates, nextCursor } = await call("templates.list", where);
      return { rows: templates, nextCursor };
    });
  }

  /** Retrieves the newest version, or `version`. Throws `not_found` if there is no such template or version. */
  retrieve(template: string, options: Patience & { version?: number } = {}): Promise<Template> {
    const { version } = options;
    return callPatiently(this.client, "templates.retrieve", { template, version }, options);
  }

  /** Creates a template. Throws `conflict` if the name is taken. */
  create(file: TemplateFileInput, options: Patience = {}): Promise<Template> {
    return callPatiently(this.client, "templates.create", file, options);
  }

  /** Makes a new version, unless nothing changed. Throws `conflict` if `expectedVersion` is not the newest. */
  edit(edit: EndpointInput<"templates.edit">, options: Patience = {}): Promise<Template> {
    return callPatiently(this.client, "templates.edit", edit, options);
  }

  /** Copies a template to one of the business's own; without `name` the copy keeps the name. */
  fork(template: string, options: Patience & { name?: string; version?: number } = {}): Promise<Template> {
    const { name, version } = options;
    return callPatiently(this.client, "templates.fork", { template, name, version }, options);
  }

  /** Deletes a template with all its versions; jobs made from it stay. */
  async delete(template: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "templates.delete", { template }, options);
  }

  /** Lists the kept versions, newest first. */
  versions(template: string, options: Patience = {}): AsyncGenerator<TemplateVersion, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { versions, nextCursor } = await call("templates.versions", { template });
      return { rows: versions, nextCursor };
    });
  }

  /** The job that the template makes with these parameter values, without submitting it. */
  preview(
    template: string,
    params: Readonly<Record<string, ParameterValue>> = {},
    options: Patience & { version?: number } = {},
  ): Promise<EndpointOutput<"templates.preview">> {
    const { version } = options;
    return callPatiently(
      this.client,
      "templates.preview",
      { template, params: { ...params }, version },
      options,
    );
  }

  /** Submits the template's job with these parameter values. Once this resolves, the job is on the server's disk. */
  run(
    template: string,
    params: Readonly<Record<string, ParameterValue>> = {},
    options: RunTemplateOptions = {},
  ): Promise<Job> {
    const idempotencyKey = options.idempotencyKey ?? randomKey();
    const input = { template, params: { ...params }, version: options.version };
    return callPatiently(this.client, "templates.run", input, { ...options, idempotencyKey });
  }

  /** Saves a job as a template that runs it again unchanged. */
  saveJob(jobId: string, name: string, options: Patience & { description?: string } = {}): Promise<Template> {
    const { description } = options;
    return callPatiently(this.client, "templates.save-job", { jobId, name, description }, options);
  }
}
