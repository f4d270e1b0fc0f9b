import { Seal } from "../../server/auth/seal.ts";
import type { BlobStore } from "../../server/blob/blob-store.ts";
import { DirectoryBlobs } from "../../server/blob/directory-blobs.ts";
import type { Bus } from "../../server/bus/bus.ts";
import { MemoryBus } from "../../server/bus/memory-bus.ts";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import { composePlane, type Plane } from "../../server/compose/plane.ts";
import type { Stores } from "../../server/compose/stores.ts";
import type { Pricing } from "../../server/credit/pricing.ts";
import type { CallSocket } from "../../server/http/call-socket.ts";
import { callSocketHandler, type Upgrade } from "../../server/http/call-sockets.ts";
import { OwnUrls } from "../../server/http/own-urls.ts";
import { accountLists } from "../../shared/sockets/local-server.ts";
import { Api } from "./api.ts";
import { makeScratch, type Scratch } from "./scratch.ts";
import { emptySharedDatabase, giveBack } from "./shared-store.ts";
import { waitFor } from "./wait.ts";

/** A control plane in this process, behind a real socket. Tests can move its clock forward. */
export class TestPlane implements AsyncDisposable {
  readonly api: Api;
  readonly warnings: string[] = [];
  /** How many requests it has received, and frames over WebSockets. */
  requests = 0;
  private aheadMs = 0;
  private stoodMs = 0;
  /** Where its clock stands; undefined: it runs. */
  private standsAtMs: number | undefined;
  private setByMs = 0;
  private readonly stopping = new AbortController();
  private ownBlobs: BlobStore | undefined;
  private readonly listener: Bun.Server<CallSocket>;
  private plane: Plane | undefined;
  private readonly urls = new OwnUrls("127.0.0.1");
  private stopSignIn: (() => void) | undefined;

  private constructor(
    private readonly scratch: Scratch,
    readonly stores: Stores,
    private readonly bus: Bus,
    private readonly ownsStores: boolean,
    private readonly database: string | undefined,
  ) {
    this.listener = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 60,
      fetch: (request, server) => {
        this.requests++;
        if (!this.plane) return new Response("not ready", { status: 503 });
        const upgrade: Upgrade = (options) => server.upgrade(request, options);
        return this.plane.app.fetch(request, { address: server.requestIP(request)?.address, upgrade });
      },
      websocket: {
        ...callSocketHandler,
        message: (peer, frame) => {
          this.requests++;
          return callSocketHandler.message?.(peer, frame);
        },
      },
    });
    this.urls.listensOn({ address: "127.0.0.1", port: this.listener.port ?? 0 });
    this.api = new Api(this.listener.url.href);
  }

  /**
   * @param shared what it shares with other planes. Disposing of the plane closes the bus, not the stores.
   * @param pricing which pools are hosted.
   * @param standsAtMs its clock stands at this time until `setTime`, and no task runs but by `run`.
   */
  static async start(
    shared?: { stores: Stores; bus: Bus },
    pricing?: Pricing,
    standsAtMs?: number,
  ): Promise<TestPlane> {
    const scratch = await makeScratch();
    const database = shared ? undefined : emptySharedDatabase();
    const { stores, bus } = shared ?? { stores: await openOwnStores(database), bus: new MemoryBus() };
    const test = new TestPlane(scratch, stores, bus, shared === undefined, database);
    test.standsAtMs = standsAtMs;
    const blobs = test.stores.gridFs?.() ?? new DirectoryBlobs(scratch.join("artifacts"));
    await blobs.prepare();
    test.ownBlobs = blobs;
    test.plane = await composePlane({
      stores: test.stores,
      blobs,
      bus: test.bus,
      urls: test.urls,
      pricing,
      log: {
        info: () => undefined,
        warn: (message) => void test.warnings.push(message),
        error: console.error,
      },
      now: () => test.now(),
      clocks: {
        wallMs: () => Date.now() + test.stoodMs + test.setByMs,
        monotonicMs: () => performance.now() + test.stoodMs,
      },
      stopping: test.stopping.signal,
    });
    test.stopSignIn = await test.plane.localSignIn.listen(scratch.path, accountLists(undefined));
    if (standsAtMs === undefined) for (const task of test.plane.tasks) task.start();
    return test;
  }

  /** The objects in which it keeps files. */
  get blobs(): BlobStore {
    if (!this.ownBlobs) throw new Error("the plane has not started");
    return this.ownBlobs;
  }

  get port(): number {
    return this.listener.port ?? 0;
  }

  /** The time on the plane's clock. */
  now(): number {
    return this.standsAtMs ?? Date.now() + this.aheadMs;
  }

  /** Sets a clock that stands. Nothing runs because of that. */
  setTime(atMs: number): void {
    this.standsAtMs = atMs;
  }

  /** Runs a task, such as `compute-schedules`, once. */
  async run(name: string): Promise<void> {
    const runner = this.plane?.tasks.find(({ task }) => task.name === name);
    if (!runner) throw new Error(`there is no task ${name}`);
    await runner.task.runOnce(this.now());
  }

  /** Lets time pass, and runs the periodic tasks that are due by then. */
  pass(seconds: number): void {
    this.aheadMs += seconds * 1_000;
    for (const task of this.plane?.tasks ?? []) task.runBefore(0);
  }

  /** Sets the clock forward or back. Returns when the server has noticed. */
  async setClock(bySeconds: number): Promise<void> {
    const before = this.warnings.length;
    this.setByMs += bySeconds * 1_000;
    this.aheadMs += bySeconds * 1_000;
    await waitFor("the server to notice its clock", () =>
      this.warnings.slice(before).some((warning) => warning.includes("clock was set")),
    );
  }

  /** Stalls the server for this long: time passes, and the server does not notice. */
  standStill(seconds: number): void {
    this.stoodMs += seconds * 1_000;
    this.pass(seconds);
  }

  /** Ends every wait, as a server does that stops; it goes on listening until it is disposed of. */
  endWaits(): void {
    this.stopping.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort();
    this.stopSignIn?.();
    await this.plane?.close();
    await Promise.all((this.plane?.tasks ?? []).map((task) => task.stop()));
    await this.listener.stop(true);
    await this.bus.close();
    if (this.ownsStores) await this.stores.close();
    if (this.database !== undefined) await giveBack(this.database);
    await this.scratch[Symbol.asyncDispose]();
  }
}

async function openOwnStores(database: string | undefined): Promise<Stores> {
  const seal = new Seal(() => ({ keys: [new Uint8Array(32).fill(1)] }));
  return database === undefined ? openSqliteStores(":memory:", seal) : openMongoStores(database, seal);
}
