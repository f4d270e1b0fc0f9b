import { MemoryBus } from "../../../server/bus/memory-bus.ts";
import { openStores } from "../../../server/compose/open-stores.ts";
import type { Stores } from "../../../server/compose/stores.ts";
import { pricingOf } from "../../../server/credit/pricing.ts";
import { isoTime } from "../../../server/http/iso-time.ts";
import type { TokenSet } from "../../../shared/auth.ts";
import { batchOf, runsOf } from "../../../shared/line-runs.ts";
import type { Assignment, ExecutionReport } from "../../../shared/node.ts";
import type { As } from "../api.ts";
import { TestPlane } from "../plane.ts";
import { PlayedNode } from "../played-node.ts";
import { Agenda, Chance } from "./agenda.ts";
import { MACHINES, type Machine } from "./fleet.ts";
import { Gauges } from "./gauges.ts";
import {
  EVALUATION,
  HOSTED,
  LONG_BACKUP_SECONDS,
  SCHEDULED,
  STORIES,
  shareOf,
  WORK,
  type Work,
} from "./work.ts";

const DAYS = 6;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const AFTERNOON = 15;
/** No place on earth is further ahead. */
const MOST_AHEAD = 14;
const TOKEN_MS = 10 * MINUTE_MS;
/** Longer than the server waits before the first retries. */
const RETRY_MS = 90_000;
/** A poll that finds nothing waits this long, by the real clock. */
const POLL_SECONDS = 0.1;
const ARRAY = { name: "render frames", array: "1-36", hour: 22 };
const FRAMES: Work = {
  job: {
    name: ARRAY.name,
    command: "blender -b scene.blend -f $TANVRIT_ARRAY_INDEX",
    labels: { os: "linux" },
  },
  ...{ user: "jonas", rhythm: "night", perHour: 0, seconds: [400, 1_300], failing: 0.04 },
  uses: { cpu: 3.9, memoryMb: 5_200 },
};
const ALL: readonly Work[] = [...WORK, ...STORIES, ...SCHEDULED, FRAMES];

type End = Pick<ExecutionReport, "status" | "exitCode" | "message">;

/** What runs on a node: by what it does, one can tell what it uses. */
export interface Held {
  executionId: string;
  jobId: string;
  businessId: string;
  work: Work;
  startedAtMs: number;
}

export interface PastNode {
  machine: Machine;
  nodeId: string;
  as: As;
  held: Map<string, Held>;
}

/** What is left of the past when the present begins. */
export interface Past {
  nodes: readonly PastNode[];
  scheduleId: string;
  templateId: string;
  /** A job that runs again after its first attempt failed. */
  retriedJobId: string;
}

/** The hours by which the place of the past is ahead of UTC: its clocks say that it is afternoon now. */
export function hoursAhead(nowMs: number): number {
  const hours = AFTERNOON - new Date(nowMs).getUTCHours();
  return hours > MOST_AHEAD ? hours - 24 : hours;
}

/** The config of a server that goes on with the past. */
export const pastConfig = HOSTED;

/**
 * Plays the last days of a team on the stores of a server that does not run yet: a control plane whose clock jumps from one
 * thing that happens to the next, nodes that run the jobs, and people. Ends when its clock has caught up with the real one.
 */
export async function playPast(dataDir: string, user: string): Promise<Past> {
  const stores = await openStores({ store: "sqlite", dataDir, secretKeyFile: undefined });
  const beginsAtMs = Math.floor((Date.now() - DAYS * DAY_MS) / HOUR_MS) * HOUR_MS;
  const plane = await TestPlane.start({ stores, bus: new MemoryBus() }, pricingOf(HOSTED), beginsAtMs);
  // Ids have the time of their making in them, and lists are in the order of ids.
  const { randomUUIDv7 } = Bun;
  Bun.randomUUIDv7 = ((encoding?: "hex", atMs?: number) =>
    randomUUIDv7(encoding, atMs ?? plane.now())) as typeof randomUUIDv7;
  try {
    const player = new Player(plane, stores, user);
    return await player.play(beginsAtMs);
  } finally {
    Bun.randomUUIDv7 = randomUUIDv7;
    await plane[Symbol.asyncDispose]();
    await stores.close();
  }
}

