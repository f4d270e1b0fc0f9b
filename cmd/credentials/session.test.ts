import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "../../shared/ids.ts";
import { FileStore } from "./file.ts";
import { NotSignedInError } from "./not-signed-in.ts";
import { SessionCredentials } from "./session.ts";
import type { StoredSession } from "./store.ts";

let home: string;
let env: { TANVRIT_HOME: string };
let server: ReturnType<typeof Bun.serve>;
let refreshes: string[];
let refreshFails: object | undefined;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "tanvrit-home-"));
  env = { TANVRIT_HOME: home };
  refreshes = [];
  refreshFails = undefined;
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
});
afterEach(async () => {
  await server.stop(true);
  await rm(home, { recursive: true, force: true });
});

/** A refresh gives the next generation; everything else is refused. */
async function answer(request: Request): Promise<Response> {
  if (!request.url.endsWith("/oauth/token")) return refused();
  const { refresh_token: refreshToken = "", ...form } = Object.fromEntries(
    new URLSearchParams(await request.text()),
  );
  expect(form).toEqual({ grant_type: "refresh_token", client_id: "tanvrit-compute-cli" });
  refreshes.push(refreshToken);
  if (refreshFails) return Response.json(refreshFails, { status: 400 });
  const generation = Number(refreshToken.slice(1)) + 1;
  return Response.json({
    access_token: `a${generation}`,
    refresh_token: `r${generation}`,
    token_type: "Bearer",
    expires_in: 900,
  });
}

function refused(): Response {
  const problem = { type: "about:blank", title: "no", status: 401, code: "session_ended" };
  return Response.json(problem, {
    status: 401,
    headers: { "content-type": "application/problem+json" },
  });
}

function tokens(generation: number, goodForMs: number) {
  return {
    accessToken: `a${generation}`,
    accessTokenExpiresAt: new Date(Date.now() + goodForMs).toISOString(),
    refreshToken: `r${generation}`,
    identity: {
      userId: "usr_1",
      userName: "ada",
      businessId: "biz_1",
      businessName: "local",
      role: "owner" as const,
      sessionId: newId("ses"),
    },
  };
}

const url = () => server.url.href.replace(/\/$/, "");
const workspace = (at = url()) => ({
  name: "local",
  url: at,
  known: { url: url(), credentialStore: "file" as const },
});
const keep = (generation: number, goodForMs: number): Promise<void> => {
  const session: StoredSession = { ...tokens(generation, goodForMs), url: url() };
  return new FileStore(env).write("local", session);
};

test("a token that is valid for a while is used unchanged", async () => {
  await keep(1, 900_000);
  expect(await new SessionCredentials(env, workspace()).headers()).toEqual({ authorization: "Bearer a1" });
  expect(refreshes).toEqual([]);
});

test("a token that expires soon is renewed once for all callers at the same time, and stored", async () => {
  await keep(1, 10_000);
  const credentials = new SessionCredentials(env, workspace());
  const headers = await Promise.all([1, 2, 3].map(() => credentials.headers()));
  expect(headers).toEqual(Array(3).fill({ authorization: "Bearer a2" }));
  expect(refreshes).toEqual(["r1"]);
  expect((await new FileStore(env).read("local"))?.refreshToken).toBe("r2");
  expect((await stat(join(home, "credentials", "local.json"))).mode & 0o777).toBe(0o600);
});

test("a token that is handed on is valid for as long as the caller asked", async () => {
  await keep(1, 300_000);
  const credentials = new SessionCredentials(env, workspace());
  expect((await credentials.session()).accessToken).toBe("a1");
  expect((await credentials.session(600_000)).accessToken).toBe("a2");
  expect((await credentials.session(600_000)).accessToken).toBe("a2");
  expect(refreshes).toEqual(["r1"]);
});

test("a session that another process renewed meanwhile is used: an old refresh token is never sent", async () => {
  await keep(1, 900_000);
  const credentials = new SessionCredentials(env, workspace());
  await credentials.headers();
  await keep(5, 900_000);
  expect(await credentials.renew()).toBe(true);
  expect(await credentials.headers()).toEqual({ authorization: "Bearer a5" });
  expect(refreshes).toEqual([]);
  await credentials.renew();
  expect(refreshes).toEqual(["r5"]);
});

test("an ended session says so and what to do", async () => {
  await keep(1, -1_000);
  refreshFails = { error: "invalid_grant", error_description: "The session has ended. Sign in again." };
  const failure = await new SessionCredentials(env, workspace()).headers().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(NotSignedInError);
  expect(failure).toMatchObject({ code: "session_ended", todo: expect.stringContaining("auth login") });
});

test("a server that is busy does not end the session", async () => {
  await keep(1, -1_000);
  refreshFails = { error: "temporarily_unavailable" };
  const failure = await new SessionCredentials(env, workspace()).headers().catch((error: unknown) => error);
  expect(failure).not.toBeInstanceOf(NotSignedInError);
  expect((await new FileStore(env).read("local"))?.refreshToken).toBe("r1");
});

test("tokens are sent only to the server that issued them", async () => {
  await keep(1, 900_000);
  const elsewhere = new SessionCredentials(env, workspace(`http://localhost:${server.port}`));
  await expect(elsewhere.headers()).rejects.toMatchObject({ code: "unauthenticated" });
});

test("an unreachable server is reported before a missing sign-in", async () => {
  await server.stop(true);
  const credentials = new SessionCredentials(env, { ...workspace(), known: undefined });
  await expect(credentials.headers()).rejects.toMatchObject({ name: "UnreachableError" });
});
