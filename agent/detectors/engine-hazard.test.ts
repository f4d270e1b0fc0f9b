import { expect, test } from "bun:test";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeScratch } from "../../tests/support/scratch.ts";
import type { DockerFacts } from "./docker.ts";
import { engineHazard } from "./engine-hazard.ts";

const docker: DockerFacts = {
  host: "unix:///var/run/docker.sock",
  engine: "docker",
  version: "28.0",
  apiVersion: "1.48",
  rootless: false,
  osType: "linux",
  runtimes: [],
};
const ada = { uid: 1000, platform: "linux" as const };

test("the owner is warned that commands are as good as root if their account may use an engine that runs as root", () => {
  const hazard = engineHazard(docker, ["COMMAND", "DOCKER"], ada);
  expect(hazard).toContain("as good as root");
  expect(hazard).toContain("allow: {executors: [DOCKER]}");
});

test("there is no warning without such an engine, without commands, or if they run as root already", () => {
  expect(engineHazard(undefined, ["COMMAND"], ada)).toBeUndefined();
  expect(engineHazard({ ...docker, rootless: true }, ["COMMAND"], ada)).toBeUndefined();
  expect(engineHazard(docker, ["DOCKER"], ada)).toBeUndefined();
  expect(engineHazard(docker, ["COMMAND"], { ...ada, uid: 0 })).toBeUndefined();
  expect(engineHazard(docker, ["COMMAND"], { ...ada, platform: "darwin" })).toBeUndefined();
});

test("if jobs run as another account, the rights of that account count", async () => {
  await using scratch = await makeScratch();
  const dir = scratch.path;
  const path = join(dir, "engine.sock");
  writeFileSync(path, "");
  const { gid } = statSync(path);
  const engine = { ...docker, host: `unix://${path}` };
  const of = (groups: number[]) => {
    const account = { name: "jobs", uid: 61_234, gid: 61_234, groups, home: "/", shell: "/bin/sh" };
    return engineHazard(engine, ["COMMAND"], { account, platform: "linux" });
  };
  chmodSync(path, 0o660);
  expect(of([61_234])).toBeUndefined();
  expect(of([61_234, gid])).toContain("run as jobs, which may use the engine");
  chmodSync(path, 0o666);
  expect(of([61_234])).toContain("as good as root");
});
