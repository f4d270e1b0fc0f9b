import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ClientFiles } from "../../sdk/client-files.ts";
import {
  type Compute,
  createComputeClient,
  type Execution,
  type Job,
  type JobManifestInput,
} from "../../sdk/index.ts";
import { downloadTree } from "../../sdk/machine/files/download-tree.ts";
import { findFiles } from "../../sdk/machine/files/find-files.ts";
import { sendFound } from "../../sdk/machine/files/send-found.ts";
import type { Person } from "./person.ts";

let directories = 0;

/** Sends files of a person as inputs of jobs, and reads what the jobs leave, as the command line does it. */
export class FilesOfJobs {
  private readonly files: ClientFiles;

  constructor(
    private readonly person: Person,
    readonly compute: Compute,
  ) {
    this.files = new ClientFiles(compute.client);
  }

  /** @param url the server's own, if the person knows it by another one. */
  static async of(person: Person, url?: string): Promise<FilesOfJobs> {
    const compute = url === undefined ? await person.client() : undefined;
    const token = compute ? "" : await person.get(["auth", "print-token"]);
    return new FilesOfJobs(person, compute ?? createComputeClient({ url: url ?? "", token }));
  }

  /** Makes a directory with these files, sends it, and returns the source for `inputs`. */
  async input(files: Record<string, string | Uint8Array>): Promise<string> {
    const dir = this.newDirectory();
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), content);
    }
    return this.send(dir);
  }

  /** Sends a directory, and returns the source for `inputs`. */
  async send(dir: string): Promise<string> {
    const { tree } = await sendFound(this.files, await findFiles(dir));
    const { artifact } = await this.compute.client.call("artifacts.create", {
      name: "input",
      kind: "input",
      type: "directory",
      tree,
    });
    return `artifact:${artifact?.artifactId}`;
  }

  submit(manifest: JobManifestInput): Promise<Job> {
    return this.compute.jobs.submit(manifest) as Promise<Job>;
  }

  async run(manifest: JobManifestInput): Promise<Execution> {
    const { jobId } = await this.submit(manifest);
    await this.compute.jobs.wait(jobId);
    return this.execution(jobId);
  }

  /** The latest attempt of a job. */
  async execution(jobId: string): Promise<Execution> {
    for await (const execution of this.compute.executions.list({ jobId })) return execution;
    throw new Error(`${jobId} has no execution`);
  }

  /** The outputs of an attempt: their content by path. */
  async outputs({ artifactId }: Pick<Execution, "artifactId">): Promise<Record<string, string>> {
    if (artifactId === undefined) return {};
    const { tree } = await this.compute.artifacts.get(artifactId);
    const dir = this.newDirectory();
    await downloadTree(this.files, tree, dir);
    const paths = readdirSync(dir, { recursive: true }).map(String).toSorted();
    const files = paths.filter((path) => statSync(join(dir, path)).isFile());
    return Object.fromEntries(files.map((path) => [path, readFileSync(join(dir, path), "utf8")]));
  }

  private newDirectory(): string {
    const dir = this.person.home.join(`files-${directories++}`);
    mkdirSync(dir);
    return dir;
  }
}
