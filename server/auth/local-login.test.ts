import { expect, test } from "bun:test";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { AuthWorld } from "../../tests/support/auth-world.ts";

const unauthenticated = { code: "unauthenticated" };

test("who reads the file signs in, on any server that shares the store, once", async () => {
  await using world = await AuthWorld.open();
  const [here, there] = [await world.localLogin(), await world.localLogin()];
  const { challengeId, secretFile } = await here.start();
  const secret = await readFile(secretFile, "utf8");
  expect(secret).toMatch(/^tnvl_[\w-]{43}$/);
  await there.finish(challengeId, secret);
  await expect(here.finish(challengeId, secret)).rejects.toMatchObject(unauthenticated);
  expect(await readdir(dirname(secretFile))).toEqual([]);
});

test("of two that finish with the same secret at once only one does", async () => {
  await using world = await AuthWorld.open();
  const login = await world.localLogin();
  const { challengeId, secretFile } = await login.start();
  const secret = await readFile(secretFile, "utf8");
  const answers = await Promise.allSettled(
    Array.from({ length: 10 }, () => login.finish(challengeId, secret)),
  );
  expect(answers.filter((answer) => answer.status === "fulfilled")).toHaveLength(1);
});

test("only the server's own user can read the secret", async () => {
  await using world = await AuthWorld.open();
  const { secretFile } = await (await world.localLogin()).start();
  expect((await stat(secretFile)).mode & 0o777).toBe(0o600);
  expect((await stat(dirname(secretFile))).mode & 0o777).toBe(0o700);
});

test("a wrong secret, another challenge's secret and a late one are refused", async () => {
  await using world = await AuthWorld.open();
  const login = await world.localLogin();
  const [one, two] = [await login.start(), await login.start()];
  const secret = await readFile(one.secretFile, "utf8");
  for (const guess of ["", "tnvl_", `${secret}x`, `tnvl_${"A".repeat(43)}`]) {
    await expect(login.finish(one.challengeId, guess)).rejects.toMatchObject(unauthenticated);
  }
  await expect(login.finish(two.challengeId, secret)).rejects.toMatchObject(unauthenticated);
  world.aheadMs = 61_000;
  await expect(login.finish(one.challengeId, secret)).rejects.toMatchObject(unauthenticated);
});

test("a failed guess does not use up the challenge", async () => {
  await using world = await AuthWorld.open();
  const login = await world.localLogin();
  const { challengeId, secretFile } = await login.start();
  await expect(login.finish(challengeId, "tnvl_guess")).rejects.toMatchObject(unauthenticated);
  await login.finish(challengeId, await readFile(secretFile, "utf8"));
});

test("sign-ins that nobody finishes are bounded, and their files go", async () => {
  await using world = await AuthWorld.open();
  const login = await world.localLogin();
  for (let i = 0; i < 100; i++) await login.start();
  await expect(login.start()).rejects.toMatchObject({ code: "rate_limited", retryAfterSeconds: 60 });
  world.aheadMs = 61_000;
  const { secretFile } = await login.start();
  expect(await readdir(dirname(secretFile))).toHaveLength(1);
});