class Player {
  private readonly agenda = new Agenda();
  private readonly chance = new Chance(20_261_130);
  private readonly signedIn = new Map<string, { tokens: TokenSet; atMs: number }>();
  private readonly nodes: PastNode[] = [];
  /** By pool: about how many jobs wait. */
  private readonly waiting = new Map<string, number>();
  private readonly gauges: Gauges;

  constructor(
    private readonly plane: TestPlane,
    private readonly stores: Stores,
    private readonly owner: string,
  ) {
    this.gauges = new Gauges(stores, this.chance);
  }

  async play(beginsAtMs: number): Promise<Past> {
    const { api } = this.plane;
    const anna = await this.as("anna");
    for (const machine of MACHINES) {
      const node = await PlayedNode.register(api, anna, machine.description);
      this.nodes.push({ machine, nodeId: node.nodeId, as: node.as, held: new Map() });
    }
    await this.plane.run("compute-template-seed");
    const { templateId } = await api.call("templates.create", EVALUATION, anna);
    const schedules: string[] = [];
    for (const { job, cron, overlap, timeZone } of SCHEDULED) {
      const rule = { name: job.name.replaceAll(" ", "-"), cron, overlap, timeZone };
      const created = await api.call("schedules.create", { ...rule, job: { command: "true", ...job } }, anna);
      schedules.push(created.scheduleId);
    }
    this.plan(beginsAtMs);
    for (let entry = this.agenda.next(Date.now()); entry; entry = this.agenda.next(Date.now())) {
      this.plane.setTime(Math.max(entry.atMs, this.plane.now()));
      await entry.happen();
    }
    await this.leaveRunning();
    await this.plane.run("compute-history");
    await this.gauges.flush(this.plane.now());
    const retried = this.nodes.flatMap(({ held }) => [...held.values()]).find(({ work }) => work.firstFails);
    if (!retried) throw new Error("no job runs again");
    return { nodes: this.nodes, scheduleId: schedules[0] ?? "", templateId, retriedJobId: retried.jobId };
  }

  /** Everything that is known to happen. */
  private plan(beginsAtMs: number): void {
    const nowMs = Date.now();
    for (let atMs = beginsAtMs; atMs < nowMs; atMs += HOUR_MS) {
      const hour = new Date(atMs + hoursAhead(nowMs) * HOUR_MS).getUTCHours();
      for (const work of WORK) {
        const count = Math.floor(work.perHour * shareOf(work.rhythm, hour) + this.chance.next());
        for (let i = 0; i < count; i++)
          this.agenda.add(atMs + this.chance.next() * HOUR_MS, () => this.submit(work));
      }
      if (hour === ARRAY.hour) this.agenda.add(atMs + 17 * MINUTE_MS, () => this.submitFrames());
      this.agenda.add(atMs, () => this.plane.run("compute-history"));
    }
    for (let minute = 30 * MINUTE_MS; beginsAtMs + minute < nowMs; minute += 30 * MINUTE_MS)
      for (const offset of [0, 15 * MINUTE_MS])
        this.agenda.add(beginsAtMs + minute + offset + 500, () => this.fireSchedules());
    for (const atMs of this.gauges.times(beginsAtMs, nowMs))
      this.agenda.add(atMs, async () => this.gauges.look(atMs, nowMs, this.nodes, this.waitingJobs()));
    for (const story of STORIES)
      this.agenda.add(nowMs - story.minutesAgo * MINUTE_MS, () => this.submit(story));
    this.agenda.add(beginsAtMs + DAY_MS, () => this.grant(25, "evaluations for the release"));
    for (const node of this.nodes) {
      const { drainingForMinutes, goneForMinutes } = node.machine;
      if (goneForMinutes !== undefined)
        this.agenda.add(nowMs - goneForMinutes * MINUTE_MS, () => this.vanish(node));
      if (drainingForMinutes === undefined) continue;
      this.agenda.add(nowMs - drainingForMinutes * MINUTE_MS, async () => {
        await this.plane.api.call("nodes.drain", { nodeId: node.nodeId, drain: true }, await this.as("anna"));
      });
    }
  }

