import { expect, test } from "bun:test";
import { PlayedOAuth } from "../support/played-oauth.ts";
import { Running, runProgram } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { waitFor, within } from "../support/wait.ts";

const NO_DISPLAY = { DISPLAY: "", WAYLAND_DISPLAY: "", BROWSER: "", SSH_TTY: "x" };

function login(home: Scratch, server: PlayedOAuth, args: string[], env: Record<string, string> = {}) {
  return new Running(home.path, ["auth", "login", "--url", server.url, ...args], { ...NO_DISPLAY, ...env });
}

async function pageOf(running: Running): Promise<string> {
  const [page] = await running.said(/http:\/\/\S+\/oauth\/authorize\?\S+/);
  return page;
}

function exitOf(running: Running): Promise<number> {
  return within(15_000, "auth login to end", running.process.exited);
}

async function storedIn(home: Scratch) {
  return Bun.file(home.join("credentials", "local.json")).json();
}

test("--browser opens the page with a fresh PKCE challenge, and trades the code that comes back to its own port", async () => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  const opened = home.join("opened");
  const opener = home.join("opener");
  await Bun.write(
    opener,
    `#!/bin/sh\nprintf '%s' "$1" > ${opened}.new; env | grep -c TANVRIT_ > ${opened}.env; mv ${opened}.new ${opened}\n`,
  );
  await Bun.spawn(["chmod", "+x", opener]).exited;
  await using running = login(home, server, ["--browser", "--json"], { BROWSER: opener });
  const page = await pageOf(running);
  await waitFor("the browser to open", () => Bun.file(opened).exists());
  expect(await Bun.file(opened).text()).toBe(page);
  expect((await Bun.file(`${opened}.env`).text()).trim()).toBe("0");
  const { searchParams } = new URL(page);
  expect(Object.fromEntries(searchParams)).toMatchObject({
    response_type: "code",
    client_id: "tanvrit-compute-cli",
    code_challenge_method: "S256",
    redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
  });
  const shown = await server.allow(page);
  expect(await shown.text()).toContain("You are signed in");
  expect(shown.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(await exitOf(running)).toBe(0);
  expect(JSON.parse(running.stdout)).toMatchObject({
    way: "browser",
    url: server.url,
    identity: { userName: "anna" },
  });
  expect(server.forms).toEqual([
    expect.objectContaining({
      grant_type: "authorization_code",
      code: "the-code",
      client_id: "tanvrit-compute-cli",
    }),
  ]);
  expect(await storedIn(home)).toMatchObject({ refreshToken: "the-refresh-token", way: "browser" });
});

test("an answer of another sign-in is refused, and the wait goes on; nothing but the callback is served", async () => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  await using running = login(home, server, ["--browser"]);
  const page = await pageOf(running);
  expect((await server.allow(page, { state: "another" })).status).toBe(400);
  const { origin } = new URL(new URL(page).searchParams.get("redirect_uri") ?? "");
  expect((await fetch(`${origin}/`)).status).toBe(404);
  expect(server.forms).toEqual([]);
  expect((await server.allow(page)).status).toBe(200);
  expect(await exitOf(running)).toBe(0);
});

test.each([
  [{ iss: "http://another.example" }, 'unexpected "iss"'],
  [{ error: "access_denied" }, "you denied the sign-in"],
  [
    { error: "server_error", error_description: "The store is away." },
    "refused the sign-in: The store is away. Run the command again.\n",
  ],
])(
  "a sign-in that comes back with %p ends with 77 or 69 and the reason, and stores nothing",
  async (more, why) => {
    await using server = new PlayedOAuth();
    await using home = await makeScratch();
    await using running = login(home, server, ["--browser"]);
    const shown = await server.allow(await pageOf(running), more);
    expect(await shown.text()).toContain("You are not signed in");
    expect([69, 77]).toContain(await exitOf(running));
    expect(`${running.stderr}\n`).toContain(why);
    expect(server.forms).toEqual([]);
    expect(await Bun.file(home.join("config.json")).exists()).toBe(false);
  },
);

