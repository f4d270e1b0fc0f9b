import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { freePort } from "../support/free-port.ts";
import { TestS3 } from "../support/moto.ts";
import { runProgram } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";

const s3 = forAllTests(await TestS3.start());
const strict = forAllTests(await TestS3.start({ checksKeys: true }));
const bucket = await s3.newBucket();

test("a server that can use its bucket says where files are, and leaves nothing of its test there", async () => {
  await using server = await TestServer.start({ ...s3.env, TANVRIT_ARTIFACTS: `s3://${bucket}/a/b` });
  expect(server.stderr).toContain(`, files in s3://${bucket}/a/b)`);
  expect((await s3.client(bucket).list()).contents ?? []).toEqual([]);
  expect(await server.stop()).toBe(0);
});

test("a server does not start without its bucket, and says what is wrong and what to do", async () => {
  const place = ["--artifacts", `s3://${bucket}`];
  const noKeys = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
  const cases = [
    { args: place, env: noKeys, exitCode: 78, says: "there is no access key. Set AWS_ACCESS_KEY_ID" },
    { args: ["--artifacts", "s3://not-there/x"], env: {}, exitCode: 78, says: "no such bucket. Create it" },
    { args: place, env: strict.env, exitCode: 78, says: "does not know the access key. Check AWS_ACCESS" },
    {
      args: [...place, "--artifacts-endpoint", `http://127.0.0.1:${freePort()}`],
      env: {},
      exitCode: 69,
      says: "nothing answers at its endpoint. Check --artifacts-endpoint",
    },
    { args: ["--artifacts", "gridfs"], env: {}, exitCode: 78, says: "gridfs needs a MongoDB store" },
    { args: ["--artifacts", "s3:/x"], env: {}, exitCode: 64, says: "--artifacts: must be dir, gridfs or a" },
    {
      args: [...place, "--artifacts-endpoint", "here"],
      env: {},
      exitCode: 64,
      says: "--artifacts-endpoint: must",
    },
  ];
  for (const { args, env, exitCode, says } of cases) {
    await using scratch = await makeScratch();
    const command = ["server", "--port", "0", "--data-dir", scratch.join("data"), ...args];
    const refused = await runProgram(scratch.path, command, { env: { ...s3.env, ...env } });
    expect({ says, stdout: refused.stdout, exitCode: refused.exitCode }).toEqual({
      says,
      stdout: "",
      exitCode,
    });
    expect(refused.stderr).toContain(says);
  }
});
