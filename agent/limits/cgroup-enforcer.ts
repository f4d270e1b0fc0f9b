import { singleQuoted } from "../../shared/shell-word.ts";
import { textOf } from "../../shared/text-of.ts";
import { pause } from "../../shared/wait.ts";
import type { Environment } from "../process/environment.ts";
import { Patience } from "../process/patience.ts";
import type { Cgroup, CgroupTree } from "./cgroup.ts";
import {
  hasLimits,
  type LimitEnforcement,
  type LimitEnforcer,
  LimitError,
  type LimitHandle,
  toMib,
} from "./limit-enforcer.ts";
import type { ExceededLimit, TaskLimits, TaskSample, TaskUsage } from "./limits.ts";
import type { SamplingEnforcer, SamplingHandle } from "./sampling-enforcer.ts";

/** How often to check whether the kernel killed processes for lack of memory. */
const OOM_LOOK_MS = 200;
/** A group stays busy for a moment after its last process is gone. */
const REMOVE_LIMIT_MS = 2_000;

/** The variables that a shell adds to its environment by itself. */
const SHELL_VARIABLES = ["PWD", "OLDPWD", "SHLVL"];

/** Puts each job into a control group of its own. Limits for which the kernel has no controller are left to samples. */
export class CgroupEnforcer implements LimitEnforcer {
  readonly enforcement: LimitEnforcement;
  private readonly oomWatch = new OomWatch();
  /** Groups that could not be removed yet. */
  private left: Cgroup[] = [];

  constructor(
    private readonly tree: CgroupTree,
    private readonly sampling: SamplingEnforcer,
  ) {
    const { cpu, memory, pids, enforcedBy } = tree.enforcement;
    const rest = [cpu, memory, pids].includes("none") ? `, the rest: ${sampling.enforcement.enforcedBy}` : "";
    this.enforcement = {
      cpu: cpu === "kernel" ? cpu : sampling.enforcement.cpu,
      memory: memory === "kernel" ? memory : sampling.enforcement.memory,
      pids: pids === "kernel" ? pids : sampling.enforcement.pids,
      enforcedBy: `${enforcedBy}${rest}`,
    };
  }

  limit(executionId: string, limits: TaskLimits): LimitHandle {
    if (!hasLimits(limits)) return this.sampling.limit(executionId, limits);
    this.left = this.left.filter((group) => !group.remove());
    let group: Cgroup;
    try {
      group = this.tree.create(executionId, limits);
    } catch (error) {
      const what = "The node could not create a control group with the job's limits";
      throw new LimitError(`${what}: ${textOf(error)}`, { cause: error });
    }
    const unkept = this.unkept(limits);
    // If the kernel does not count memory, only samples show the peak.
    const needsSamples = hasLimits(unkept) || this.tree.enforcement.memory === "none";
    const sampled = needsSamples ? this.sampling.limit(executionId, unkept) : undefined;
    const { oomWatch } = this;
    return new CgroupHandle({ group, limits, sampled, oomWatch, onLeft: (one) => this.left.push(one) });
  }

  async recover(executionIds: readonly string[]): Promise<void> {
    const groups = executionIds.flatMap((id) => this.tree.find(id) ?? []);
    await Promise.all(groups.map(endGroupOf));
    await this.sampling.recover(executionIds);
    for (const group of groups) if (!(await removed(group))) this.left.push(group);
  }

  /** The limits for which the kernel has no controller. */
  private unkept(limits: TaskLimits): TaskLimits {
    const { cpu, memory, pids } = this.tree.enforcement;
    return {
      ...(cpu === "none" && limits.cpu !== undefined && { cpu: limits.cpu }),
      ...(memory === "none" && limits.memoryMb !== undefined && { memoryMb: limits.memoryMb }),
      ...(pids === "none" && limits.pids !== undefined && { pids: limits.pids }),
    };
  }
}

interface CgroupHandleParts {
  group: Cgroup;
  limits: TaskLimits;
  /** Enforces the limits that the group does not. */
  sampled: SamplingHandle | undefined;
  oomWatch: OomWatch;
  /** Called if the group cannot be removed now. */
  onLeft(group: Cgroup): void;
}

class CgroupHandle implements LimitHandle {
  /** The last numbers of the group, read before it was removed. */
  private last: { usage: TaskUsage; exceeded: ExceededLimit | undefined; refusedStarts: number } | undefined;

  constructor(private readonly parts: CgroupHandleParts) {}

