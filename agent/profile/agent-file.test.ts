import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseYaml } from "../../shared/config/yaml.ts";
import { agentFile } from "./agent-file.ts";

test("the guide lists every field of agent.yaml, and its example is a valid agent.yaml", () => {
  const guide = readFileSync(join(import.meta.dirname, "..", "..", "docs", "guides", "agent.md"), "utf8");
  const [, section = ""] = guide.split("## agent.yaml");
  const [example = ""] = /(?:^ {4}.*\n)+/m.exec(section) ?? [];
  const shown = parseYaml(example.replace(/^ {4}/gm, ""), "f", agentFile);
  expect(Object.keys(shown).sort()).toEqual(Object.keys(agentFile.shape).sort());
});

test("an agent.yaml with numbers as labels and comments after values is valid", () => {
  const text = `# ~/.tanvrit/agent.yaml
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
  expect(parseYaml(text, "agent.yaml", agentFile)).toMatchObject({
    limits: { cpu: 4, memoryMb: 8192, gpuCount: 0 },
    idleSuspendSeconds: 600,
    labels: { arch: "arm64", os: "darwin", cpuCount: "8" },
  });
});

test("a limit that no control group can enforce is refused when the file is read, not when a job starts", () => {
  const limits = (memoryMb: number) => parseYaml(`limits:\n  memoryMb: ${memoryMb}\n`, "f", agentFile);
  expect(() => limits(Number.MAX_SAFE_INTEGER)).toThrow("f:2:3: limits.memoryMb: Too big");
  expect(limits(64 * 1024 * 1024).limits.memoryMb).toBe(64 * 1024 * 1024);
});

test("an unknown field and an impossible number of GPUs are refused with their place in the file", () => {
  expect(() => parseYaml("slots: 1\nslot: 2\n", "f", agentFile)).toThrow("f:2:1: slot: unknown field");
  const gpus = "limits:\n  gpuCount: -1\n";
  expect(() => parseYaml(gpus, "f", agentFile)).toThrow("f:2:3: limits.gpuCount: Too small");
});

test("groups whose lines are all commented out count as absent", () => {
  const text = "limits:\n  # cpu: 4\nlabels:\nregistries:\ndocker:\n";
  expect(parseYaml(text, "agent.yaml", agentFile)).toEqual(agentFile.parse({}));
});

test("mounts and capabilities of docker count together with those of allow, also towards the limit of rules", () => {
  const yaml = (docker: object) => agentFile.safeParse({ docker, allow: { mounts: ["/x"] } });
  expect(yaml({ mounts: ["/data", "/srv/**:ro"] }).success).toBe(true);
  expect(yaml({ mounts: ["data"] }).success).toBe(false);
  expect(yaml({ mounts: ["/a*b"] }).success).toBe(false);
  const twice = agentFile.safeParse({ allow: { mounts: ["data"] } });
  expect(twice.error?.issues.map(({ path }) => path)).toEqual([["allow", "mounts", 0]]);
  const many = yaml({ mounts: Array.from({ length: 100 }, (_, i) => `/${i}`) });
  expect(many.error?.issues[0]?.path).toEqual(["allow", "mounts"]);
});
