import { join } from "node:path";
import type { JobType } from "../../shared/manifest.ts";
import { textOf } from "../../shared/text-of.ts";
import { inTime, pause } from "../../shared/wait.ts";
import { AgentError } from "../process/agent-error.ts";
import type { Grants } from "./grants.ts";
import { connectOrLaunch, type LaunchOptions } from "./launch.ts";
import { type ExecutionNews, SupervisorLink } from "./link.ts";
import type { HeldExecution, Order, StartOrder } from "./protocol.ts";
import { hasLeftovers, removeSupervisorDir, supervisorDir, supervisorNames } from "./supervisor-dir.ts";

export interface SupervisorsParts extends LaunchOptions {
  /** Each supervisor has a directory below it. */
  root: string;
  /** Names the program that runs now: after an upgrade, what runs under the old one stays with the old one. */
  build: string;
  /** Whether this agent still is the one of its directory: else what becomes of the supervisors is another's to see to. */
  ownsStateDir(): boolean;
  /** Asked for whenever a supervisor is new. */
  grants(): Grants;
  onNews(news: ExecutionNews): void;
  /** These executions ended with their supervisor; nothing more is known about them. */
  onLost(executionIds: readonly string[]): void;
  /** No supervisor can be started any more. */
  onFailure(error: AgentError): void;
}

/** Waited before the second restart within a minute, four times as long before the third, and so on. */
const RESTART_PAUSE_MS = 200;
const MAX_RESTART_PAUSE_MS = 10_000;
const RESTARTS_FORGOTTEN_AFTER_MS = 60_000;
const END_LIMIT_MS = 2_000;

/**
 * The processes that hold this machine's jobs, as the agent sees them: usually one. Beside it there may be those of
 * an earlier version of the program, which go when their last job is over.
 */
export class Supervisors {
  /** By directory name. */
  private readonly links = new Map<string, SupervisorLink>();
  /** Where each execution is. */
  private readonly places = new Map<string, string>();
  /** Orders for one that is just being started. */
  private readonly waiting = new Map<string, Order[]>();
  private restarts: number[] = [];
  private closing = false;

  constructor(private readonly parts: SupervisorsParts) {}

  /** Finds or starts them, and says what they have. What they have to tell comes after `listen`. */
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
    // Those of an earlier version end by themselves when nothing is left there.
    for (const [name, link] of this.links) if (name !== build) link.send({ type: "end" });
    return [...this.links.values()].flatMap((link) => link.held);
  }

  listen(): void {
    for (const [name, link] of this.links) this.hear(name, link);
  }

  get processes(): { pid: number; build: string }[] {
    return [...this.links].map(([build, link]) => ({ pid: link.pid, build }));
  }

  /** What holds new jobs of that type to their limits, for people; undefined: nobody has said so yet. */
  enforcedBy(type: JobType): string | undefined {
    return this.links.get(this.parts.build)?.enforcedBy[type];
  }

  start(order: StartOrder): void {
    const { build } = this.parts;
    this.places.set(order.assignment.executionId, build);
    if (!this.links.has(build) && !this.waiting.has(build)) void this.bring(build, "rested");
    this.send(build, { type: "start", order });
  }

  /** What the owner grants has changed; it counts for what is started from now on. */
  grantsChanged(): void {
    for (const link of this.links.values()) link.send({ type: "grants", grants: this.parts.grants() });
  }

  /** Where nothing is left to do, no process needs to wait for more; the next `start` brings one again. */
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

  stored(executionId: string, seq: number): void {
    const place = this.places.get(executionId);
    if (place !== undefined) this.send(place, { type: "stored", executionId, seq });
  }

  serverIs(state: "away" | "back"): void {
    for (const link of this.links.values())
      link.send({ type: state === "away" ? "serverAway" : "serverBack" });
  }

  /** Leaves. What runs goes on; a supervisor where nothing runs ends. */
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
      onClosed: () => {
        if (this.links.get(name) === link) void this.replace(name);
      },
    });
  }

  /** The supervisor is gone: another one ends for certain what it left, and then it is known what is lost. */
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
      // What ended as the one before died is known to the new one alone.
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

  /** The jobs that killed it are given up by the server after a few times; until then it is started ever more slowly. */
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
