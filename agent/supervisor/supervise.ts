import { join } from "node:path";
import type { Socket } from "bun";
import { counted } from "../../shared/counted.ts";
import { executionId } from "../../shared/ids.ts";
import type { Logger } from "../../shared/logger.ts";
import { listenOn } from "../../shared/sockets/listen.ts";
import { isOwnPeer } from "../../shared/sockets/peer.ts";
import { Wire } from "../../shared/sockets/wire.ts";
import { textOf } from "../../shared/text-of.ts";
import { inTime } from "../../shared/wait.ts";
import { createExecutors } from "../executors/all-executors.ts";
import { keepers, whyNoKeepers } from "../keeper/keeper.ts";
import { executionsWithSegments, Segments } from "../logs/segments.ts";
import { spoolRoom } from "../logs/spool.ts";
import { acquireLock } from "../state/lock.ts";
import { Outbox, type OutboxEntry } from "../state/outbox.ts";
import { accountDirectory, removeAccountDirectory } from "./account-directory.ts";
import { ExecutionHost, type LeftExecution } from "./execution-host.ts";
import { GrantBook } from "./grants.ts";
import { diedWithSupervisor, type News, type Order } from "./protocol.ts";
import { removeDirectory } from "./remove-directory.ts";
import { leftWork, openSupervisorDir, type SupervisorDir } from "./supervisor-dir.ts";

export interface SupervisorOptions {
  dir: string;
  agentId: string;
  log: Logger;
  /** Whoever started it may connect now. */
  onReady(): void;
  /** The machine goes down: end everything, keep what is known, return. */
  stop: AbortSignal;
}

/** An agent that was killed is back within this time, or what is left can wait on disk for it. */
const LINGER_MS = 10_000;
const CLOSE_LIMIT_MS = 10_000;
/** A job that wakes the agent waits for this. */
const PROBE_LIMIT_MS = 300;

/**
 * Holds the jobs of one agent. The agent comes and goes; this process stays until nothing runs and nobody listens.
 * Resolves then.
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
  /** Whoever listens, or the last who did, wants no more of it. */
  private ending = false;
  private isOver = false;
  private lingerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly options: SupervisorOptions,
    private readonly dirs: SupervisorDir,
  ) {
    const { log, agentId } = options;
    this.executors = createExecutors({
      agentId,
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
    await Promise.all([this.endLeftovers(), this.getToKnowExecutors()]);
    this.host.resume([...entries, ...this.lostWithLines(entries)]);
    const stopListening = this.listen();
    stop.addEventListener("abort", () => this.over.resolve(), { once: true });
    if (stop.aborted) this.over.resolve();
    if (process.platform === "linux" && !keepers()) {
      const lost = "a process that sheds its marks can outlive its job";
      const why = whyNoKeepers();
      log.warn(`Jobs cannot be held by their descent on this machine, only by marks, since ${why}: ${lost}.`);
    }
    onReady();
    this.lingerUnlessHeard();
    await this.over.promise;
    this.isOver = true;
    clearTimeout(this.lingerTimer);
    if (this.host.running > 0)
      log.warn(`Told to end, with ${counted(this.host.running, "job")} that still ran.`);
    await inTime(CLOSE_LIMIT_MS, this.host.endAll());
    this.host.keepForNext();
    stopListening();
    for (const executor of this.executors.values()) await executor.close();
  }

  /** An executor knows what it can do once it has been probed; one that takes its time is asked in vain for now. */
  private async getToKnowExecutors(): Promise<void> {
    const probes = [...this.executors.values()].map((executor) => executor.probe());
    await inTime(PROBE_LIMIT_MS, Promise.all(probes));
  }

  /** Ends what an earlier supervisor left of executions, and removes their directories. */
  private async endLeftovers(): Promise<void> {
    const { work } = this.dirs;
    const left = leftWork(work);
    const complain = (what: string) => (error: unknown) => this.options.log.warn(`${what}: ${textOf(error)}`);
    await Promise.all(
      [...this.executors.values()].map((executor) =>
        executor.recover(left).catch(complain(`Cannot end what is left of ${executor.jobType} jobs`)),
      ),
    );
    for (const name of left) {
      const path = join(work, name);
      const other = accountDirectory(work, name);
      await removeAccountDirectory(other).catch(complain(`Cannot remove what a job left in ${other}`));
      await removeDirectory(path).catch(complain(`Cannot remove what a job left in ${path}`));
    }
  }

  /** Executions that ended with an earlier supervisor, and whose lines it had put on disk: these are still worth sending. */
  private lostWithLines(entries: readonly OutboxEntry[]): LeftExecution[] {
    const { spool } = this.dirs;
    const known = new Set(entries.map((entry) => entry.executionId));
    const at = new Date().toISOString();
    return executionsWithSegments(spool).flatMap((name) => {
      if (known.has(name)) return [];
      if (!executionId.safeParse(name).success) {
        Segments.reopen(spool, name).remove();
        return [];
      }
      return [{ executionId: name, ended: { at, end: diedWithSupervisor } }];
    });
  }

  /** Returns how to end it. */
  private listen(): () => void {
    return listenOn<AgentWire>(this.dirs.socket, {
      open: (socket) => this.attach(socket),
      data: (socket, bytes) => this.hear(socket, bytes),
      drain: (socket) => socket.data?.onDrain(),
      close: (socket) => socket.data && this.detach(socket.data),
    });
  }

  /** There is one agent at a time; one that comes while another is there takes its place. */
  private attach(socket: Socket<AgentWire>): void {
    // Whoever comes when it is over finds a new supervisor.
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
      this.options.log.error(`What came from the agent could not be understood: ${textOf(error)}`);
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

  /** What has ended is handed over while somebody listens; else it waits on disk for the next. */
  private endIfDone(): void {
    if (!this.ending || this.host.running > 0) return;
    if (this.agent && this.host.count > 0) return;
    this.isOver = true;
    this.over.resolve();
  }
}