  /**
   * A shell that puts itself into the groups and then becomes the command. It unsets the variables that it added, so the
   * command gets the environment that it would get without the shell.
   */
  entrance(environment: Environment): string[] {
    const enter = this.parts.group.entrances.map((path) => `echo $$ >${singleQuoted(path)}`).join(" && ");
    const failed = `echo "The job could not be put into its control group, so it was not started." >&2; exit 125`;
    const forget = ["unset", ...SHELL_VARIABLES.filter((name) => !(name in environment))].join(" ");
    return ["/bin/sh", "-c", `{ ${enter}; } || { ${failed}; }; ${forget}; exec "$@"`, "sh"];
  }

  get groups(): readonly string[] {
    return this.parts.group.entrances;
  }

  begin(leaderPid: number, onExceeded: () => void, keeperPid?: number): void {
    const { oomWatch, group, limits, sampled } = this.parts;
    if (limits.memoryMb !== undefined) oomWatch.add(group, onExceeded);
    sampled?.begin(leaderPid, onExceeded, keeperPid);
  }

  members(): number[] {
    return this.last ? [] : this.parts.group.pids();
  }

  async end(): Promise<void> {
    await endGroupOf(this.parts.group);
    await this.parts.sampled?.end();
  }

  exceeded(): ExceededLimit | undefined {
    if (this.last) return this.last.exceeded;
    const { group, limits, sampled } = this.parts;
    const { memoryMb } = limits;
    if (memoryMb === undefined || group.oomKills() === 0) return sampled?.exceeded();
    // The kernel's peak does not include what it refused.
    return { limit: "memoryMb", allowed: memoryMb, peak: Math.max(memoryMb, toMib(group.peakBytes())) };
  }

  refusedStarts(): number {
    return this.last?.refusedStarts ?? this.parts.group.refusedStarts();
  }

  usage(): TaskUsage {
    if (this.last) return this.last.usage;
    const { group, sampled } = this.parts;
    const cpuSeconds = group.cpuSeconds();
    const peakBytes = group.peakBytes();
    return {
      ...sampled?.usage(),
      ...(cpuSeconds > 0 && { cpuSeconds }),
      ...(peakBytes > 0 && { peakMemoryMb: toMib(peakBytes) }),
    };
  }

  sample(): TaskSample | undefined {
    if (this.last) return undefined;
    const { group, sampled } = this.parts;
    const seen = sampled?.sample();
    const cpuSeconds = group.cpuSeconds() || seen?.cpuSeconds;
    const heldBytes = group.heldBytes();
    const memoryMb = heldBytes > 0 ? toMib(heldBytes) : seen?.memoryMb;
    return cpuSeconds === undefined || memoryMb === undefined ? undefined : { cpuSeconds, memoryMb };
  }

  async release(): Promise<void> {
    const { group, sampled, oomWatch, onLeft } = this.parts;
    oomWatch.remove(group);
    await sampled?.release();
    this.last = { usage: this.usage(), exceeded: this.exceeded(), refusedStarts: this.refusedStarts() };
    if (!(await removed(group))) onLeft(group);
  }
}

/** One timer that checks for all jobs with a memory limit whether the kernel killed in their groups. */
class OomWatch {
  private readonly groups = new Map<Cgroup, () => void>();
  private timer: ReturnType<typeof setInterval> | undefined;

  add(group: Cgroup, onKill: () => void): void {
    this.groups.set(group, onKill);
    this.timer ??= setInterval(() => this.look(), OOM_LOOK_MS);
  }

  remove(group: Cgroup): void {
    this.groups.delete(group);
    if (this.groups.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private look(): void {
    for (const [group, onKill] of this.groups) {
      if (group.oomKills() === 0) continue;
      this.remove(group);
      onKill();
    }
  }
}

async function endGroupOf(group: Cgroup): Promise<void> {
  const patience = new Patience();
  for (let waitMs = 1; group.pids().length > 0; waitMs = Math.min(waitMs * 2, 50)) {
    if (patience.isOver(() => group.pids())) return;
    group.kill();
    await pause(waitMs);
  }
}

async function removed(group: Cgroup): Promise<boolean> {
  const deadlineMs = performance.now() + REMOVE_LIMIT_MS;
  for (let waitMs = 1; !group.remove(); waitMs = Math.min(waitMs * 2, 100)) {
    if (performance.now() > deadlineMs) return false;
    await pause(waitMs);
  }
  return true;
}
