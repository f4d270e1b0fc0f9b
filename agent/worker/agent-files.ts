import { existsSync, statfsSync } from "node:fs";
import type { ComputeClient } from "../../sdk/client.ts";
import { ClientFiles } from "../../sdk/client-files.ts";
import type { FileServer } from "../../sdk/files/file-server.ts";
import type { UploadedTree } from "../../sdk/files/upload-tree.ts";
import { MIB } from "../../shared/bytes-text.ts";
import type { Logger } from "../../shared/logger.ts";
import type { PlacedInput } from "../../shared/node.ts";
import { textOf } from "../../shared/text-of.ts";
import { untilAborted } from "../../shared/wait.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import { BlobCache } from "../files/blob-cache.ts";
import { type FetchProgress, InputFetcher } from "../files/input-fetcher.ts";
import type { AgentFile } from "../profile/agent-file.ts";
import type { NodeSession } from "../session/node-session.ts";
import type { ExecutionNews } from "../supervisor/link.ts";
import type { Found, StartOrder } from "../supervisor/protocol.ts";
import { EventSenders } from "./event-sender.ts";
import { OutputCollector } from "./output-collector.ts";
import { Preparations } from "./preparations.ts";

export interface AgentFilesParts {
  /** The directory of the cache. */
  dir: string;
  session: Pick<NodeSession, "use">;
  settings(): Pick<AgentFile, "cache" | "outputs">;
  /** Executions that have not started yet, but are with a supervisor. */
  starting(): string[];
  start(order: StartOrder): void;
  found(executionId: string, found: Found): void;
  onNews(news: ExecutionNews): void;
  log: Logger;
}

const DEFAULT_CACHE_BYTES = 10 * 1024 * MIB;
/** Without a setting, the cache takes no more than this share of the disk that would be free without it. */
const DEFAULT_CACHE_SHARE = 0.2;

/** The files of jobs in the agent: its cache, what it fetches, and the outputs and events that it sends. */
export class AgentFiles {
  readonly preparations: Preparations;
  readonly collector: OutputCollector;
  readonly events: EventSenders;
  private opened: { cache: BlobCache; fetcher: InputFetcher } | undefined;

  /** Before the node is registered, nobody may speak for it. */
  private readonly registered = Promise.withResolvers<void>();

  constructor(private readonly parts: AgentFilesParts) {
    this.preparations = new Preparations({
      ask: (executionId, signal) =>
        this.use((client) => client.call("nodes.inputs", { executionId }, { signal }), signal),
      fetch: (...args) => this.fetch(...args),
      unpin: (executionId) => this.opened?.cache.unpin(executionId),
      removeBlob: (sha256) => this.open().cache.removeBlob(sha256),
      cache: () => this.open().cache.dir,
      start: parts.start,
      found: parts.found,
      onNews: parts.onNews,
    });
    this.collector = new OutputCollector({
      server: {
        use: (step, signal) => this.use((client) => step(new ClientFiles(client)), signal),
        create: (...args) => this.createArtifact(...args),
      },
      limits: () => parts.settings().outputs,
      log: parts.log,
    });
    this.events = new EventSenders({
      send: async (executionId, from, events, signal) => {
        const input = { executionId, from, events };
        const sent = (client: ComputeClient) => client.call("nodes.workflow-events", input, { signal });
        return (await this.use(sent, signal)).stored;
      },
      log: parts.log,
    });
  }

  /** The node is registered. Also removes from the cache what nothing needs any more. */
  begin(): void {
    this.registered.resolve();
    if (!existsSync(this.parts.dir)) return;
    try {
      this.open();
    } catch (error) {
      this.parts.log.warn(`The cache for the files of jobs cannot be used: ${textOf(error)}`);
    }
  }

  /** The bytes in the cache, and the most that it keeps. */
  usage(): { bytes: number; maxBytes: number } {
    return { bytes: this.opened?.cache.bytes ?? 0, maxBytes: this.maxBytes() };
  }

  /** Makes room on the disk. Returns whether there is more now. */
  makeRoom(): boolean {
    return (this.opened?.cache.empty() ?? 0) > 0;
  }

  close(): void {
    this.preparations.close();
    this.collector.close();
    this.events.close();
    this.opened?.cache.close();
    this.opened = undefined;
  }

  private async fetch(
    executionId: string,
    inputs: readonly PlacedInput[],
    progress: FetchProgress[],
    signal: AbortSignal,
  ): Promise<void> {
    // A job with secrets only needs no cache.
    if (inputs.length > 0) await this.open().fetcher.fetch(executionId, inputs, progress, signal);
  }

  private async createArtifact(
    executionId: string,
    { tree }: UploadedTree,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const input = { name: "outputs", kind: "output", type: "directory", tree, executionId } as const;
    const { artifact } = await this.use(
      (client) => client.call("artifacts.create", input, { signal }),
      signal,
    );
    return artifact?.artifactId;
  }

  private async use<T>(step: (client: ComputeClient) => Promise<T>, signal: AbortSignal): Promise<T> {
    await untilAborted(this.registered.promise, signal);
    return this.parts.session.use(step, signal);
  }

  private open(): { cache: BlobCache; fetcher: InputFetcher } {
    // Its owner may have removed it.
    if (this.opened && existsSync(this.opened.cache.dir)) return this.opened;
    this.opened?.cache.close();
    this.opened = undefined;
    const { dir, log, starting } = this.parts;
    try {
      const cache = new BlobCache({ dir, log, maxBytes: () => this.maxBytes() }, starting());
      const source = {
        fetch: <T>(step: (files: FileServer) => Promise<T>, signal: AbortSignal) =>
          this.use((client) => step(new ClientFiles(client)), signal),
      };
      this.opened = { cache, fetcher: new InputFetcher({ cache, source }) };
      return this.opened;
    } catch (error) {
      throw new StartFailedError(`The node cannot use its cache for files in ${dir}: ${textOf(error)}.`);
    }
  }

  private maxBytes(): number {
    const { maxMb } = this.parts.settings().cache;
    if (maxMb !== undefined) return maxMb * MIB;
    try {
      const { bavail, bsize } = statfsSync(this.parts.dir);
      const free = bavail * bsize + (this.opened?.cache.bytes ?? 0);
      return Math.min(DEFAULT_CACHE_BYTES, Math.floor(free * DEFAULT_CACHE_SHARE));
    } catch {
      return DEFAULT_CACHE_BYTES; // The directory does not exist yet, so the cache is empty.
    }
  }
}
