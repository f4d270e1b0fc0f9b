import { detectMachine } from "../../agent/detectors/detect.ts";
import type { MachineGpu } from "../../agent/detectors/gpu.ts";
import type { MachineFacts } from "../../agent/detectors/machine-facts.ts";
import { chooseLimitEnforcer } from "../../agent/limits/choose-enforcer.ts";
import type { LimitEnforcement } from "../../agent/limits/limit-enforcer.ts";
import { agentOptions } from "../../agent/options.ts";
import { describeNode } from "../../agent/profile/describe.ts";
import { findAwakeTool, thisMachine } from "../../agent/upkeep/awake-tool.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import type { NodeDescription } from "../../shared/node.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { formatFields } from "../output/format.ts";
import type { Look } from "../output/look.ts";
import { joinPainted, type Painted } from "../output/paint.ts";
import { formatTable } from "../output/table.ts";
import { nodeSettings, readAgentFile } from "./settings.ts";

const options = defineOptions({ ...agentOptions, ...jsonOption });

export const command = defineCommand({
  options,
  examples: [
    { line: "agent detect", does: "See this machine as jobs see it" },
    { line: "agent detect --json | jq '.node.labels'", does: "The labels a job can ask for" },
  ],
  details:
    "Looks for GPUs, a container engine and an Android SDK, and shows what agent run would announce with the same " +
    "options.\nNeeds no server. Anything that was found but does not work is listed under problems.",
  readConfig: readAgentFile,
  async run({ options, config, env, output }) {
    // What would limit the jobs of an agent that starts like this command. A group made to find out goes when we end.
    const [machine, { enforcement }] = await Promise.all([
      detectMachine({ environment: env }),
      chooseLimitEnforcer(),
    ]);
    const node = describeNode(nodeSettings(options, config), machine, enforcement.enforcedBy);
    const awakeTool = findAwakeTool(thisMachine(env))?.name;
    const found: Found = { machine, node, enforcement, awakeTool };
    await (options.json ? output.json(asJson(found)) : output.painted(forPeople(found, output.resultLook)));
    return exitCodes.ok;
  },
});

interface Found {
  machine: MachineFacts;
  node: NodeDescription;
  enforcement: LimitEnforcement;
  /** The tool that keeps the machine awake while jobs run. */
  awakeTool: string | undefined;
}

/** Every key is always present; null means that this machine does not have it. */
function asJson({ machine, node, enforcement, awakeTool }: Found) {
  const { host, gpus, nvidia, rocm, metal, docker, android, problems } = machine;
  const { os, arch } = host.labels;
  return {
    host: { hostname: host.hostname, os, arch, cpuCount: host.cpuCount, memoryMb: host.memoryMb },
    gpus: gpus.map((gpu) => ({ ...gpu, offered: isOffered(gpu, node) })),
    nvidia: nvidia ?? null,
    rocm: rocm ?? null,
    metal: metal ?? null,
    docker: docker ?? null,
    android: android ?? null,
    /** What enforces the caps of commands. */
    enforcement,
    awakeTool: awakeTool ?? null,
    problems,
    /** What `agent run` announces. */
    node,
  };
}

function forPeople({ machine, node, enforcement, awakeTool }: Found, look: Look): Painted {
  const { host, gpus, docker, android, problems } = machine;
  const { capacity } = node;
  const fields = formatFields(
    {
      name: node.name,
      host: `${host.labels.os} ${host.labels.arch}, ${counted(host.cpuCount, "core")}, ${host.memoryMb} MiB`,
      gpus: gpusInWords(machine),
      docker: docker ? dockerInWords(docker) : "none",
      android: android ? androidInWords(android) : "none",
      gives: `${counted(capacity.cpu, "core")}, ${capacity.memoryMb} MiB, ${counted(capacity.gpuCount, "GPU")}; ${counted(capacity.slots, "job")} at once`,
      "job types": node.jobTypes.join(", ") || "none",
      pool: node.pool,
      "limits per job": limitsInWords(node),
      enforcement: enforcementInWords(enforcement),
      "kept awake":
        awakeTool === undefined ? "no; no tool for it was found" : `while jobs run, by ${awakeTool}`,
    },
    look,
  );
  const devices = gpus.map((gpu) => [
    String(gpu.index),
    gpu.vendor,
    gpu.model,
    gpu.memoryMb === undefined ? "" : String(gpu.memoryMb),
    gpu.uuid ?? "",
    isOffered(gpu, node) ? "yes" : "no, by limits.gpuCount",
  ]);
  const parts = [
    fields,
    ...(gpus.length > 0
      ? [formatTable(["GPU", "VENDOR", "MODEL", "MEMORY MB", "UUID", "OFFERED"], devices, look)]
      : []),
    formatTable(["LABEL", "VALUE"], Object.entries(node.labels), look),
    ...(problems.length > 0
      ? [
          formatTable(
            ["PROBLEMS"],
            problems.map((problem) => [problem]),
            look,
          ),
        ]
      : []),
  ];
  return joinPainted(parts, "\n\n");
}

function isOffered(gpu: MachineGpu, node: NodeDescription): boolean {
  return gpu.index < node.capacity.gpuCount;
}

function gpusInWords({ gpus, nvidia, rocm, metal }: MachineFacts): string {
  if (gpus.length === 0) return "none";
  const by = [
    nvidia && `NVIDIA driver ${nvidia.driver ?? "unknown"}, CUDA up to ${nvidia.cudaVersion ?? "unknown"}`,
    rocm && `ROCm ${rocm.rocmVersion ?? "unknown"}, driver ${rocm.driver ?? "unknown"}`,
    metal && `Metal${metal.version === undefined ? "" : ` ${metal.version}`}`,
  ];
  return `${gpus.length}; ${by.filter(Boolean).join("; ")}`;
}

function dockerInWords(docker: NonNullable<MachineFacts["docker"]>): string {
  const { engine, version, apiVersion, host, rootless, cgroupVersion, runtimes } = docker;
  const cgroup = cgroupVersion === undefined ? "" : `, cgroup v${cgroupVersion}`;
  const by = rootless ? "rootless" : "as root";
  return `${engine} ${version} (API ${apiVersion}) at ${host}, ${by}${cgroup}, runtimes ${runtimes.join(", ") || "unknown"}`;
}

function androidInWords({
  root,
  platforms,
  buildTools,
  adb,
  emulator,
}: NonNullable<MachineFacts["android"]>) {
  const parts = [
    platforms.length > 0 && `platforms ${platforms.join(", ")}`,
    buildTools.length > 0 && `build tools ${buildTools.join(", ")}`,
    adb && `adb ${adb}`,
    emulator && `emulator ${emulator}`,
  ];
  return `${root}: ${parts.filter(Boolean).join("; ")}`;
}

function limitsInWords({ caps }: NodeDescription): string {
  if (!caps) return "none";
  const parts = [
    caps.cpu !== undefined && counted(caps.cpu, "core"),
    caps.memoryMb !== undefined && `${caps.memoryMb} MiB`,
    caps.gpuCount !== undefined && counted(caps.gpuCount, "GPU"),
    caps.pids !== undefined && `${caps.pids} processes`,
  ].filter(Boolean);
  return parts.join(", ") || "none set in agent.yaml";
}

function enforcementInWords({ cpu, memory, pids, enforcedBy }: LimitEnforcement): string {
  return `${enforcedBy} (CPU: ${cpu}, memory: ${memory}, processes: ${pids})`;
}
