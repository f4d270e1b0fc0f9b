import { freePort } from "./free-port.ts";
import { makeScratch, type Scratch } from "./scratch.ts";
import { waitFor } from "./wait.ts";

/** A real Redis in a process of its own that keeps nothing on disk. */
export class TestRedis implements AsyncDisposable {
  private constructor(
    private readonly scratch: Scratch,
    readonly port: number,
    private process: Bun.Subprocess,
    private readonly password: string | undefined,
  ) {}

  static async start(options: { password?: string } = {}): Promise<TestRedis> {
    const [scratch, port] = [await makeScratch(), freePort()];
    const { password } = options;
    const redis = new TestRedis(scratch, port, launch(scratch, port, password), password);
    await redis.untilListening();
    return redis;
  }

  get url(): string {
    const user = this.password === undefined ? "" : `default:${encodeURIComponent(this.password)}@`;
    return `redis://${user}127.0.0.1:${this.port}`;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }

  async startAgain(): Promise<void> {
    this.process = launch(this.scratch, this.port, this.password);
    await this.untilListening();
  }

  /** Stops it: it runs but does not answer, as behind a network that drops every packet. */
  pause(): void {
    this.process.kill("SIGSTOP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.scratch[Symbol.asyncDispose]();
  }

  private async untilListening(): Promise<void> {
    await waitFor("Redis to listen", async () => {
      try {
        const socket = await Bun.connect({
          hostname: "127.0.0.1",
          port: this.port,
          socket: { data: () => undefined },
        });
        socket.end();
        return true;
      } catch {
        // Not listening yet.
        return false;
      }
    });
  }
}

/** What this machine lacks for tests with Redis, and how to get it. */
export function missingRedis(): string | undefined {
  return Bun.which("redis-server")
    ? undefined
    : "redis-server is not on PATH; install the package redis-server";
}

function launch(scratch: Scratch, port: number, password: string | undefined): Bun.Subprocess {
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  if (password !== undefined) args.push("--requirepass", password);
  const output = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
  return Bun.spawn(["redis-server", ...args], { cwd: scratch.path, ...output });
}
