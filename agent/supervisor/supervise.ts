import type { Socket } from "bun";
import { counted } from "../../shared/counted.ts";
import { isId } from "../../shared/id-schema.ts";
import type { Logger } from "../../shared/logger.ts";
import { listenOn } from "../../shared/sockets/listen.ts";
import { isOwnPeer } from "../../shared/sockets/peer.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import { textOf } from "../../shared/text-of.ts";
import { inTime } from "../../shared/wait.ts";
import { createExecutors } from "../executors/all-executors.ts";
import { keepers, whyNoKeepers } from "../keeper/keeper.ts";
import { KeeperReports } from "../keeper/keeper-reports.ts";
import { executionsWithSegments, Segments } from "../logs/segments.ts";
import { spoolRoom } from "../logs/spool.ts";
import { acquireLock } from "../state/lock.ts";
import { Outbox, type OutboxEntry } from "../state/outbox.ts";
import { ExecutionHost, type LeftExecution } from "./execution-host.ts";
import { removeJobDirectory } from "./job-directory.ts";
import { GrantBook } from "./job-grants.ts";
import { keptIn } from "./kept-directories.ts";
import { diedWithSupervisor, keepsDirectory, type News, type Order } from "./protocol.ts";
import { leftWork, openSupervisorDir, type SupervisorDir } from "./supervisor-dir.ts";

export interface SupervisorOptions {
  dir: string;
  agentId: string;
  /** See `ExecutorSettings`. */
  workflowEngine: readonly string[];
  log: Logger;
  /** Called when an agent may connect. */
  onReady(): void;
  /** The machine shuts down: end everything, save what is known, return. */
  stop: AbortSignal;
}

/** How long to wait for an agent that was killed and starts again. After that its data can wait on disk. */
const LINGER_MS = 10_000;
const CLOSE_LIMIT_MS = 10_000;
/** Kept short, because a job that wakes the agent waits for it. */
const PROBE_LIMIT_MS = 300;

/**
 * Holds the jobs of one agent. The agent may come and go, while this process stays until nothing runs and no agent is
 * connected. Then it resolves.
 */
export async function supervise(options: SupervisorOptions): Promise<void> {
  const dirs = openSupervisorDir(options.dir);
  const lock = acquireLock(dirs.lock);
  try {
    await new Supervisor(options, dirs).run();
  } finally {
    lock.release();
  }
}

type AgentWire = Wire<News, Order>;

