import { expect, test } from "bun:test";
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

test("an owner hears that commands are as good as root where their account may use an engine that is root", () => {
  const hazard = engineHazard(docker, ["COMMAND", "DOCKER"], ada);
  expect(hazard).toContain("as good as root");
  expect(hazard).toContain("allow: {executors: [DOCKER]}");
});

test("and hears nothing where there is no such engine, no command, or root already", () => {
  expect(engineHazard(undefined, ["COMMAND"], ada)).toBeUndefined();
  expect(engineHazard({ ...docker, rootless: true }, ["COMMAND"], ada)).toBeUndefined();
  expect(engineHazard(docker, ["DOCKER"], ada)).toBeUndefined();
  expect(engineHazard(docker, ["COMMAND"], { ...ada, uid: 0 })).toBeUndefined();
  expect(engineHazard(docker, ["COMMAND"], { ...ada, platform: "darwin" })).toBeUndefined();
});
