import { join } from "node:path";
import type { JobType } from "../../shared/job-fields.ts";
import { textOf } from "../../shared/text-of.ts";
import { inTime, pause } from "../../shared/wait.ts";
import { AgentError } from "../process/agent-error.ts";
import type { JobGrants } from "./job-grants.ts";
import { connectOrLaunch, type LaunchOptions } from "./launch.ts";
import { type ExecutionNews, SupervisorLink } from "./link.ts";
import type { ExecutionSample, Found, HeldExecution, Order, StartOrder } from "./protocol.ts";
import { hasLeftovers, removeSupervisorDir, supervisorDir, supervisorNames } from "./supervisor-dir.ts";

export interface SupervisorsParts extends LaunchOptions {
  /** Each supervisor has a directory in it. */
  root: string;
  /** Identifies this build of the program. After an upgrade the running jobs stay with the supervisor of the old build. */
  build: string;
  /** Whether the directory still belongs to this agent. If not, its supervisors are another agent's business. */
  ownsStateDir(): boolean;
  /** Called for every new supervisor. */
  grants(): JobGrants;
  onNews(news: ExecutionNews): void;
  /** The answer of one of the supervisors to `sample`. */
  onUsage(samples: readonly ExecutionSample[]): void;
  /** These executions ended with their supervisor; nothing more is known about them. */
  onLost(executionIds: readonly string[]): void;
  /** No supervisor can be started any more. */
  onFailure(error: AgentError): void;
}

/** The pause before the second restart within a minute. Before the n-th it is (n - 1)² times as long. */
const RESTART_PAUSE_MS = 200;
const MAX_RESTART_PAUSE_MS = 10_000;
const RESTARTS_FORGOTTEN_AFTER_MS = 60_000;
const END_LIMIT_MS = 2_000;

/**
 * The processes that hold this machine's jobs, as the agent sees them. Usually there is one. There may also be some of
 * earlier versions of the program, which end with their last job.
 */
export class Supervisors {
  /** By directory name. */
  private readonly links = new Map<string, SupervisorLink>();
  /** By execution: the directory name of its supervisor. */
  private readonly places = new Map<string, string>();
  /** Orders for supervisors that are being started. */
  private readonly waiting = new Map<string, Order[]>();
  private restarts: number[] = [];
  private closing = false;

  constructor(private readonly parts: SupervisorsParts) {}

  /** Finds or starts the supervisors and returns what they hold. Their news come after `listen`. */
  async open(): Promise<HeldExecution[]> {
    const { root, build } = this.parts;
    for (const name of supervisorNames(root)) {
      const dir = join(root, name);
      if (name === build) continue;
      const link = await SupervisorLink.connect(supervisorDir(dir).socket, this.parts.log);
      if (link) this.add(name, link);
      else if (hasLeftovers(dir)) this.add(name, await connectOrLaunch(dir, this.parts));
      else removeSupervisorDir(dir);
    }
    this.add(build, await connectOrLaunch(join(root, build), this.parts));
    // Supervisors of earlier versions end by themselves when they hold nothing any more.
    for (const [name, link] of this.links) if (name !== build) link.send({ type: "end" });
    return [...this.links.values()].flatMap((link) => link.held);
  }

  listen(): void {
    for (const [name, link] of this.links) this.hear(name, link);
  }

  /** The directories in which executions have theirs. */
  workRoots(): string[] {
    const { root } = this.parts;
    return supervisorNames(root).map((name) => supervisorDir(join(root, name)).work);
  }

  get processes(): { pid: number; build: string }[] {
    return [...this.links].map(([build, link]) => ({ pid: link.pid, build }));
  }

  /** What enforces the limits of new jobs of that type, in words; undefined: not known yet. */
  enforcedBy(type: JobType): string | undefined {
    return this.links.get(this.parts.build)?.enforcedBy[type];
  }

  start(order: StartOrder): void {
    const { build } = this.parts;
    this.places.set(order.assignment.executionId, build);
    if (!this.links.has(build) && !this.waiting.has(build)) void this.bring(build, "rested");
    this.send(build, { type: "start", order });
  }

  /** The owner's grants have changed. They apply to jobs that start from now on. */
  grantsChanged(): void {
    for (const link of this.links.values()) link.send({ type: "grants", grants: this.parts.grants() });
  }