  private async submit(work: Work): Promise<void> {
    const { api } = this.plane;
    const user = await this.as(work.user);
    if (work.template) {
      const { name, params } = work.template;
      await api.call("templates.run", { template: name, params }, user);
      return this.wait(EVALUATION.job.pool, 1);
    }
    await api.call("jobs.submit", { command: "true", ...work.job }, user);
    await this.wait(work.job.pool ?? "default", 1);
  }

  private async submitFrames(): Promise<void> {
    const user = await this.as(FRAMES.user);
    await this.plane.api.call("jobs.submit", { command: "true", ...FRAMES.job, array: ARRAY.array }, user);
    await this.wait("default", 36);
  }

  private async fireSchedules(): Promise<void> {
    const due = await this.stores.schedules.due(this.plane.now(), SCHEDULED.length);
    if (due.length === 0) return;
    await this.plane.run("compute-schedules");
    await this.wait("default", due.length);
  }

  private async grant(usd: number, reason: string): Promise<void> {
    const grant = { user: this.nameOf("anna"), amountMicroUsd: usd * 1_000_000, reason };
    await this.plane.api.call("credits.grant", grant, await this.as("anna"));
  }

  /** What runs now has written its log and used its machine, and its nodes are alive. */
  private async leaveRunning(): Promise<void> {
    const nowMs = this.plane.now();
    for (const node of this.nodes) {
      for (const one of node.held.values()) {
        await this.write(node.as, one, nowMs);
        await this.gauges.keep(one, nowMs);
      }
      if (node.machine.goneForMinutes === undefined) await this.beat(node);
    }
  }

  private async vanish(node: PastNode): Promise<void> {
    await this.beat(node);
    const { businessId } = await this.identity();
    await this.stores.nodes.update(businessId, node.nodeId, { offline: true });
  }

  private async beat({ machine, as, held }: PastNode): Promise<void> {
    const beat = { executions: [...held.keys()], condition: machine.condition ?? {} };
    await this.plane.api.call("nodes.heartbeat", beat, as);
  }

  private async write(as: As, { executionId, work, startedAtMs }: Held, untilMs: number): Promise<void> {
    if (!work.says) return;
    const { everySeconds, line } = work.says;
    const count = Math.floor((untilMs - startedAtMs) / everySeconds / 1_000);
    const lines = Array.from({ length: count }, (_, i) => ({
      ...{ seq: i + 1, stream: "stdout" as const, text: line(i + 1) },
      at: isoTime(startedAtMs + (i + 1) * everySeconds * 1_000),
    }));
    if (count > 0)
      await this.plane.api.call("nodes.logs", { batches: [batchOf(executionId, runsOf(lines))] }, as);
  }

  private waitingJobs(): number {
    return [...this.waiting.values()].reduce((sum, count) => sum + count, 0);
  }

  /** More jobs wait in a pool: its nodes ask for them. */
  private async wait(pool: string, count: number): Promise<void> {
    this.waiting.set(pool, (this.waiting.get(pool) ?? 0) + count);
    await this.handOut(pool);
  }

  private async handOut(pool: string): Promise<void> {
    const ready = this.nodes.filter((node) => node.machine.description.pool === pool && this.isReady(node));
    // The node with the most room first.
    ready.sort((a, b) => roomOf(b) - roomOf(a));
    let taken = 0;
    for (const node of ready) {
      const waiting = this.waiting.get(pool) ?? 0;
      if (waiting === 0 || roomOf(node) === 0) continue;
      const poll = {
        executions: [...node.held.keys()],
        maxAssignments: Math.min(roomOf(node), Math.max(1, Math.ceil(waiting / ready.length))),
        waitSeconds: POLL_SECONDS,
      };
      const { assignments } = await this.plane.api.call("nodes.poll", poll, node.as);
      this.waiting.set(pool, waiting - assignments.length);
      taken += assignments.length;
      for (const assignment of assignments) await this.begin(node, assignment);
    }
    // A fire that was skipped has no job: nobody waits.
    if (taken === 0 && ready.some((node) => roomOf(node) > 0)) this.waiting.set(pool, 0);
  }

