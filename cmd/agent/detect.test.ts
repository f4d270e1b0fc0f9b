import { expect, test } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram } from "../../tests/support/program.ts";
import { makeScratch, type Scratch } from "../../tests/support/scratch.ts";

const FIXTURES = join(import.meta.dirname, "..", "..", "agent", "detectors", "fixtures", "nvidia");
/** Prints the report, or with -L the list, of a machine with eight GPUs. */
const EIGHT = `cat '${join(FIXTURES, "550.54.15-h100-x8")}'.$([ "$1" = -L ] && echo list.txt || echo xml)`;

/** Runs `agent detect` on a machine with this script as its nvidia-smi. */
async function detect(home: Scratch, script: string, args: string[] = []) {
  await mkdir(home.join("bin"), { recursive: true });
  const tool = home.join("bin", "nvidia-smi");
  await writeFile(tool, `#!/bin/sh\n${script}\n`);
  await chmod(tool, 0o755);
  const env = {
    PATH: `${home.join("bin")}:/usr/bin:/bin`,
    HOME: home.path,
    ROCM_PATH: home.path,
    DOCKER_HOST: `unix://${home.join("none.sock")}`,
  };
  return runProgram(home.path, ["agent", "detect", ...args], { env });
}

test("agent detect --json prints one object, always with every key", async () => {
  await using home = await makeScratch();
  await writeFile(home.join("agent.yaml"), "name: rig\nlimits:\n  gpuCount: 2\n  cpu: 1\n");
  const run = await detect(home, EIGHT, ["--json", "--label", "site=attic"]);
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  const seen = JSON.parse(run.stdout);
  expect(Object.keys(seen)).toEqual([
    "host",
    "gpus",
    "nvidia",
    "rocm",
    "metal",
    "docker",
    "android",
    "enforcement",
    "awakeTool",
    "problems",
    "node",
  ]);
  expect(seen).toMatchObject({
    nvidia: { driver: "550.54.15", cudaVersion: "12.4" },
    rocm: null,
    metal: null,
  });
  expect(seen.node.caps.enforcedBy).toBe(seen.enforcement.enforcedBy);
  expect(seen.gpus).toHaveLength(8);
  expect(seen.gpus.map((gpu: { offered: boolean }) => gpu.offered)).toEqual([
    true,
    true,
    ...Array(6).fill(false),
  ]);
  expect(seen.node).toMatchObject({
    name: "rig",
    capacity: { cpu: 1, gpuCount: 2 },
    caps: { cpu: 1, gpuCount: 2 },
    labels: { site: "attic", "gpu.model": "NVIDIA H100 80GB HBM3", "gpu.count": "2" },
  });
});

test("agent detect shows people the devices, the labels, and what does not work", async () => {
  await using home = await makeScratch();
  const run = await detect(home, "echo 'No devices were found'; exit 6");
  expect(run).toMatchObject({ exitCode: 0, stderr: "" });
  expect(run.stdout).toMatch(/^gpus: none$/m);
  expect(run.stdout).toMatch(/^LABEL +VALUE$/m);
  expect(run.stdout).toMatch(/^PROBLEMS\nnvidia-smi ended with exit code 6: No devices were found/m);
});

test("agent detect rejects an invalid agent.yaml, like agent run", async () => {
  await using home = await makeScratch();
  await writeFile(home.join("agent.yaml"), "limits:\n  gpuCount: many\n");
  const run = await detect(home, "exit 6");
  expect(run.exitCode).toBe(78);
  expect(run.stderr).toMatch(/agent\.yaml:2.*gpuCount/);
});
