import { expect, test } from "bun:test";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { signInHere } from "../../cmd/auth/local-server.ts";
import { localServer } from "../../shared/sockets/local-server.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { freePort } from "../support/free-port.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";
import { waitFor, within } from "../support/wait.ts";
import { ScriptedServer } from "./scripted-server.ts";

const NOBODY = 65_534;
const mayBeNobody = process.getuid?.() === 0 && Bun.which("setpriv") !== null;

const server = forAllTests(await TestServer.start());

/** Listens instead of a server, and keeps what it is sent. */
function squat(hostname: string, port: number) {
  const heard: string[] = [];
  const listener = Bun.serve({
    hostname,
    port,
    async fetch(request) {
      heard.push(`${request.url} ${JSON.stringify([...request.headers])} ${await request.text()}`);
      const problem = { type: "about:blank", title: "no", status: 401, code: "unauthenticated" };
      return Response.json(problem, {
        status: 401,
        headers: { "content-type": "application/problem+json" },
      });
    },
  });
  return { heard, [Symbol.asyncDispose]: () => listener.stop(true) };
}

test("localhost means the address that the server has, and that address is kept", async () => {
  await using person = await Person.stranger();
  const login = ["auth", "login", "--json", "--url", `http://localhost:${server.port}`];
  expect(JSON.parse(await person.get(login))).toMatchObject({ url: server.url });
  expect(await person.get(["job", "list"])).toContain("COMMAND");
});

test("a program that listens on the server's port at another address hears nothing of a sign-in", async () => {
  await using person = await Person.stranger();
  await using relay = squat("::1", server.port);
  await person.get(["auth", "login", "--url", `http://localhost:${server.port}`]);
  const named = await person.run(["auth", "login", "--url", `http://[::1]:${server.port}`]);
  expect(named).toMatchObject({ exitCode: 77, stdout: "" });
  expect(named.stderr).toContain(`is at ${server.url}; http://[::1]:${server.port} may be another account's`);
  expect(relay.heard).toEqual([]);
});

test("a program that listens where a server was stopped gets no sign-in, and the person learns that it is not theirs", async () => {
  await using person = await Person.stranger();
  await using stopped = await TestServer.start();
  await stopped.stop();
  await using squatter = squat("127.0.0.1", stopped.port);
  const login = await person.run(["auth", "login", "--url", stopped.url]);
  expect(login).toMatchObject({ exitCode: 77, stdout: "" });
  expect(login.stderr).toContain("is not a server of your account");
  expect(squatter.heard.filter((text) => /"authorization"|tnv[a-z]*_/i.test(text))).toEqual([]);
});

test("a server that starts while auth login looks for it is signed in to without a browser", async () => {
  let starting: Promise<TestServer> | undefined;
  using front: ScriptedServer = new ScriptedServer(async (_path, request) => {
    starting ??= TestServer.start({ TANVRIT_PUBLIC_URL: front.url });
    const url = request.url.replace(front.url, (await starting).url);
    // Under the name by which the client knows it.
    return fetch(new Request(url, request), { headers: { host: new URL(front.url).host } });
  });
  await using person = await Person.stranger();
  try {
    const login = JSON.parse(await person.get(["auth", "login", "--json", "--url", front.url]));
    expect(login).toMatchObject({ way: "same machine", url: front.url });
    expect(front.requests).not.toContain("/oauth/device_authorization");
  } finally {
    await (await starting)?.[Symbol.asyncDispose]();
  }
});

test("a server answers nobody before the commands of its account find it", async () => {
  await using scratch = await makeScratch();
  const [dataDir, port] = [scratch.join("data"), freePort()];
  await using _ = new Running(scratch.path, ["server", "--port", String(port), "--data-dir", dataDir]);
  const isUp = () => fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
  await waitFor("an answer", isUp, { timeoutMs: 15_000 });
  expect((await readdir(join(dataDir, "sign-in"))).filter((name) => name.endsWith(".json"))).toHaveLength(1);
});

test("a server is found by its data directory alone, and listed only for its account", async () => {
  await using person = await Person.stranger();
  const dataDir = server.scratch.join("data");
  const signedIn = JSON.parse(await person.get(["auth", "login", "--json", "--data-dir", dataDir]));
  expect(signedIn).toMatchObject({ url: server.url, identity: { businessName: "local" } });
  const { file, record } = await recordOf(server);
  expect(record.urls).toEqual([server.url]);
  for (const path of [file, record.socket]) expect((await Bun.file(path).stat()).mode & 0o777).toBe(0o600);
  expect((await Bun.file(join(dataDir, "sign-in")).stat()).mode & 0o777).toBe(0o700);
});

test("a server that stops removes its socket; the socket of a killed server is skipped and removed", async () => {
  await using killed = await TestServer.start();
  const { record } = await recordOf(killed);
  await killed.kill();
  await killed.startAgain();
  await using person = await Person.signIn(killed);
  expect(await person.get(["auth", "status"])).toContain(killed.url);
  expect(await Bun.file(record.socket).exists()).toBe(false);
  await killed.stop();
  expect(await readdir(killed.scratch.join("data"))).not.toContain("sign-in");
});

