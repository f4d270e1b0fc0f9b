import { expect, test } from "bun:test";
import { changeDocument, isTemplateValue, readDocument, writeDocument } from "./document.ts";

const JOB = `# Builds the site.
name: site # shown in lists
command: |
  make all
  make check
env:
  V: 1.10 # the version
  # The place.
  REGION: eu
resources: {cpu: 2}
docker:
  init: false
`;

test("a change keeps comments, the order of fields, and what it does not touch", () => {
  const changed = changeDocument(JOB, ["env", "REGION"], "us");
  expect(changed).toBe(JOB.replace("REGION: eu", "REGION: us"));
  expect(changeDocument(JOB, ["name"], "page")).toBe(JOB.replace("name: site", "name: page"));
  expect(changeDocument(JOB, ["resources", "memoryMb"], 512)).toBe(
    JOB.replace("{cpu: 2}", "{cpu: 2, memoryMb: 512}"),
  );
});

test("a scalar without quotes keeps its characters where text is meant, and its value elsewhere", () => {
  const { fields } = readDocument(JOB);
  expect(fields).toEqual({
    name: "site",
    command: "make all\nmake check\n",
    env: { V: "1.10", REGION: "eu" },
    resources: { cpu: 2 },
    docker: { init: false },
  });
  expect(readDocument("command: [sleep, 5]\nlabels: {gpu: true}\nretryOn: [75, SIGKILL]").fields).toEqual({
    command: ["sleep", "5"],
    labels: { gpu: "true" },
    retryOn: [75, "SIGKILL"],
  });
  const template =
    "parameters: [{name: v, type: number, default: 3.10, min: 1}]\njob: {priority: 3, name: 7}";
  expect(readDocument(template, isTemplateValue).fields).toEqual({
    parameters: [{ name: "v", type: "number", default: "3.10", min: 1 }],
    job: { priority: 3, name: "7" },
  });
});

test("a new field goes to its place in the order, into an empty document too", () => {
  expect(changeDocument("command: make\nenv: {A: b}\n", ["name"], "x")).toBe(
    "name: x\ncommand: make\nenv: {A: b}\n",
  );
  expect(changeDocument("# A.\ncommand: make\n", ["name"], "x")).toBe("# A.\ncommand: make\nname: x\n");
  expect(changeDocument('command: a\nenv: {A: ""}\n', ["env", "A"], "b")).toContain("env: {A: b}");
  expect(changeDocument("", ["command"], "make")).toBe("command: make\n");
  expect(changeDocument("# A job.\n", ["resources", "cpu"], 1)).toBe("# A job.\n\nresources:\n  cpu: 1\n");
  expect(changeDocument("env:\ncommand: a\n", ["env", "A"], "b")).toContain("env:\n  A: b\n");
});

test("an empty value removes its field, and a map that is then empty", () => {
  expect(changeDocument("command: a\nresources: {cpu: 2}\n", ["resources", "cpu"], undefined)).toBe(
    "command: a\n",
  );
  expect(changeDocument("command: a\nenv: {A: b}\n", ["env"], {})).toBe("command: a\n");
  expect(changeDocument("command: a\n", ["command"], "")).toBe("");
});

test("a text over several lines becomes a block, and one line needs none", () => {
  const block = changeDocument("command: make\n", ["command"], "make\nmake check");
  expect(block).toBe("command: |-\n  make\n  make check\n");
  expect(changeDocument(block, ["command"], "make")).toBe("command: make\n");
});

test("a field below an alias gets a value of its own", () => {
  const text = "x-base: &base {A: a}\ncommand: c\nenv: *base\n";
  expect(readDocument(text).fields).toEqual({ command: "c", env: { A: "a" } });
  expect(readDocument(changeDocument(text, ["env", "B"], "b")).fields).toEqual({
    command: "c",
    env: { A: "a", B: "b" },
  });
});

test("a text that is not valid says where, and no change touches it", () => {
  const text = "command: [make\nname: x\n";
  const { fields, syntax } = readDocument(text);
  expect([fields, syntax.length > 0, syntax[0]?.line]).toEqual([undefined, true, 2]);
  expect(changeDocument(text, ["name"], "y")).toBe(text);
  expect(readDocument("- a\n- b\n").syntax[0]?.message).toContain("fields with values");
  expect(readDocument("name: a\nname: b\n").syntax[0]?.message).toContain("twice");
});

test("the place of a field is its line, and of a missing one that of its parent", () => {
  const { placeOf } = readDocument(JOB);
  expect(placeOf("env.REGION").line).toBe(9);
  expect(JOB.slice(placeOf("resources.cpu").from, placeOf("resources.cpu").to)).toBe("cpu: 2");
  expect(placeOf("env.MISSING").line).toBe(6);
  expect(placeOf("image").line).toBe(2);
});

test("fields are written in the order in which people read a job", () => {
  expect(writeDocument({ priority: 3, command: ["a", "b"], name: "x", image: undefined })).toBe(
    "name: x\ncommand:\n  - a\n  - b\npriority: 3\n",
  );
  expect(writeDocument({})).toBe("");
});

test("a whole map or list that changes keeps the comments of what stays, and a renamed entry keeps its place", () => {
  const text =
    "env:\n  A: 1.10 # first\n  B: b # second\noutputs:\n  - a # one\n  - b # two\n  - c # three\n";
  expect(changeDocument(text, ["env"], { AA: "1.10", B: "x" })).toBe(
    text.replace("A: 1.10", "AA: 1.10").replace("B: b", "B: x"),
  );
  expect(changeDocument(text, ["outputs"], ["a", "c"])).toBe(text.replace("  - b # two\n", ""));
  expect(changeDocument(text, ["outputs"], ["a", "x", "c"])).toBe(text.replace("- b", "- x"));
  expect(changeDocument(text, ["env"], { A: "1.10", B: "b", C: "c" })).toBe(
    text.replace("outputs:", "  C: c\noutputs:"),
  );
});
