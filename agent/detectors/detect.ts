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
  /** The agent's own; the process's where it is left out. */
  environment?: Readonly<Record<string, string | undefined>>;
  platform?: NodeJS.Platform;
  /** The most that detecting may take. */
  timeoutMs?: number;
}

/** A tool is given up a little earlier than its detector, which says better what was wrong. */
const TOOL_SHARE = 0.95;

/** What one look at the machine saw. */
export interface Sight {
  machine: MachineFacts;
  /** As each detector saw it. */
  findings: Findings;
}

/** Looks at everything at once. Never throws, and never takes longer than its timeout, whatever hangs. */
export async function detectMachine(options: DetectOptions = {}): Promise<MachineFacts> {
  return (await lookAtMachine(options)).machine;
}

/** The same, for those who look again. */
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
 * What may have come or gone since then: the engine, and GPUs where none were found. Those that were stay as they are:
 * jobs have them by their numbers, and a tool that fails once must not take them away.
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

/** Whether GPUs may be there that no tool could list. */
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

/** Puts together what the detectors saw. Pure. */
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

/** A machine of which nothing is known but what every machine says of itself. */
export function bareMachine(host: HostFacts = detectHost()): MachineFacts {
  return withLabels({ host, gpus: [], problems: [] });
}

/** The machine as its owner wants it to be seen: with the first `gpuCount` of its GPUs, or all where that is absent. */
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

/** A detector's own bounds hold for tools; a file system that hangs is left behind here. */
async function bounded<T>(
  what: string,
  detect: (context: DetectContext) => Promise<Finding<T>>,
  context: DetectContext,
): Promise<Finding<T>> {
  const found = detect(context).catch((error) =>
    absent<T>(`Looking for ${what} failed: ${(error as Error).message}`),
  );
  const finding = await inTime(context.timeoutMs, found);
  if (finding) return finding;
  return absent(`Looking for ${what} took longer than ${context.timeoutMs / 1_000} s and was given up.`);
}
