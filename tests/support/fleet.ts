import { Api } from "./api.ts";
import { Running } from "./program.ts";
import { makeScratch } from "./scratch.ts";

export interface FleetServer {
  running: Running;
  api: Api;
}

/** Server processes that share nothing but a store, a bus, a key file and this machine. */
export class Fleet implements AsyncDisposable {
  readonly servers: FleetServer[] = [];
  private readonly stack = new AsyncDisposableStack();

  private constructor(private readonly env: Readonly<Record<string, string>>) {}

  /**
   * @param ports `0` for a port of its own, or `same` for the port of the first server.
   * @param env at least TANVRIT_STORE and TANVRIT_BUS.
   */
  static async start(ports: ("0" | "same")[], env: Readonly<Record<string, string>>): Promise<Fleet> {
    await using opening = new AsyncDisposableStack();
    const keys = await makeScratch();
    const keyFile = keys.join("secret.key");
    await Bun.write(keyFile, `${"fleet ".repeat(10)}\n`, { mode: 0o600 });
    const shared = { TANVRIT_REUSE_PORT: "true", TANVRIT_SECRET_KEY_FILE: keyFile };
    const fleet = opening.use(new Fleet({ ...shared, ...env }));
    fleet.stack.use(keys);
    const own = ports.filter((port) => port === "0");
    await Promise.all(own.map((port) => fleet.add(port)));
    const first = new URL(fleet.servers[0]?.api.url ?? "");
    for (const port of ports) if (port === "same") await fleet.add(first.port);
    opening.move();
    return fleet;
  }

  async add(port: string): Promise<FleetServer> {
    const scratch = this.stack.use(await makeScratch());
    const running = this.stack.use(new Running(scratch.path, ["server", "--port", port], this.env));
    const [, url = ""] = await running.said(/listening on (http:\/\/\S+)/);
    const server = { running, api: new Api(url) };
    this.servers.push(server);
    return server;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stack.disposeAsync();
  }
}
