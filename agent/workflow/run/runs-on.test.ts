import { expect, test } from "bun:test";
import type { Value } from "../expressions/scope.ts";
import { whyNotHere } from "./runs-on.ts";

const labels = { os: "linux", arch: "amd64", gpu: "a100", pool: "fast", hostname: "box" };
const fits = (runsOn: Value, mapping: Record<string, Record<string, string>> = {}) =>
  whyNotHere(runsOn, { labels, mapping }) === undefined;

const here: Value[] = [
  "ubuntu-latest",
  "ubuntu-22.04",
  "Ubuntu-24.04-arm",
  "self-hosted",
  ["self-hosted", "linux", "X64"],
  ["self-hosted", "gpu"],
  "a100",
  "pool=fast",
  "pool:fast",
  { group: "anything", labels: ["linux"] },
  { group: "anything" },
  "depot-ubuntu-24.04-8",
];
test.each(here.map((runsOn) => ({ runsOn })))("a Linux machine runs $runsOn", ({ runsOn }) => {
  expect(fits(runsOn)).toBe(true);
});

const elsewhere: Value[] = [
  "windows-latest",
  "macos-14",
  ["self-hosted", "arm64"],
  "pool=slow",
  "bigger",
  "",
  [],
  null,
];
test.each(elsewhere.map((runsOn) => ({ runsOn })))("a Linux machine does not run $runsOn", ({ runsOn }) => {
  expect(fits(runsOn)).toBe(false);
});

test("the owner of a node says what a label means there, in any case of letters", () => {
  expect(fits("Windows-Latest", { "windows-latest": { os: "linux" } })).toBe(true);
  expect(fits("ubuntu-latest", { "ubuntu-latest": { gpu: "h200" } })).toBe(false);
  expect(fits({ group: "big" }, { big: { gpu: "h200" } })).toBe(false);
});

test("a job that does not fit learns what the node has and how to map the label", () => {
  expect(whyNotHere("windows-latest", { labels, mapping: {} })).toBe(
    "No node for runs-on windows-latest: this node has arch=amd64, gpu=a100, os=linux, pool=fast. Run the job where the label fits, or say in agent.yaml what it means on this node: workflows: { runsOn: { windows-latest: { os: linux } } }.",
  );
});
