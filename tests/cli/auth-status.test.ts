import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";

const server = forAllTests(await TestServer.start());

async function statusOf(person: Person, env: Record<string, string> = {}) {
  const { exitCode, stdout, stderr } = await person.run(["auth", "status", "--json"], { env });
  return { exitCode, stderr, status: JSON.parse(stdout) };
}

test("auth status says who is signed in, where, how, since when and until when", async () => {
  await using person = await Person.signIn(server);
  const { exitCode, status } = await statusOf(person);
  expect(exitCode).toBe(0);
  expect(status).toMatchObject({
    workspace: "local",
    url: server.url,
    signedIn: true,
    role: "owner",
    business: "local",
    signedInBy: "same machine",
    serverReachable: true,
  });
  expect(Date.parse(status.signedInAt)).toBeLessThan(Date.parse(status.accessTokenExpiresAt));
  expect(Date.parse(status.accessTokenExpiresAt)).toBeLessThan(Date.parse(status.sessionEndsAt));
});

test("signed out, it shows the workspace and exits with 77", async () => {
  await using person = await Person.signIn(server);
  await person.get(["auth", "logout"]);
  const { exitCode, status, stderr } = await statusOf(person);
  expect(exitCode).toBe(77);
  expect(status).toEqual({ workspace: "local", url: server.url, signedIn: false });
  expect(stderr).toContain("auth login");
});

test("with the server away, it shows who is signed in and exits with 69", async () => {
  await using own = await TestServer.start();
  await using person = await Person.signIn(own);
  await own.stop();
  const { exitCode, status } = await statusOf(person);
  expect(exitCode).toBe(69);
  expect(status).toMatchObject({ signedIn: true, business: "local", serverReachable: false });
});

test("a session that was ended elsewhere is not signed in", async () => {
  await using person = await Person.signIn(server);
  const client = await person.get(["auth", "print-token"]);
  await server.api.call("auth.logout", {}, { token: client });
  const { exitCode, status, stderr } = await statusOf(person);
  expect(exitCode).toBe(77);
  expect(status).toMatchObject({ workspace: "local", signedIn: false });
  expect(stderr).toContain("session");
});

test("auth switch changes the business of a workspace, and ends the session before", async () => {
  await using person = await Person.signIn(server, "alphas");
  const before = await person.get(["auth", "print-token"]);
  await person.get(["auth", "login", "--business", "betas", "--url", server.url]);
  expect(await person.get(["auth", "switch"])).toMatch(/^\* +betas +owner/m);
  const token = await person.get(["auth", "print-token"]);
  await person.get(["auth", "switch", "alphas"]);
  expect((await statusOf(person)).status).toMatchObject({ business: "alphas", signedInBy: "same machine" });
  expect(await person.get(["workspace", "list"])).toContain("alphas");
  expect((await server.api.refused("auth.whoami", {}, { token })).code).toBe("session_ended");
  await server.api.call("auth.whoami", {}, { token: before });
  const none = await person.run(["auth", "switch", "gammas"]);
  expect(none).toMatchObject({ exitCode: 66, stdout: "" });
  expect(none.stderr).toContain("only to alphas, betas");
});
