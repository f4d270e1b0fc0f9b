import { textOf } from "../../shared/text-of.ts";
import { inTime } from "../../shared/wait.ts";
import { type AndroidFacts, detectAndroid } from "./android.ts";
import { type DockerFacts, detectDocker } from "./docker.ts";
import { absent, DETECT_TIMEOUT_MS, type DetectContext, type Finding } from "./finding.ts";
import { usableGpus } from "./gpu.ts";
import { detectHost, type HostFacts } from "./host.ts";
import { labelsOf } from "./labels.ts";
import type { MachineFacts } from "./machine-facts.ts";
import { detectMetal, type MetalFacts } from "./metal.ts";
import { detectNvidia, type NvidiaFacts } from "./nvidia.ts";
import { detectRocm, type RocmFacts } from "./rocm.ts";

export interface DetectOptions {
  /** The agent's environment; default: that of this process. */
  environment?: Readonly<Record<string, string | undefined>>;
  platform?: NodeJS.Platform;
  /** The time limit for all detectors together. */
  timeoutMs?: number;
}

/** A tool times out a little earlier than its detector, because the tool's message says better what was wrong. */
const TOOL_SHARE = 0.95;

/** The result of one look at the machine. */
export interface Sight {
  machine: MachineFacts;
  /** What each detector found. */
  findings: Findings;
}

/** Runs all detectors in parallel. Never throws, and never takes longer than its timeout, even if a tool or a disk hangs. */
export async function detectMachine(options: DetectOptions = {}): Promise<MachineFacts> {
  return (await lookAtMachine(options)).machine;
}

/** Like `detectMachine`, with the findings that `lookAgain` needs. */
export async function lookAtMachine(options: DetectOptions = {}): Promise<Sight> {
  const host = detectHost();
  const context = contextOf(options, host);
  const [gpus, docker, android] = await Promise.all([
    findGpus(context),
    bounded("a container engine", detectDocker, context),
    bounded("an Android SDK", detectAndroid, context),
  ]);
  return sightOf(host, { ...gpus, docker, android });
}

/**
 * Checks what may have come or gone since then: the engine, and GPUs if none were found before. GPUs that were found
 * stay unchanged: jobs use them by their numbers, and a tool that fails once must not take them away.
 */
export async function lookAgain(before: Sight, options: DetectOptions = {}): Promise<Sight> {
  const { host, gpus: known } = before.machine;
  const context = contextOf(options, host);
  const [gpus, docker] = await Promise.all([
    known.length > 0 ? {} : findGpus(context),
    bounded("a container engine", detectDocker, context),
  ]);
  return sightOf(host, { ...before.findings, ...gpus, docker });
}

/** Whether the machine may have GPUs that no tool could list. */
export function hasBrokenGpus({ machine, findings: { nvidia, rocm, metal } }: Sight): boolean {
  return machine.gpus.length === 0 && [nvidia, rocm, metal].some((one) => one.problems.length > 0);
}

function sightOf(host: HostFacts, findings: Findings): Sight {
  return { machine: machineOf(host, findings), findings };
}

function contextOf(options: DetectOptions, host: HostFacts): DetectContext {
  const timeoutMs = options.timeoutMs ?? DETECT_TIMEOUT_MS;
  return {
    environment: options.environment ?? process.env,
    platform: options.platform ?? process.platform,
    memoryMb: host.memoryMb,
    deadlineMs: performance.now() + timeoutMs * TOOL_SHARE,
    timeoutMs,
  };
}

async function findGpus(context: DetectContext): Promise<Pick<Findings, "nvidia" | "rocm" | "metal">> {
  const [nvidia, rocm, metal] = await Promise.all([
    bounded("NVIDIA GPUs", detectNvidia, context),
    bounded("AMD GPUs", detectRocm, context),
    bounded("GPUs", detectMetal, context),
  ]);
  return { nvidia, rocm, metal };
}

export interface Findings {
  nvidia: Finding<NvidiaFacts>;
  rocm: Finding<RocmFacts>;
  metal: Finding<MetalFacts>;
  docker: Finding<DockerFacts>;
  android: Finding<AndroidFacts>;
}

/** Combines what the detectors found. Pure. */
export function machineOf(host: HostFacts, findings: Findings): MachineFacts {
  const { nvidia, rocm, metal, docker, android } = findings;
  const { gpus, problems } = usableGpus([
    ...(nvidia.found?.gpus ?? []),
    ...(rocm.found?.gpus ?? []),
    ...(metal.found?.gpus ?? []),
  ]);
  return withLabels({
    host,
    gpus,
    ...withoutGpus("nvidia", nvidia.found),
    ...withoutGpus("rocm", rocm.found),
    ...withoutGpus("metal", metal.found),
    ...(docker.found && { docker: docker.found }),
    ...(android.found && { android: android.found }),
    problems: [nvidia, rocm, metal, docker, android].flatMap((one) => one.problems).concat(problems),
  });
}

/** A machine on which nothing was detected: only the facts that every machine has. */
export function bareMachine(host: HostFacts = detectHost()): MachineFacts {
  return withLabels({ host, gpus: [], problems: [] });
}

/** The machine as its owner wants to announce it: with the first `gpuCount` of its GPUs, or all if that is absent. */
export function withGpuCount(machine: MachineFacts, gpuCount: number | undefined): MachineFacts {
  return withLabels({ ...machine, gpus: machine.gpus.slice(0, gpuCount) });
}

function withLabels(machine: Omit<MachineFacts, "labels">): MachineFacts {
  return { ...machine, labels: labelsOf(machine) };
}

function withoutGpus<Key extends string, Facts extends { gpus: unknown }>(
  key: Key,
  facts: Facts | undefined,
) {
  if (!facts) return {};
  const { gpus: _, ...rest } = facts;
  return { [key]: rest } as { [K in Key]: Omit<Facts, "gpus"> };
}

/** Detectors bound their tools themselves. This gives up on a file system that hangs. */
async function bounded<T>(
  what: string,
  detect: (context: DetectContext) => Promise<Finding<T>>,
  context: DetectContext,
): Promise<Finding<T>> {
  const found = detect(context).catch((error) => absent<T>(`Looking for ${what} failed: ${textOf(error)}`));
  const finding = await inTime(context.timeoutMs, found);
  if (finding) return finding;
  return absent(`Looking for ${what} took longer than ${context.timeoutMs / 1_000} s, so it was given up.`);
}
