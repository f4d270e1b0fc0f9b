import { Api } from "./api.ts";
import { Running } from "./program.ts";
import { makeScratch, type Scratch } from "./scratch.ts";
import { giveBack, sharedStoreEnv } from "./shared-store.ts";

const CONFIG_FILE = "server.yaml";

/** A real server in a process of its own. Its data directory is removed with it. */
export class TestServer implements AsyncDisposable {
  readonly scratch: Scratch;
  private running: Running;
  api: Api;

  private constructor(
    scratch: Scratch,
    private readonly env: Record<string, string>,
    /** Its database in the suite's store; undefined: it has none of its own. */
    private readonly database: string | undefined,
    running: Running,
    url: string,
  ) {
    this.scratch = scratch;
    this.running = running;
    this.api = new Api(url);
  }

  /**
   * @param config the contents of its config file.
   * @param ownEnv its environment, also after a restart.
   */
  static async start(ownEnv: Record<string, string> = {}, config?: object): Promise<TestServer> {
    const shared: Record<string, string> = ownEnv.TANVRIT_STORE === undefined ? sharedStoreEnv() : {};
    const env = { ...shared, ...ownEnv };
    const scratch = await makeScratch();
    if (config) await Bun.write(scratch.join(CONFIG_FILE), JSON.stringify(config));
    const { running, url } = await launch(scratch, 0, env);
    return new TestServer(scratch, env, shared.TANVRIT_STORE, running, url);
  }

  get url(): string {
    return this.api.url;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get pid(): number {
    return this.running.process.pid;
  }

  get stderr(): string {
    return this.running.stderr;
  }

  /** Kills the process like a crash, with no chance to clean up. */
  async kill(): Promise<void> {
    await this.running.stop("SIGKILL");
  }

  /** Stops it with SIGTERM; returns the exit code. */
  stop(): Promise<number> {
    return this.running.stop("SIGTERM");
  }

  /** Starts a new process with the same data and port. */
  async startAgain(env: Record<string, string> = {}): Promise<void> {
    this.running = (await launch(this.scratch, this.port, { ...this.env, ...env })).running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running[Symbol.asyncDispose]();
    if (this.database !== undefined) await giveBack(this.database);
    await this.scratch[Symbol.asyncDispose]();
  }
}

async function launch(scratch: Scratch, port: number, env: Record<string, string>) {
  const args = ["server", "--port", String(port), "--data-dir", env.TANVRIT_DATA_DIR ?? scratch.join("data")];
  const config = scratch.join(CONFIG_FILE);
  if (await Bun.file(config).exists()) args.push("--config", config);
  const running = new Running(scratch.path, args, env);
  const [, at = "", here] = await running.said(
    /listening on (https?:\/\/\S+) \((?:every address of this machine; from here (\S+);)?/,
  );
  return { running, url: here ?? at };
}
