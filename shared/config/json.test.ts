import { expect, test } from "bun:test";
import { batchJob } from "../endpoints/many-jobs.ts";
import { newSchedule } from "../schedule/schedule.ts";
import { templateFile } from "../template/template.ts";
import { readJson } from "./json.ts";

const troubles = (text: string, schema: Parameters<typeof readJson>[1] = batchJob) =>
  readJson(text, schema).issues.map(({ path, message }) => `${path.join(".")}: ${message}`);

test("a key that appears twice is refused at any depth and in any spelling", () => {
  const twice = (path: string) => [`${path}: appears twice; keep one of them`];
  expect(troubles('{"command":"a","command":"b"}')).toEqual(twice("command"));
  expect(troubles('{"command":"a","\\u0063ommand" : "b"}')).toEqual(twice("command"));
  expect(troubles('{"env":{"A":"{\\"A\\":1}","A":"\\\\"}}')).toEqual(twice("env.A"));
  expect(troubles('[{"a":[1,{"b":1,"c":2,"b":3}]}]')).toEqual(twice("0.a.1.b"));
  expect(troubles('{"__proto__":1,"__proto__":2}')).toEqual(twice("__proto__"));
});

test("the same key in two objects, and text that looks like a key, are accepted", () => {
  expect(troubles('{"after":[{"jobId":"x"},{"jobId":"y"}],"command":"\\"jobId\\": \\"jobId\\":"}')).toEqual(
    [],
  );
  expect(troubles('{"a":"a","b":"b","c":["a","a"],"d":{"a":1},"e":{}}')).toEqual([]);
});

test("a number that JSON would change is refused as text, and the error says what to write", () => {
  const refused = (number: string, to: string) => [
    `env.A: JSON would change ${number} to ${to} here; write it in quotes, as "${number}"`,
  ];
  for (const [number, to] of [
    ["1.10", "1.1"],
    ["12345678901234567890", "12345678901234567000"],
    ["9007199254740993", "9007199254740992"],
    ["1e400", "Infinity"],
    ["1e3", "1000"],
    ["-0", "0"],
    ["0.1234567890123456789", "0.12345678901234568"],
  ] as const) {
    expect(troubles(`{"command":"a","env":{"A":${number}}}`)).toEqual(refused(number, to));
  }
});

test("at most 100 numbers that JSON would change are listed", () => {
  const env = Array.from({ length: 1_000 }, (_, i) => `"V${i}": 1.0e1`).join();
  expect(readJson(`{"env": {${env}}}`, batchJob).issues.length).toBe(100);
});

test("a number that JSON keeps is accepted as text, and any number as a number", () => {
  expect(troubles('{"command":"a","env":{"A":5,"B":-1.5,"C":true},"labels":{"x":12}}')).toEqual([]);
  expect(troubles('{"command":"a","resources":{"cpu":1.0},"timeoutSeconds":1e3,"priority":1E1}')).toEqual([]);
});

test("the same holds for parameters of templates and schedules, and for the job of a template", () => {
  expect(troubles('{"template":"t","cron":"@daily","parameters":{"v":3.10}}', newSchedule)).toHaveLength(1);
  const job = '{"command":"echo {{v}}","labels":{"python":3.10},"resources":{"cpu":1.0}}';
  const parameter = '{"name":"v","type":"number","default":3.10,"min":1.0}';
  expect(troubles(`{"name":"t","parameters":[${parameter}],"job":${job}}`, templateFile)).toEqual([
    expect.stringContaining("parameters.0.default: "),
    expect.stringContaining("job.labels.python: "),
  ]);
});
