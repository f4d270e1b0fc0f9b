import { expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

const NOBODY = "65534";
const mayBeNobody = process.getuid?.() === 0 && Bun.which("setpriv") !== null;
/** Matches tokens and keys, however they are sent. */
const SECRET = /bearer|x-api-key"|tnv[a-z]_|eyJ/i;

/** They are random, and may contain anything. */
function withoutChallenges(heard: string): string {
  return heard.replaceAll(/"nonce":"[^"]*"/g, "");
}

/** Listens at this address, under another account if possible, and can pass requests on to the real server. */
class Stranger implements AsyncDisposable {
  heard = "";
  private constructor(private readonly child: Bun.Subprocess<"ignore", "pipe", "inherit">) {}

  static async listen(hostname: string, port: number, passOnTo = ""): Promise<Stranger> {
    const script = `
      const passOnTo = ${JSON.stringify(passOnTo)};
      Bun.serve({ hostname: ${JSON.stringify(hostname)}, port: ${port}, async fetch(request) {
        const body = await request.text();
        console.log(request.url, JSON.stringify([...request.headers]), body);
        if (!passOnTo) return Response.json({ status: "ready" });
        const there = new URL(new URL(request.url).pathname, passOnTo);
        return fetch(there, { method: request.method, headers: request.headers, body: body || undefined });
      } });
      console.log("listening");`;
    const as = mayBeNobody ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : [];
    const child = Bun.spawn([...as, process.execPath, "-e", script], {
      cwd: "/",
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const stranger = new Stranger(child);
    void stranger.read();
    await waitFor("the stranger to listen", () => stranger.heard.includes("listening") || undefined);
    return stranger;
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stdout) this.heard += decoder.decode(chunk, { stream: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }
}

test("a program that listens on the port of a stopped server gets no token from any command, and each command says so", async () => {
  await using person = await Person.withServer();
  const token = await person.get(["auth", "print-token"]);
  await person.server.stop();
  await using stranger = await Stranger.listen("127.0.0.1", person.server.port);
  await setExpired(person);
  const commands = [
    ["job", "list"],
    ["job", "submit", "--", "true"],
    ["auth", "print-token"],
    ["auth", "status"],
  ];
  for (const args of commands) {
    const run = await person.run([...args.slice(0, 2), "--json", ...args.slice(2)]);
    expect(run.exitCode).toBe(69);
    expect(JSON.parse(run.stderr).error.message).toContain(person.server.url);
  }
  const withToken = await person.run(["job", "list"], { env: { TANVRIT_TOKEN: token } });
  expect(withToken.exitCode).toBe(69);
  expect((await person.run(["auth", "logout"])).stderr).toContain("the server was not told");
  expect(stranger.heard).toContain("/api/compute/server/identity");
  expect(withoutChallenges(stranger.heard)).not.toMatch(SECRET);
});

test("a program that passes a server's proof on from another address proves nothing", async () => {
  await using person = await Person.withServer();
  await using stranger = await Stranger.listen("::1", person.server.port, person.server.url);
  const there = `http://[::1]:${person.server.port}`;
  const config = await Bun.file(person.home.join("config.json")).json();
  config.workspaces.local.url = there;
  await Bun.write(person.home.join("config.json"), JSON.stringify(config));
  const stored = await Bun.file(person.home.join("credentials", "local.json")).json();
  await Bun.write(person.home.join("credentials", "local.json"), JSON.stringify({ ...stored, url: there }));
  const run = await person.run(["job", "list", "--json"]);
  expect(run.exitCode).toBe(69);
  expect(JSON.parse(run.stderr).error).toMatchObject({
    code: "other_server",
    message: expect.stringContaining(`that server is at ${person.server.url}, not at ${there}`),
  });
  // A token from the environment is not sent there either, although the URL is not the workspace's.
  config.workspaces.local.url = person.server.url;
  await Bun.write(person.home.join("config.json"), JSON.stringify(config));
  const env = { TANVRIT_URL: there, TANVRIT_TOKEN: stored.accessToken };
  expect((await person.run(["job", "list"], { env })).exitCode).toBe(69);
  expect(stranger.heard).toContain("/api/compute/server/identity");
  expect(withoutChallenges(stranger.heard)).not.toMatch(SECRET);
});

test("a running agent does not send its key to a program in the place of its server, and continues when the server is back", async () => {
  await using person = await Person.withServer();
  const agent = await person.startAgent();
  const node = await Bun.file(person.home.join("agent", "local", "node.json")).json();
  expect(node).toMatchObject({ url: person.server.url, serverKey: expect.stringMatching(/^[\w-]{43}$/) });
  await person.server.stop();
  {
    await using stranger = await Stranger.listen("127.0.0.1", person.server.port);
    await agent.said(/another server answers there, not the one known under this URL/);
    expect(withoutChallenges(stranger.heard)).not.toMatch(SECRET);
  }
  await person.server.startAgain();
  await agent.said(/The server is back/);
  expect(await person.get(["job", "run", "--", "echo", "here"])).toBe("here");
});

test("the last answer of a server that stops closes the connection, so that the next server must prove itself again", async () => {
  await using server = await TestServer.start();
  const { accessToken: token } = await server.api.signIn("local");
  const { jobId } = await server.api.call("jobs.submit", { command: "true" }, { token });
  const waiting = server.api.send("jobs.retrieve", JSON.stringify({ jobId, waitSeconds: 30 }), { token });
  await server.api.call("auth.whoami", {}, { token });
  const stopped = server.stop();
  const answer = await waiting;
  expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
  await stopped;
});

test("a newly set up server is not taken for the previous one; signing in again makes it the known server", async () => {
  await using person = await Person.withServer();
  await person.server.stop();
  await rm(person.server.scratch.join("data"), { recursive: true });
  await person.server.startAgain();
  const refused = await person.run(["job", "list"]);
  expect(refused.exitCode).toBe(69);
  expect(refused.stderr).toMatch(/its key is [\w-]{43}, but the key known here is [\w-]{43}/);
  expect(refused.stderr).toContain("tanvrit-compute auth login --workspace local");
  const login = await person.run(["auth", "login"]);
  expect(login.stderr).toContain("has a different key than before");
  expect(await person.get(["job", "list"])).toContain("COMMAND");
});

test("a workspace of an earlier version learns the server's key at the next sign-in, and says so", async () => {
  await using person = await Person.withServer();
  const path = person.home.join("config.json");
  const config = await Bun.file(path).json();
  const { serverKey } = config.workspaces.local;
  delete config.workspaces.local.serverKey;
  await Bun.write(path, JSON.stringify(config));
  expect(await person.get(["job", "list"])).toContain("COMMAND");
  expect((await person.run(["auth", "login"])).stderr).toContain(`The key of ${person.server.url} is stored`);
  expect((await Bun.file(path).json()).workspaces.local.serverKey).toBe(serverKey);
});

test("an agent without a sign-in learns the server's key and URL when it registers, and needs no option for them later", async () => {
  await using server = await TestServer.start();
  await using anna = await Person.signIn(server);
  await using remote = await Person.stranger();
  const env = { TANVRIT_URL: server.url, TANVRIT_TOKEN: await anna.get(["auth", "print-token"]) };
  await remote.startAgent([], env);
  const node = await Bun.file(remote.home.join("agent", "local", "node.json")).json();
  const { serverKey } = (await Bun.file(anna.home.join("config.json")).json()).workspaces.local;
  expect(node).toMatchObject({ url: server.url, serverKey });
  await remote.stopAgents();
  await remote.startAgent();
  await server.stop();
  await using stranger = await Stranger.listen("127.0.0.1", server.port);
  await waitFor("the agent to ask", () => stranger.heard.includes("server/identity") || undefined);
  expect(withoutChallenges(stranger.heard)).not.toMatch(SECRET);
});

/** Makes the next command renew its token first. */
async function setExpired(person: Person): Promise<void> {
  const path = person.home.join("credentials", "local.json");
  const stored = await Bun.file(path).json();
  await Bun.write(path, JSON.stringify({ ...stored, accessTokenExpiresAt: "2020-01-01T00:00:00.000Z" }));
}
