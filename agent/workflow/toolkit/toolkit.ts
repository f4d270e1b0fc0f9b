import { join } from "node:path";
import { SignJWT } from "jose";
import { ArtifactShelf } from "./artifact-shelf.ts";
import { CacheShelf } from "./cache-shelf.ts";
import { serveToolkit, type ToolkitServer } from "./toolkit-server.ts";

export interface ToolkitOptions {
  /** Stays from run to run. */
  cacheDirectory: string;
  /** OWNER/NAME: runs of one repository share their caches. */
  repository: string;
  /** Attempts of one run share their artifacts. */
  runId: string;
  /** Where artifacts also appear, as NAME.zip. */
  outputDirectory: string;
}

/** What GitHub gives a run besides the runner: its artifacts, and the caches of its repository. */
export class Toolkit {
  readonly artifacts: ArtifactShelf;
  readonly caches: CacheShelf;
  private server: ToolkitServer | undefined;
  private readonly key = crypto.getRandomValues(new Uint8Array(32));

  constructor(private readonly options: ToolkitOptions) {
    const workspace = join(
      options.cacheDirectory,
      "workspaces",
      options.repository.replace("/", "__").toLowerCase(),
    );
    this.artifacts = new ArtifactShelf(join(workspace, "artifacts", options.runId), options.outputDirectory);
    this.caches = new CacheShelf(join(workspace, "caches"));
  }

  /** The variables with which the actions of a job find the services; the services start with the first call. */
  async environmentFor(job: string): Promise<Record<string, string>> {
    const { key, artifacts, caches } = this;
    this.server ??= serveToolkit({ key, artifacts, caches });
    const { url } = this.server;
    return {
      ACTIONS_RUNTIME_URL: url,
      ACTIONS_RESULTS_URL: url,
      ACTIONS_CACHE_URL: url,
      ACTIONS_CACHE_SERVICE_V2: "true",
      ACTIONS_RUNTIME_TOKEN: await this.tokenFor(job),
    };
  }

  async close(): Promise<void> {
    await this.server?.stop();
    this.caches.close();
  }

  /** The clients read the ids of run and job from the scope. */
  private tokenFor(job: string): Promise<string> {
    const jobId = Bun.hash(job).toString(16);
    return new SignJWT({ scp: `Actions.Results:${this.options.runId.replaceAll(":", "-")}:${jobId}` })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setIssuedAt()
      .setExpirationTime("7d")
      .sign(this.key);
  }
}
