import { expect, test } from "bun:test";
import { resolveOptions } from "../shared/config/options.ts";
import { parseYaml } from "../shared/config/yaml.ts";
import { nodeDescription } from "../shared/node.ts";
import { agentFile } from "./agent-file.ts";
import { describeNode } from "./describe.ts";
import { detectHost } from "./detectors/host.ts";
import { agentOptions } from "./options.ts";

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

test("the published agent.yaml is read, and its limits lower what the machine has", () => {
  const file = parseYaml(example, "agent.yaml", agentFile);
  const described = describeNode({ pool: "default", labels: { os: "plan9" }, file, agentVersion: "1" }, host);
  expect(described.capacity).toEqual({ cpu: 4, memoryMb: 4_096, gpuCount: 0, slots: 8 });
  expect(described.labels).toEqual({ os: "plan9", hostname: "box", arch: "arm64", cpuCount: "8" });
  expect(described.name).toBe("box");
});

test("what is detected here is a description the server accepts", () => {
  const file = agentFile.parse({});
  const described = describeNode({ pool: "default", labels: {}, file, agentVersion: "1" }, detectHost());
  expect(nodeDescription.parse(described)).toEqual(described);
});

test("flags win over the file, and a wrong label is told", () => {
  const file = { path: "agent.yaml", content: { name: "from-file", slots: 3 } };
  const values = resolveOptions(agentOptions, { flags: { name: "n", label: ["a=b", "a=c"] }, env: {}, file });
  expect(values).toMatchObject({ name: "n", slots: 3, label: { a: "c" } });
  const wrong = { flags: { label: ["-x=1"] }, env: {} };
  expect(() => resolveOptions(agentOptions, wrong)).toThrow("--label: ");
});