test("without a display a code is shown, and the command waits as the server asks until the person has decided", async () => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  server.errors.push({ error: "authorization_pending" }, { error: "authorization_pending" });
  await using running = login(home, server, []);
  await running.said(/open this page in a browser on any machine and check that it shows the code BCDF-GHJK/);
  expect(await exitOf(running)).toBe(0);
  expect(server.forms).toHaveLength(3);
  expect(server.forms[2]).toMatchObject({
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    device_code: "the-device-code",
  });
  expect(running.stdout).toBe("");
  expect(await storedIn(home)).toMatchObject({ refreshToken: "the-refresh-token", way: "device" });
});

test.each([
  [{ error: "access_denied" }, "the sign-in was denied in the browser"],
  [{ error: "expired_token" }, "the code has expired"],
  [{ error: "invalid_grant", error_description: "Gone." }, "refused the sign-in: Gone"],
])("a device sign-in that is answered with %p ends with 77 and says so", async (error, why) => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  server.errors.push(error);
  const run = await runProgram(home.path, ["auth", "login", "--device", "--url", server.url]);
  expect(run).toMatchObject({ exitCode: 77, stdout: "" });
  expect(run.stderr).toContain(why);
});

test("slow_down makes the pauses longer, and a code that expires meanwhile ends the wait", async () => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  server.device = { expires_in: 3 };
  server.errors.push({ error: "slow_down" });
  const run = await runProgram(home.path, ["auth", "login", "--device", "--url", server.url]);
  expect(run.exitCode).toBe(77);
  expect(run.stderr).toContain("the code has expired");
  expect(server.forms).toHaveLength(1);
});

test("a server that fails for a moment is asked again", async () => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  server.errors.push(new Response("bad gateway", { status: 502 }));
  const run = await runProgram(home.path, ["auth", "login", "--device", "--url", server.url]);
  expect(run.exitCode).toBe(0);
  expect(server.forms).toHaveLength(2);
});

test("Ctrl-C ends the wait", async () => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  server.device = { interval: 60 };
  await using running = login(home, server, ["--device"]);
  await running.said(/Ctrl-C ends the wait/);
  running.process.kill("SIGINT");
  await exitOf(running);
  expect(running.process.signalCode).toBe("SIGINT");
});

test("a server that calls itself by another URL is named, and nothing is sent to places that its metadata names", async () => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  server.metadata = { issuer: "https://compute.example" };
  const other = await runProgram(home.path, ["auth", "login", "--device", "--url", server.url]);
  expect(other.exitCode).toBe(77);
  expect(other.stderr).toContain("calls itself https://compute.example");
  server.metadata = { device_authorization_endpoint: "http://127.0.0.1:1/steal" };
  const elsewhere = await runProgram(home.path, ["auth", "login", "--device", "--url", server.url]);
  expect(elsewhere.exitCode).toBe(69);
  expect(elsewhere.stderr).toContain("it wants a request to be sent to http://127.0.0.1:1/steal");
});

test("--token-stdin stores the token after asking whose it is; an API key is sent as one", async () => {
  await using server = new PlayedOAuth();
  await using home = await makeScratch();
  const args = ["auth", "login", "--token-stdin", "--url", server.url];
  const run = await runProgram(home.path, args, { stdin: " tnv_12345678_secret \n" });
  expect(run.exitCode).toBe(0);
  expect(run.stderr).not.toContain("tnv_12345678_secret");
  expect(await storedIn(home)).toMatchObject({ accessToken: "tnv_12345678_secret", way: "token" });
  const empty = await runProgram(home.path, args, { stdin: "\n" });
  expect(empty).toMatchObject({ exitCode: 65, stdout: "" });
  const both = await runProgram(home.path, ["auth", "login", "--browser", "--device"]);
  expect(both.exitCode).toBe(64);
});
