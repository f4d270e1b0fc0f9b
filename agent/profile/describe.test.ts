import { expect, test } from "bun:test";
import { resolveOptions } from "../../shared/config/options.ts";
import { parseYaml } from "../../shared/config/yaml.ts";
import { nodeDescription } from "../../shared/node.ts";
import { bareMachine, detectMachine } from "../detectors/detect.ts";
import type { MachineFacts } from "../detectors/machine-facts.ts";
import { agentOptions } from "../options.ts";
import { agentFile } from "./agent-file.ts";
import { describeNode } from "./describe.ts";

const example = `
limits:
  cpu: 4              # cores
  memoryMb: 8192      # MiB
  gpuCount: 0         # 0 disables GPU jobs
idleSuspendSeconds: 600   # suspend the agent process if no work for 10min
labels:
  arch: arm64
  os: darwin
  cpuCount: 8
`;
const host = { hostname: "box", cpuCount: 8, memoryMb: 4_096, labels: { os: "linux", hostname: "box" } };
const plain = bareMachine(host);
const gpu = (index: number) => ({ vendor: "nvidia" as const, index, uuid: `GPU-${index}`, model: "H100" });
const docker = {
  host: "unix:///run/engine.sock",
  engine: "docker" as const,
  version: "28.5.1",
  apiVersion: "1.51",
  rootless: false,
  osType: "linux",
  runtimes: [],
};
const able: MachineFacts = { ...plain, gpus: [gpu(0), gpu(1), gpu(2)], docker };

/** What this machine announces with this agent.yaml. */
function announced(machine: MachineFacts, yaml = "{}", labels = {}, enforcedBy?: string) {
  const file = agentFile.parse(parseYaml(yaml, "agent.yaml", agentFile));
  return describeNode({ pool: "default", labels, file, agentVersion: "1" }, machine, enforcedBy);
}

test("the published agent.yaml is valid, and its limits lower the announced capacity", () => {
  const described = announced(plain, example, { os: "plan9" });
  expect(described.capacity).toEqual({ cpu: 4, memoryMb: 4_096, gpuCount: 0, slots: 8 });
  expect(described.labels).toEqual({ os: "plan9", hostname: "box", arch: "arm64", cpuCount: "8" });
  expect(described.name).toBe("box");
});

test("the server accepts the description of this machine", async () => {
  const described = announced(await detectMachine());
  expect(nodeDescription.parse(described)).toEqual(described);
});

test("all GPUs are announced, or the first ones up to the owner's limit, with their labels", () => {
  expect(announced(able)).toMatchObject({ capacity: { gpuCount: 3 }, labels: { "gpu.count": "3" } });
  const two = announced(able, "limits: {gpuCount: 2}");
  expect(two).toMatchObject({ capacity: { gpuCount: 2 }, labels: { "gpu.count": "2" } });
  expect(announced(able, "limits: {gpuCount: 8}").capacity.gpuCount).toBe(3);
  const none = announced(able, "limits: {gpuCount: 0}");
  expect(none.capacity.gpuCount).toBe(0);
  expect(none.labels).not.toHaveProperty("gpu.vendor");
});

test("DOCKER jobs are announced when an engine answers that runs Linux containers", () => {
  expect(announced(plain).jobTypes).toEqual(["COMMAND", "GITHUB_ACTION"]);
  expect(announced(able).jobTypes).toEqual(["COMMAND", "DOCKER", "GITHUB_ACTION"]);
  expect(announced({ ...able, docker: { ...docker, osType: "windows" } }).jobTypes).toEqual([
    "COMMAND",
    "GITHUB_ACTION",
  ]);
});

test("a job type is announced only if the owner allows it and the machine can run it", () => {
  const only = (type: string) => `allow: {executors: [${type}]}`;
  expect(announced(able, only("DOCKER")).jobTypes).toEqual(["DOCKER"]);
  expect(announced(able, only("COMMAND")).jobTypes).toEqual(["COMMAND"]);
  const none = announced(plain, only("DOCKER"));
  expect(none.jobTypes).toEqual([]);
  expect(nodeDescription.parse(none)).toEqual(none);
});

test("what jobs may do is announced, whether `allow` or `docker` in agent.yaml allows it", () => {
  const yaml =
    "allow: {mounts: [/data], capabilities: [NET_RAW]}\ndocker: {mounts: [/sets], capabilities: [SYS_PTRACE]}";
  expect(announced(able, yaml).allow).toMatchObject({
    mounts: ["/data", "/sets"],
    capabilities: ["NET_RAW", "SYS_PTRACE"],
    networks: ["bridge", "none"],
  });
});

test("the node announces the caps of each job and what enforces them", () => {
  expect(announced(plain, "limits: {cpu: 2, memoryMb: 1024}", {}, "cgroup v2 at /x").caps).toEqual({
    cpu: 2,
    memoryMb: 1_024,
    enforcedBy: "cgroup v2 at /x",
  });
  expect(announced(plain).caps).toEqual({ enforcedBy: "nothing" });
});

test("all labels of the owner count; detected labels give way when there are too many", () => {
  const own = Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`own.${i}`, "x"]));
  const described = announced(able, "{}", own);
  expect(described.labels).toMatchObject({ ...own, os: "linux" });
  expect(nodeDescription.parse(described)).toEqual(described);
});

test("flags win over the file, and a wrong label is an error", () => {
  const file = { path: "agent.yaml", content: { name: "from-file", slots: 3 } };
  const values = resolveOptions(agentOptions, { flags: { name: "n", label: ["a=b", "a=c"] }, env: {}, file });
  expect(values).toMatchObject({ name: "n", slots: 3, label: { a: "c" } });
  const wrong = { flags: { label: ["-x=1"] }, env: {} };
  expect(() => resolveOptions(agentOptions, wrong)).toThrow("--label: ");
});