  /** Ends the supervisor when there is nothing to do. The next `start` starts another. */
  rest(): void {
    const link = this.links.get(this.parts.build);
    if (!link || this.places.size > 0) return;
    this.links.delete(this.parts.build);
    link.send({ type: "end" });
    void link.close();
  }

  tell(executionId: string, type: "cancel" | "kill" | "drop" | "forget"): void {
    const place = this.places.get(executionId);
    if (place !== undefined) this.send(place, { type, executionId });
    if (type === "forget") this.places.delete(executionId);
  }

  found(executionId: string, found: Found): void {
    const place = this.places.get(executionId);
    if (place !== undefined) this.send(place, { type: "found", executionId, ...found });
  }

  stored(executionId: string, seq: number): void {
    const place = this.places.get(executionId);
    if (place !== undefined) this.send(place, { type: "stored", executionId, seq });
  }

  /** Asks every supervisor what its executions use. */
  sample(): void {
    for (const link of this.links.values()) link.send({ type: "sample" });
  }

  serverIs(state: "away" | "back"): void {
    for (const link of this.links.values())
      link.send({ type: state === "away" ? "serverAway" : "serverBack" });
  }

  /** Disconnects. Jobs run on; supervisors without jobs end. */
  async close(): Promise<void> {
    this.closing = true;
    const links = [...this.links.values()];
    for (const link of links) link.send({ type: "end" });
    await inTime(END_LIMIT_MS, Promise.all(links.map((link) => link.close())));
  }

  private send(place: string, order: Order): void {
    const link = this.links.get(place);
    if (link) link.send(order);
    else this.waiting.get(place)?.push(order);
  }

  private add(name: string, link: SupervisorLink): void {
    this.links.set(name, link);
    link.send({ type: "grants", grants: this.parts.grants() });
    for (const held of link.held) this.places.set(held.executionId, name);
  }

  private hear(name: string, link: SupervisorLink): void {
    link.listen({
      onNews: (news) => this.parts.onNews(news),
      onUsage: (samples) => this.parts.onUsage(samples),
      onClosed: () => {
        if (this.links.get(name) === link) void this.replace(name);
      },
    });
  }

  /** The supervisor is gone. The next one kills what it left and says what it holds; every other job is lost. */
  private async replace(name: string): Promise<void> {
    this.links.delete(name);
    if (this.closing || !this.parts.ownsStateDir()) return;
    const { root, build, log } = this.parts;
    const dir = join(root, name);
    if (name !== build && !hasLeftovers(dir)) {
      removeSupervisorDir(dir);
      return this.lose(name, []);
    }
    log.error("The process that holds this machine's jobs is gone; starting another one.");
    await this.bring(name, "died");
  }

  private async bring(name: string, after: "rested" | "died"): Promise<void> {
    this.waiting.set(name, []);
    try {
      if (after === "died") await this.pauseBeforeRestart();
      const link = await connectOrLaunch(join(this.parts.root, name), this.parts);
      this.add(name, link);
      this.lose(name, link.held);
      this.hear(name, link);
      // Only the new supervisor knows what ended while the old one died.
      for (const { executionId, lastSeq, ended } of link.held)
        if (ended) this.parts.onNews({ type: "ended", executionId, lastSeq, ...ended });
      for (const order of this.waiting.get(name) ?? []) link.send(order);
      this.waiting.delete(name);
    } catch (error) {
      this.waiting.delete(name);
      this.lose(name, []);
      this.parts.onFailure(error instanceof AgentError ? error : new AgentError(textOf(error)));
    }
  }

  /** The server gives up jobs that kill their supervisor after a few attempts. Until then each restart waits longer. */
  private async pauseBeforeRestart(): Promise<void> {
    const nowMs = performance.now();
    this.restarts = this.restarts.filter((atMs) => nowMs - atMs < RESTARTS_FORGOTTEN_AFTER_MS);
    await pause(Math.min(RESTART_PAUSE_MS * this.restarts.length ** 2, MAX_RESTART_PAUSE_MS));
    this.restarts.push(nowMs);
  }

  private lose(name: string, survivors: readonly HeldExecution[]): void {
    const kept = new Set(survivors.map((held) => held.executionId));
    const orders = this.waiting.get(name) ?? [];
    for (const order of orders) if (order.type === "start") kept.add(order.order.assignment.executionId);
    const lost = [...this.places].filter(([id, place]) => place === name && !kept.has(id)).map(([id]) => id);
    if (lost.length > 0) this.parts.onLost(lost);
  }
}
