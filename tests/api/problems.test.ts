import { afterEach, expect, test } from "bun:test";
import { SignJWT } from "jose";
import { type As, headersOf, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestServer } from "../support/server.ts";

const server = forAllTests(await TestServer.start());
const user: As = await server.api.user();

afterEach(async () => {
  // The server survives every request.
  await server.api.call("auth.whoami", {}, user);
  expect((await server.api.fetch("/healthz")).status).toBe(200);
});

test("malformed JSON is reported as malformed JSON", async () => {
  for (const body of ["{", '{"command": }', "\0", "[1,2"]) {
    expect((await readProblem(await server.api.send("jobs.submit", body, user))).code).toBe("invalid_json");
  }
});

test("values that JSON would lose silently are refused with their field", async () => {
  const lost: [string, string][] = [
    ['{"command":"a","command":"b"}', "command"],
    ['{"command":"a","env":{"V":1.10}}', "env.V"],
    ['{"command":"a","labels":{"build":12345678901234567890}}', "labels.build"],
    ['{"command":"a","env":{"V":"\\ud800"}}', "env.V"],
    ['{"command":["printf","\\udfff"]}', "command.1"],
  ];
  for (const [body, field] of lost) {
    const problem = await readProblem(await server.api.send("jobs.submit", body, user));
    expect(problem.code).toBe("invalid_request");
    expect(problem.errors?.map(({ path }) => path)).toEqual([field]);
  }
  // A field that takes a number accepts every notation.
  const answer = await server.api.send("jobs.submit", '{"command":"true","resources":{"cpu":1.0}}', user);
  expect(answer.status).toBe(200);
});

test("a wrong type is reported with its field", async () => {
  const wrong: [unknown, string][] = [
    [{ command: "true", timeoutSeconds: "soon" }, "timeoutSeconds"],
    [{ command: "true", resources: { cpu: -1 } }, "resources.cpu"],
    [{ command: "true", nmae: "typo" }, "nmae"],
    [{ name: "no command" }, "command"],
    [{ command: [] }, "command"],
    [{ command: "true", labels: { "bad key!": "x" } }, "labels.bad key!"],
    [{ command: "nul \0 byte" }, "command"],
    [{ command: "true", priority: 1.5 }, "priority"],
    [{ command: "true", env: { "A\nB": "x" } }, "env.A\nB"],
    [{ command: "true", env: { LONG: "x".repeat(1024 * 1024) } }, "env"],
    [{ command: "x".repeat(20_000), array: "1-5000" }, "array"],
    [{ type: "DOCKER", image: "a", docker: { entrypoint: "x".repeat(1024 * 1024) } }, "docker.entrypoint"],
  ];
  for (const [input, field] of wrong) {
    const found = await server.api.refused("jobs.submit", input, user);
    expect(found.code).toBe("invalid_request");
    expect(found.errors?.map((error) => error.path.split(".").slice(0, 2).join("."))).toContain(field);
  }
  for (const input of [null, 7, "text", []]) {
    expect((await server.api.refused("jobs.submit", input, user)).code).toBe("invalid_request");
  }
});

test("an unknown status, a name with a null byte and a malformed id are invalid requests; an unknown id is not found", async () => {
  const { api } = server;
  expect((await api.refused("jobs.list", { status: ["DONE"] }, user)).code).toBe("invalid_request");
  expect((await api.refused("jobs.list", { name: "nul \0*" }, user)).code).toBe("invalid_request");
  expect((await api.refused("jobs.retrieve", { jobId: "job_1" }, user)).code).toBe("invalid_request");
  const jobId = `job_${"0".repeat(26)}`;
  expect((await api.refused("jobs.retrieve", { jobId }, user)).code).toBe("not_found");
});

test("a body of 50 MB is refused", async () => {
  const body = JSON.stringify({ command: "x".repeat(50 * 1024 * 1024) });
  const response = await server.api.send("jobs.submit", body, user);
  expect((await readProblem(response)).code).toBe("payload_too_large");
});

test("a body whose media type is not JSON is refused", async () => {
  const headers = { "content-type": "text/plain" };
  const response = await server.api.send("jobs.submit", '{"command":"true"}', user, headers);
  expect((await readProblem(response)).code).toBe("unsupported_media_type");
});

test("an unknown path and a method that is not allowed are answered as problems too", async () => {
  const { api } = server;
  expect((await readProblem(await api.fetch("/api/compute/nothing"))).code).toBe("not_found");
  const older = await api.fetch("/api/compute/auth/local/start", { method: "POST" });
  expect((await readProblem(older)).detail).toContain("older than the server");
  const wrongMethod = await api.fetch("/api/compute/jobs/submit", { headers: headersOf(user) });
  expect(wrongMethod.headers.get("allow")).toBe("POST");
  expect((await readProblem(wrongMethod)).status).toBe(405);
});

test("a forged, garbled or empty token does not authenticate", async () => {
  const claims = { userId: "usr_1", businessId: "biz_1", role: "owner", sid: "ses_1" };
  const jwt = new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setSubject("usr_1");
  const forged = await jwt
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode("a guessed key of 32 bytes......."));
  const [header = "", payload = "", signature = ""] = (user.token ?? "").split(".");
  const none = Buffer.from('{"alg":"none"}').toString("base64url");
  const other = Buffer.from(payload, "base64url").toString().replace('"owner"', '"admin"');
  const tokens = [
    ...[forged, "garbage", "a.b.c", `${none}.${payload}.`],
    `${header}.${Buffer.from(other).toString("base64url")}.${signature}`,
  ];
  for (const token of tokens) {
    expect((await server.api.refused("jobs.list", {}, { token })).code).toBe("unauthenticated");
  }
  const response = await server.api.send("jobs.list", "{}", {}, { authorization: "Basic dTpw" });
  expect((await readProblem(response)).code).toBe("unauthenticated");
});

test("an invalid node key does not authenticate", async () => {
  for (const nodeKey of ["tnvn_x", `tnvn_${"0".repeat(26)}_${"A".repeat(43)}`, "x".repeat(5_000)]) {
    const found = await server.api.refused("nodes.heartbeat", { executions: [] }, { nodeKey });
    expect(found.code).toBe("unauthenticated");
  }
});

test("a user cannot call as a node, nor a node as a user", async () => {
  expect((await server.api.refused("nodes.heartbeat", { executions: [] }, user)).status).toBeOneOf([
    401, 403,
  ]);
});

test("the probes answer without authentication", async () => {
  expect((await server.api.fetch("/healthz")).status).toBe(200);
  expect((await server.api.fetch("/readyz")).status).toBe(200);
});
