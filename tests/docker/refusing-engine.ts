import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "../../agent/executors/docker/engine.ts";
import { testEngine } from "../support/docker.ts";

/** What happens when a container is to be removed. */
type Removal = "done" | "refused" | "hangs";

/** The machine's engine behind a socket of its own, where containers cannot be removed until a test allows it. */
export class RefusingEngine implements Disposable {
  /** What was asked for, in order, without queries, versions of the API and ids: `POST /containers/ID/start`. */
  readonly requests: string[] = [];
  private removal: Removal = "done";
  private readonly held = new Set<Socket>();
  readonly socketPath = join(tmpdir(), `tanvrit-engine-${crypto.randomUUID()}.sock`);
  private readonly server: Server;

  private constructor(engine: Engine) {
    const { socketPath } = engine.endpoint;
    if (!socketPath) throw new Error("tests reach the engine over its socket");
    // An answer, such as a container's output, may still be written after the client has sent everything.
    this.server = createServer({ allowHalfOpen: true }, (asker) => {
      asker.on("error", () => asker.destroy());
      // Each connection carries one request.
      asker.once("data", (first: Buffer) => {
        const [method = "", path = ""] = first.toString("latin1").split(/[ ?]/, 2);
        this.requests.push(`${method} ${path.replace(/^\/v[\d.]+/, "").replace(/[0-9a-f]{64}/, "ID")}`);
        if (this.removal !== "done" && first.toString("latin1").startsWith("DELETE ")) {
          if (this.removal === "refused") asker.end(REFUSAL);
          else this.held.add(asker);
          return;
        }
        const engine = connect({ path: socketPath, allowHalfOpen: true });
        engine.on("error", () => asker.destroy());
        asker.on("close", () => engine.destroy());
        engine.write(first);
        asker.pipe(engine).pipe(asker);
      });
    });
  }

  static async start(engine = testEngine()): Promise<RefusingEngine> {
    const refusing = new RefusingEngine(engine);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    refusing.server.once("error", reject).listen(refusing.socketPath, resolve);
    await promise;
    return refusing;
  }

  /** Changes that from now on. Clients that wait for a removal that hangs find their connection cut. */
  removes(removal: Removal): void {
    this.removal = removal;
    for (const asker of this.held) asker.destroy();
    this.held.clear();
  }

  get environment(): Record<string, string | undefined> {
    return { ...process.env, DOCKER_HOST: `unix://${this.socketPath}` };
  }

  [Symbol.dispose](): void {
    this.removes("done");
    this.server.close();
    rmSync(this.socketPath, { force: true });
  }
}

const WORDS = JSON.stringify({ message: "device or resource busy" });
const REFUSAL = `HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: ${WORDS.length}\r\nconnection: close\r\n\r\n${WORDS}`;
