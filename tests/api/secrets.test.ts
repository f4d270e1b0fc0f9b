import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../shared/ids.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { runProgram } from "../support/program.ts";
import { TestServer } from "../support/server.ts";
import { onSharedStore } from "../support/shared-store.ts";

const server = forAllTests(await TestServer.start());
const plane = forAllTests(await TestPlane.start());

/** No text contains it by chance, and its base64 is no part of its name. */
const VALUE = "correct-horse-battery-staple";
const base64 = (value: string) => Buffer.from(value).toString("base64");

test("a business neither sees, replaces nor deletes the secrets of another", async () => {
  const { api } = server;
  const [mine, theirs] = [await api.newUser(), await api.newUser()];
  await api.call("secrets.set", { name: "token", valueBase64: base64(VALUE) }, mine);
  expect(await api.call("secrets.list", {}, theirs)).toEqual({ secrets: [] });
  expect(await api.call("secrets.delete", { names: ["token"] }, theirs)).toEqual({
    deleted: [],
    missing: ["token"],
  });
  const set = { name: "token", valueBase64: base64("another") };
  expect((await api.call("secrets.set", set, theirs)).version).toBe(1);
  expect((await api.call("secrets.list", {}, mine)).secrets[0]?.version).toBe(1);
});

test("a member sees the names and changes nothing; a node is refused everything", async () => {
  const { api } = plane;
  const owner = await api.user("shop", "anna");
  await api.call("secrets.set", { name: "token", valueBase64: base64(VALUE) }, owner);
  const session = {
    sessionId: newId("ses"),
    userName: "ben",
    businessName: "shop",
    role: "member",
    nowMs: 0,
  } as const;
  await plane.stores.sessions.create(session);
  const ben = await api.user("shop", "ben");
  expect((await api.call("secrets.list", {}, ben)).secrets).toMatchObject([
    { name: "token", updatedBy: "anna" },
  ]);
  const set = { name: "token", valueBase64: base64("another") };
  for (const refused of [
    await api.refused("secrets.set", set, ben),
    await api.refused("secrets.delete", { names: ["token"] }, ben),
  ]) {
    expect(refused).toMatchObject({
      code: "forbidden",
      detail: expect.stringContaining("Ask an owner or an admin"),
    });
  }
  const node = await PlayedNode.register(api, owner);
  for (const [id, input] of [
    ["secrets.list", {}],
    ["secrets.set", set],
    ["secrets.delete", { names: ["token"] }],
  ] as const) {
    expect((await api.refused(id, input, node.as)).status).toBeOneOf([401, 403]);
  }
  expect((await api.call("secrets.list", {}, owner)).secrets[0]?.version).toBe(1);
});

test("the value of a secret is in no file of the server, no backup, no log and no answer", async () => {
  const { api, scratch } = server;
  const user = await api.newUser();
  const answers: string[] = [];
  const call = async (id: "secrets.set" | "secrets.list" | "secrets.delete", input: object) => {
    answers.push(await (await api.send(id, JSON.stringify(input), user)).text());
  };
  for (const name of ["token", "deleted"]) await call("secrets.set", { name, valueBase64: base64(VALUE) });
  await call("secrets.set", { name: "token", valueBase64: base64(`${VALUE}2`) });
  await call("secrets.set", { name: "no good", valueBase64: base64(VALUE) });
  await call("secrets.set", { name: "token", valueBase64: `${VALUE}!` });
  await call("secrets.set", { name: "token", valueBase64: base64(VALUE), value: VALUE });
  await call("secrets.list", {});
  const node = await PlayedNode.register(api, user);
  await api.call("jobs.submit", { command: "true", secretEnv: { TOKEN: "token" } }, user);
  const { executionId } = await node.take();
  const { secretEnv } = await api.call("nodes.inputs", { executionId }, node.as);
  expect(secretEnv).toEqual({ TOKEN: base64(`${VALUE}2`) });
  await call("secrets.delete", { names: ["deleted"] });
  const seen = [answers.join("\n"), server.stderr];
  if (!onSharedStore) {
    const { exitCode } = await runProgram(scratch.path, [
      "server",
      "backup",
      scratch.join("backup"),
      "--data-dir",
      scratch.join("data"),
    ]);
    expect(exitCode).toBe(0);
  }
  const files = readdirSync(scratch.path, { recursive: true, encoding: "utf8" })
    .map((name) => join(scratch.path, name))
    .filter((path) => statSync(path).isFile());
  expect(onSharedStore || files.some((path) => path.endsWith("backup/compute.db"))).toBe(true);
  seen.push(...files.map((path) => `${path}\n${readFileSync(path, "latin1")}`));
  const forms = [VALUE, base64(VALUE).replace(/=+$/, ""), Buffer.from(VALUE).toString("hex")];
  for (const form of forms) expect(seen.filter((text) => text.includes(form))).toEqual([]);
  expect(server.stderr).toMatch(/audit: secret set .*token/);
  expect(server.stderr).toMatch(new RegExp(`audit: secrets given to a job .*${executionId}`));
  expect(server.stderr).toMatch(/audit: secrets deleted .*deleted/);
});