  private isReady({ machine }: PastNode): boolean {
    const { goneForMinutes, drainingForMinutes, condition } = machine;
    const leftMs = Date.now() - this.plane.now();
    // One that refuses jobs has done so for an hour.
    const refusingMinutes = condition?.refusing === undefined ? 0 : 60;
    const minutes = Math.max(goneForMinutes ?? 0, drainingForMinutes ?? 0, refusingMinutes);
    return leftMs > minutes * MINUTE_MS && condition?.suspended !== true;
  }

  private async begin(node: PastNode, { executionId, jobId, manifest, attempt }: Assignment): Promise<void> {
    const work = ALL.find(({ job }) => job.name === manifest.name) ?? FRAMES;
    const startedAtMs = this.plane.now() + 800;
    this.plane.setTime(startedAtMs);
    const { businessId } = await this.identity();
    node.held.set(executionId, { executionId, jobId, businessId, work, startedAtMs });
    await this.report(node, { executionId, status: "RUNNING", at: isoTime(startedAtMs) });
    const { seconds, ...end } = this.fateOf(work, attempt, startedAtMs);
    this.agenda.add(startedAtMs + seconds * 1_000, async () => {
      if (end.status === "CANCELLED")
        await this.plane.api.call("jobs.cancel", { jobId }, await this.as(work.user));
      await this.end(node, executionId, end);
      if (end.status !== "FAILED" || (work.job.maxRetries ?? 0) === 0) return;
      this.agenda.add(this.plane.now() + RETRY_MS, async () => {
        await this.plane.run("compute-retry");
        await this.wait(manifest.pool, 1);
      });
    });
  }

  /** How long an attempt runs, and how it ends. */
  private fateOf(work: Work, attempt: number, startedAtMs: number): End & { seconds: number } {
    if (work.firstFails && attempt === 1) {
      const { afterSeconds, message } = work.firstFails;
      return { seconds: afterSeconds, status: "FAILED", exitCode: 1, message };
    }
    const isLong = work.job.name === "sync backups" && new Date(startedAtMs).getUTCHours() === 2;
    const seconds = isLong ? LONG_BACKUP_SECONDS : this.chance.between(...work.seconds);
    if (this.chance.happens(work.cancelled ?? 0))
      return { seconds: seconds * this.chance.next(), status: "CANCELLED" };
    if (this.chance.happens(work.failing))
      return { seconds: seconds * this.chance.next(), status: "FAILED", exitCode: work.exitCode ?? 1 };
    return { seconds, status: "SUCCEEDED", exitCode: 0 };
  }

  private async end(node: PastNode, executionId: string, end: End): Promise<void> {
    const held = node.held.get(executionId);
    node.held.delete(executionId);
    const nowMs = this.plane.now();
    const usage = held && {
      cpuSeconds: (held.work.uses.cpu * (nowMs - held.startedAtMs)) / 1_000,
      peakMemoryMb: held.work.uses.memoryMb * 1.08,
    };
    if (held) await this.write(node.as, held, nowMs);
    await this.report(node, { executionId, at: isoTime(nowMs), ...end, ...usage });
    if (held) await this.gauges.keep(held, nowMs);
    await this.handOut(node.machine.description.pool);
  }

  private async report({ as }: PastNode, report: ExecutionReport): Promise<void> {
    await this.plane.api.call("nodes.result", { reports: [report] }, as);
  }

  private nameOf(user: string): string {
    return user === "anna" ? this.owner : user;
  }

  private async identity() {
    await this.as("anna");
    const known = this.signedIn.get("anna");
    if (!known) throw new Error("anna is not signed in");
    return known.tokens.identity;
  }

  /** A person, with a token that is valid now. */
  private async as(user: string): Promise<As> {
    const { api } = this.plane;
    const atMs = this.plane.now();
    let known = this.signedIn.get(user);
    if (!known || atMs - known.atMs > TOKEN_MS) {
      const refreshToken = known?.tokens.refreshToken;
      const tokens =
        refreshToken === undefined
          ? await api.signIn("local", this.nameOf(user))
          : await api.call("auth.refresh", { refreshToken });
      known = { tokens, atMs };
      this.signedIn.set(user, known);
    }
    return { token: known.tokens.accessToken };
  }
}

function roomOf({ machine, held }: PastNode): number {
  return machine.description.capacity.slots - held.size;
}
