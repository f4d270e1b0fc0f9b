import { existsSync } from "node:fs";
import { join } from "node:path";
import { S3Client } from "bun";
import { freePort } from "./free-port.ts";
import { waitFor } from "./wait.ts";

/** Where `fetch-moto.sh` puts it. */
const CACHED = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "moto");
const START_MS = 60_000;

/** A real S3 server in a process of its own, with objects in memory. */
export class TestS3 implements AsyncDisposable {
  private constructor(
    readonly endpoint: string,
    private readonly process: Bun.Subprocess,
  ) {}

  /** @param options `checksKeys`: it refuses access keys that it does not know; it knows none. */
  static async start(options: { checksKeys?: boolean } = {}): Promise<TestS3> {
    const port = freePort();
    const output = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
    const env = {
      ...process.env,
      PYTHONPATH: CACHED,
      ...(options.checksKeys && { INITIAL_NO_AUTH_ACTION_COUNT: "0" }),
    };
    const command = ["python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)];
    const server = Bun.spawn(command, { env, ...output });
    const s3 = new TestS3(`http://127.0.0.1:${port}`, server);
    const isThere = () =>
      fetch(`${s3.endpoint}/moto-api/`).then(
        () => true,
        // Not listening yet.
        () => false,
      );
    await waitFor("moto to listen", isThere, { timeoutMs: START_MS });
    return s3;
  }

  /** Variables that give a server access. */
  get env(): Record<string, string> {
    return {
      TANVRIT_ARTIFACTS_ENDPOINT: this.endpoint,
      AWS_ACCESS_KEY_ID: "tests",
      AWS_SECRET_ACCESS_KEY: "tests",
      AWS_REGION: "us-east-1",
    };
  }

  /** A client of its own, separate from the code under test. */
  client(bucket: string): S3Client {
    return new S3Client({ bucket, endpoint: this.endpoint, accessKeyId: "tests", secretAccessKey: "tests" });
  }

  /** Creates a new bucket; resolves with its name. */
  async newBucket(): Promise<string> {
    const bucket = `bucket-${crypto.randomUUID()}`;
    const { ok, status } = await fetch(`${this.endpoint}/${bucket}`, { method: "PUT" });
    if (!ok) throw new Error(`cannot create a bucket: ${status}`);
    return bucket;
  }

  /** Stops it: it runs but does not answer. */
  pause(): void {
    this.process.kill("SIGSTOP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }
}

/** What this machine lacks for tests with S3, and how to get it. */
export function missingMoto(): string | undefined {
  if (existsSync(join(CACHED, "moto", "server.py")) && Bun.which("python3")) return undefined;
  return "moto, a server for S3, is missing; run tests/support/fetch-moto.sh, which needs Python 3 with pip";
}