class Supervisor {
  private readonly grants = new GrantBook();
  private readonly executors;
  private readonly host: ExecutionHost;
  private readonly outbox: Outbox;
  private readonly over = Promise.withResolvers<void>();
  private agent: AgentWire | undefined;
  /** The connected agent, or the last one, needs this process no more. */
  private ending = false;
  private isOver = false;
  private lingerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly options: SupervisorOptions,
    private readonly dirs: SupervisorDir,
  ) {
    const { log, agentId, workflowEngine } = options;
    this.executors = createExecutors({
      agentId,
      workflowEngine,
      environment: this.grants.environment,
      settings: () => this.grants.current,
    });
    this.outbox = new Outbox(dirs.outbox);
    this.host = new ExecutionHost({
      workRoot: dirs.work,
      executors: this.executors,
      spoolRoom: spoolRoom(dirs.spool),
      outbox: this.outbox,
      log,
      onSettled: () => this.endIfDone(),
    });
  }

  async run(): Promise<void> {
    const { stop, onReady, log } = this.options;
    const entries = this.outbox.load(log);
    await Promise.all([this.endLeftovers(entries), this.getToKnowExecutors()]);
    this.host.resume([...entries, ...this.lostWithLines(entries)]);
    const stopListening = this.listen();
    stop.addEventListener("abort", () => this.over.resolve(), { once: true });
    if (stop.aborted) this.over.resolve();
    if (process.platform === "linux" && !keepers()) {
      const lost = "a process that removes its marks can outlive its job";
      const why = whyNoKeepers();
      log.warn(
        `This machine can track the processes of jobs only by marks, not by descent, because ${why}: ${lost}.`,
      );
    }
    onReady();
    this.lingerUnlessHeard();
    await this.over.promise;
    this.isOver = true;
    clearTimeout(this.lingerTimer);
    if (this.host.running > 0)
      log.warn(`Asked to end while ${counted(this.host.running, "job")} still running.`);
    await inTime(CLOSE_LIMIT_MS, this.host.endAll());
    this.host.keepForNext();
    stopListening();
    for (const executor of this.executors.values()) await executor.close();
    void KeeperReports.ofThisProcess.close();
  }

  /** Probes the executors. An executor knows what it can do only after that, so a slow one knows nothing for now. */
  private async getToKnowExecutors(): Promise<void> {
    const probes = [...this.executors.values()].map((executor) => executor.probe());
    await inTime(PROBE_LIMIT_MS, Promise.all(probes));
  }

  /** Ends the processes that an earlier supervisor left, and removes the directories of their jobs, unless outputs wait there. */
  private async endLeftovers(entries: readonly OutboxEntry[]): Promise<void> {
    const { work } = this.dirs;
    const left = leftWork(work);
    const complain = (what: string) => (error: unknown) => this.options.log.warn(`${what}: ${textOf(error)}`);
    await Promise.all(
      [...this.executors.values()].map((executor) =>
        executor.recover(left).catch(complain(`Cannot end what is left of ${executor.jobType} jobs`)),
      ),
    );
    const waiting = entries.filter(({ ended }) => keepsDirectory(ended));
    const needed = new Set([...waiting.map(({ executionId }) => executionId), ...keptIn(work)]);
    for (const name of left) {
      if (needed.has(name)) continue;
      await removeJobDirectory(work, name).catch(
        complain(`Cannot remove what a job left in ${work}/${name}`),
      );
    }
  }

  /** Executions that died with an earlier supervisor after it had put lines on disk. Those lines are still sent. */
  private lostWithLines(entries: readonly OutboxEntry[]): LeftExecution[] {
    const { spool } = this.dirs;
    const known = new Set(entries.map((entry) => entry.executionId));
    const at = new Date().toISOString();
    return executionsWithSegments(spool).flatMap((name) => {
      if (known.has(name)) return [];
      if (!isId("exe", name)) {
        Segments.reopen(spool, name).remove();
        return [];
      }
      return [{ executionId: name, ended: { at, end: diedWithSupervisor } }];
    });
  }

  /** Returns a function that ends it. */
  private listen(): () => void {
    return listenOn<AgentWire>(this.dirs.socket, {
      open: (socket) => this.attach(socket),
      data: (socket, bytes) => this.hear(socket, bytes),
      drain: (socket) => socket.data?.onDrain(),
      close: (socket) => socket.data && this.detach(socket.data),
    });
  }

  /** There is one agent at a time. A new agent takes the place of the connected one. */
  private attach(socket: Socket<AgentWire>): void {
    // An agent that comes too late starts a new supervisor.
    if (this.isOver || !isOwnPeer(socket)) return void socket.terminate();
    const wire: AgentWire = new Wire(socket, (order) => this.obey(order));
    socket.data = wire;
    void this.agent?.end();
    this.agent = wire;
    this.ending = false;
    clearTimeout(this.lingerTimer);
    this.host.attach((news) => wire.send(news));
  }

  private hear(socket: Socket<AgentWire>, bytes: Uint8Array): void {
    if (!socket.data || socket.data !== this.agent) return;
    try {
      socket.data.onData(bytes);
    } catch (error) {
      this.options.log.error(`The agent sent an invalid message: ${textOf(error)}`);
      socket.terminate();
    }
  }

  private detach(wire: AgentWire): void {
    wire.onClosed();
    if (this.agent !== wire) return;
    this.agent = undefined;
    this.host.detach();
    this.lingerUnlessHeard();
    this.endIfDone();
  }

  private obey(order: Order): void {
    if (order.type === "end") {
      this.ending = true;
      this.endIfDone();
    } else if (order.type === "grants") {
      this.grants.set(order.grants);
    } else {
      this.host.obey(order);
    }
  }

  private lingerUnlessHeard(): void {
    clearTimeout(this.lingerTimer);
    if (this.isOver) return;
    this.lingerTimer = setTimeout(() => {
      this.ending = true;
      this.endIfDone();
    }, LINGER_MS);
  }

  /** With an agent connected, everything is delivered first. Without one, it waits on disk for the next agent. */
  private endIfDone(): void {
    if (!this.ending || this.host.running > 0) return;
    if (this.agent && this.host.count > 0) return;
    this.isOver = true;
    this.over.resolve();
  }
}