test("a server is in its account's list although servers that end remove the empty list meanwhile", async () => {
  await using scratch = await makeScratch();
  const env = { XDG_RUNTIME_DIR: scratch.path };
  const list = scratch.join("tanvrit-compute", "servers");
  const endings = `let left = 3; while (left > 0) try { require("fs").rmdirSync(${JSON.stringify(list)}); left--; } catch {}`;
  const ending = Bun.spawn([process.execPath, "-e", endings], { env: { ...process.env, BUN_BE_BUN: "1" } });
  try {
    await using own = await TestServer.start(env);
    await using person = await Person.signIn(own, "local", env);
    expect(await person.get(["auth", "status"])).toContain(own.url);
    expect(own.stderr).not.toContain("could not add itself");
  } finally {
    ending.kill("SIGKILL");
  }
});

test("a server that is stopped and does not answer is named, and no browser is asked instead", async () => {
  await using stopped = await TestServer.start();
  await using person = await Person.stranger();
  process.kill(stopped.pid, "SIGSTOP");
  try {
    const login = await person.run(["auth", "login", "--url", stopped.url]);
    expect(login).toMatchObject({ exitCode: 69, stdout: "" });
    expect(login.stderr).toContain(`(process ${stopped.pid}) does not answer within 15 s`);
  } finally {
    process.kill(stopped.pid, "SIGCONT");
  }
});

test("a data directory with a path that is too long for a socket makes no difference", async () => {
  await using scratch = await makeScratch();
  await using person = await Person.stranger();
  const dataDir = scratch.join("d".repeat(120));
  await using running = new Running(scratch.path, ["server", "--port", "0", "--data-dir", dataDir]);
  const [, url = ""] = await running.said(/listening on (http:\/\/\S+)/);
  await person.get(["auth", "login", "--url", url]);
  expect(await person.get(["auth", "status"])).toContain(url);
});

test.skipIf(!mayBeNobody)(
  "another account gets no answer, even if file permissions let it connect",
  async () => {
    await using open = await TestServer.start();
    const { record } = await recordOf(open);
    for (const path of [open.scratch.path, open.scratch.join("data"), open.scratch.join("data", "sign-in")]) {
      await chmod(path, 0o755);
    }
    await chmod(record.socket, 0o777);
    const request = { url: open.url, business: "local", user: "mallory" };
    const answer = await asNobody(`
    let heard = "";
    await new Promise((resolve) => {
      // The server closes the connection at once: before the client sees it open, or with the request unread.
      const failed = (error) => { if (error.code !== "ECONNRESET") heard = error.code; resolve(); };
      Bun.connect({ unix: ${JSON.stringify(record.socket)}, socket: {
        open: (socket) => void socket.write(${JSON.stringify(`${JSON.stringify(request)}\n`)}),
        data: (_socket, bytes) => { heard += bytes; resolve(); },
        error: (_socket, error) => failed(error),
        close: () => resolve(),
      } }).catch(failed);
    });
    console.log(JSON.stringify({ heard }));
    process.exit(0);
  `);
    expect(JSON.parse(answer)).toEqual({ heard: "" });
    // It reached the server, and the server refused the account.
    await waitFor("the refusal in the log", () => open.stderr.includes("sign-in refused"));
    expect(open.stderr).toMatch(new RegExp(`sign-in refused.*\\b${NOBODY}\\b`));
  },
);

test.skipIf(!mayBeNobody)("a program of another account that listens on a socket is not asked", async () => {
  await using scratch = await makeScratch();
  const socket = scratch.join("false.sock");
  await chmod(scratch.path, 0o777);
  const fake = Bun.spawn(
    [
      ...nobody(),
      "-e",
      `Bun.listen({ unix: ${JSON.stringify(socket)}, socket: {
      data: (_socket, bytes) => console.log("heard " + bytes) } }); console.log("listens");`,
    ],
    { cwd: "/", stdout: "pipe", stderr: "inherit" },
  );
  try {
    const reader = fake.stdout.getReader();
    expect(String(Buffer.from((await within(10_000, "the listener", reader.read())).value ?? []))).toBe(
      "listens\n",
    );
    const list = scratch.join("sign-in");
    await mkdir(list, { mode: 0o700 });
    const record = { urls: ["http://127.0.0.1:1"], pid: fake.pid, socket };
    await Bun.write(join(list, "srv_0.json"), JSON.stringify(record));
    const asked = signInHere(
      {},
      { url: undefined, dataDir: scratch.path, business: "local", user: () => "anna" },
    );
    await expect(asked).rejects.toThrow(/no server of this account uses the data directory/);
    fake.kill();
    expect((await reader.read()).done).toBe(true);
  } finally {
    fake.kill("SIGKILL");
    await fake.exited;
  }
});

async function recordOf(one: TestServer) {
  const list = one.scratch.join("data", "sign-in");
  const names = (await readdir(list)).filter((name) => name.endsWith(".json"));
  const file = join(list, names.sort().at(-1) ?? "");
  return { file, record: localServer.parse(await Bun.file(file).json()) };
}

function nobody(): string[] {
  return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", process.execPath];
}

async function asNobody(script: string): Promise<string> {
  const child = Bun.spawn([...nobody(), "-e", script], { cwd: "/", stdout: "pipe", stderr: "inherit" });
  return within(20_000, "a script of another account", new Response(child.stdout).text());
}
