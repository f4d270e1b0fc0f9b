import { beforeAll, expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";

const plane = forAllTests(await TestPlane.start());
const home = forAllTests(await makeScratch());
let asPerson: Record<string, string>;

beforeAll(async () => {
  const { token = "" } = await plane.api.user();
  asPerson = { TANVRIT_URL: plane.api.url, TANVRIT_TOKEN: token };
});

const run = (args: string[], env: Record<string, string> = asPerson) => runProgram(home.path, args, { env });
const asKey = (key: string) => ({ TANVRIT_URL: plane.api.url, TANVRIT_API_KEY: key });

test("api-key create prints the key and nothing else on stdout, and no later command shows it", async () => {
  const limits = [
    "--expires",
    "90d",
    "--max-jobs-per-hour",
    "1",
    "--max-concurrent",
    "2",
    "--job-type",
    "docker",
  ];
  const made = await run(["api-key", "create", "--name", "once", "--role", "member", ...limits]);
  expect(made.exitCode).toBe(0);
  expect(made.stdout).toMatch(/^tnv_[0-9a-z]{8}_[\w-]{43}\n$/);
  const secret = made.stdout.trim().slice(13);
  expect(made.stderr).toContain("member, 1 job an hour, 2 jobs at a time, only DOCKER, expires at");
  expect(made.stderr).not.toContain(secret);
  const list = await run(["api-key", "list", "--all"]);
  expect(list.stdout).toContain("once");
  expect(list.stdout + list.stderr + (await run(["api-key", "list", "--json"])).stdout).not.toContain(secret);
});

test("a key makes jobs until its limit, which is exit code 75, and none after it is revoked by name", async () => {
  const key = (await run(["api-key", "create", "--name", "ci", "--max-jobs-per-hour", "1"])).stdout.trim();
  const submit = ["job", "submit", "--", "true"];
  const first = await run(submit, asKey(key));
  expect(first.exitCode).toBe(0);
  const job = await run(["job", "get", first.stdout.trim()]);
  expect(job.stdout).toContain(key.slice(0, 12));
  const second = await run(submit, asKey(key));
  expect(second).toMatchObject({ exitCode: 75, stdout: "" });
  expect(second.stderr).toContain("may make 1 job an hour, and none is left");
  expect((await run(["api-key", "revoke", "ci", "nothing"])).exitCode).toBe(66);
  expect((await run(["job", "list"], asKey(key))).exitCode).toBe(0);
  const revoked = await run(["api-key", "revoke", "ci", "--json"]);
  expect(JSON.parse(revoked.stdout)).toEqual({ revoked: [key.slice(0, 12)] });
  const refused = await run(["job", "list"], asKey(key));
  expect(refused.exitCode).toBe(77);
  expect(refused.stderr).toContain("TANVRIT_API_KEY is refused: The API key ci");
});

test("the refusal of a key says what would help", async () => {
  const key = (await run(["api-key", "create", "--name", "looks", "--read-only"])).stdout.trim();
  const submit = await run(["job", "submit", "--", "true"], asKey(key));
  expect(submit).toMatchObject({ exitCode: 77, stdout: "" });
  expect(submit.stderr).toContain("is read-only");
  const create = await run(["api-key", "create", "--name", "more"], asKey(key));
  expect(create.exitCode).toBe(77);
  expect(create.stderr).toContain("a person must sign in for it");
});

test("options that no key can have are refused before anything is sent", async () => {
  for (const [args, said] of [
    [[], "--name: is missing"],
    [["--name", "/"], "--name: must be 1 to 64"],
    [["--name", "a", "--role", "root"], "--role: must be one of owner, admin, member, viewer"],
    [["--name", "a", "--expires", "11y"], "--expires: must be a time of at most ten years"],
    [["--name", "a", "--max-jobs-per-hour", "0"], "--max-jobs-per-hour"],
    [["--name", "a", "--job-type", "shell"], "--job-type"],
  ] as const) {
    const refused = await run(["api-key", "create", ...args]);
    expect({ args, exitCode: refused.exitCode }).toEqual({ args, exitCode: 64 });
    expect(refused.stderr).toContain(said);
  }
});
