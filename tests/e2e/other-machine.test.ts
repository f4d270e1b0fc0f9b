import { expect, test } from "bun:test";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { exitCodes } from "../../cmd/exit/exit-codes.ts";
import { keyIn, selfSigned, type TlsKeys } from "../support/certificates.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { TestServer } from "../support/server.ts";
import { sharedStoreEnv } from "../support/shared-store.ts";
import { waitFor } from "../support/wait.ts";

/** An address of this machine that others can reach, as if the client were elsewhere. */
const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

const server = forAllTests(await TestServer.start({ TANVRIT_HOST: "0.0.0.0" }));
const owner = forAllTests(await Person.signIn(server));
const at = ({ port }: TestServer, scheme = "https") => `${scheme}://${address}:${port}`;
const fingerprintOf = ({ scratch }: TestServer) =>
  owner.get(["server", "fingerprint", "--data-dir", scratch.join("data")]);

/** Somebody on another machine, with a token and what they know of the server. */
async function guest(env: Record<string, string> = {}): Promise<Person> {
  const token = await owner.get(["auth", "print-token"]);
  return Person.stranger({ TANVRIT_TOKEN: token, TANVRIT_URL: at(server), ...env });
}

test("a server for other machines speaks TLS, and its own account signs in as before", async () => {
  expect(server.url).toStartWith("https://127.0.0.1:");
  expect(server.stderr).toContain(await fingerprintOf(server));
  const person = await Person.stranger();
  const plain = server.url.replace("https:", "http:");
  await person.get(["auth", "login", "--workspace", "local", "--url", plain]);
  expect(await person.get(["auth", "status"])).toContain(server.url);
  expect((await fetch(plain).catch(() => undefined))?.ok).not.toBe(true);
  await person[Symbol.asyncDispose]();
});

test("a new enrolment token comes with where the server is, and what to know it by", async () => {
  const made = JSON.parse(await owner.get(["node", "enroll", "--json"]));
  expect(made.serverUrl).toMatch(new RegExp(`^https://.+:${server.port}$`));
  expect(made.fingerprint).toBe(await fingerprintOf(server));
});

test.if(address !== undefined)(
  "without the fingerprint, with a wrong one, and over plain HTTP, no command sends anything",
  async () => {
    await using stranger = await guest();
    const unknown = await stranger.run(["job", "list"]);
    expect(unknown).toMatchObject({ exitCode: exitCodes.unreachable, stdout: "" });
    expect(unknown.stderr).toContain("--fingerprint");
    const wrong = `SHA256:${"A".repeat(43)}`;
    const other = await stranger.run(["job", "list", "--fingerprint", wrong]);
    expect(other).toMatchObject({ exitCode: exitCodes.unreachable, stdout: "" });
    for (const named of [wrong, await fingerprintOf(server)]) expect(other.stderr).toContain(named);
    const plain = await stranger.run(["job", "list", "--url", at(server, "http")]);
    expect(plain).toMatchObject({ exitCode: exitCodes.badConfiguration, stdout: "" });
    expect(plain.stderr).toContain("--insecure-http");
    const agent = await stranger.run(["agent", "run", "--url", at(server, "http")]);
    expect(agent).toMatchObject({ exitCode: exitCodes.badConfiguration });
    const token = await owner.get(["node", "enroll"]);
    const machine = await stranger.run(["agent", "run", "--enroll", token]);
    expect(machine).toMatchObject({ exitCode: exitCodes.badConfiguration, stdout: "" });
    expect(machine.stderr).toContain(`--fingerprint ${await fingerprintOf(server)}`);
  },
);

test.if(address !== undefined)(
  "with the fingerprint, an agent on another machine runs jobs with files, and remembers the server's key",
  async () => {
    const { stack, person } = await guestWithAgent();
    await using _ = stack;
    const dir = person.home.join("input");
    await mkdir(dir);
    await writeFile(`${dir}/given.txt`, "over TLS\n");
    const files = ["--input", ".", "--output", "made.txt", "--download", person.home.join("out")];
    const run = await person.run(["job", "run", ...files, "--", "sh", "-c", "cat given.txt | tee made.txt"], {
      cwd: dir,
    });
    expect(run).toMatchObject({ exitCode: 0, stdout: "over TLS\n" });
    expect(await Bun.file(person.home.join("out", "made.txt")).text()).toBe("over TLS\n");
    // Started again, it needs no fingerprint.
    await person.stopAgents();
    await using agent = new Running(person.home.path, ["agent", "run", "--workspace", "local"]);
    await agent.said(/Registered as/);
  },
);

async function guestWithAgent() {
  const stack = new AsyncDisposableStack();
  const person = stack.use(await guest({ TANVRIT_FINGERPRINT: await fingerprintOf(server) }));
  await person.startAgent();
  return { stack, person };
}

test.if(address !== undefined)(
  "a server that was set up again is refused, and the error says what to do",
  async () => {
    await using first = await TestServer.start({ TANVRIT_HOST: "0.0.0.0" });
    await using person = await Person.signIn(first);
    await first.stop();
    await rm(first.scratch.join("data"), { recursive: true });
    // Its key comes from the store, so a new server has a new store too.
    await first.startAgain(sharedStoreEnv());
    // The record in the list of this account names the new certificate; another machine has no such list.
    for (const file of ["config.json", "credentials/local.json"]) {
      const path = person.home.join(file);
      await writeFile(path, (await Bun.file(path).text()).replaceAll("127.0.0.1", address ?? ""));
    }
    const refused = await person.run(["job", "list"]);
    expect(refused).toMatchObject({ exitCode: exitCodes.unreachable, stdout: "" });
    expect(refused.stderr).toContain(await fingerprintOf(first));
    expect(refused.stderr).toContain("auth login");
  },
);

test("certificate files are read again: a running job's log goes on, and new connections get the new one", async () => {
  const stack = new AsyncDisposableStack();
  await using _ = stack;
  const files = stack.use(await Person.stranger());
  const [cert, key] = [files.home.join("cert.pem"), files.home.join("key.pem")];
  const write = async (pair: TlsKeys) => {
    await writeFile(cert, pair.cert);
    await writeFile(key, pair.key);
  };
  const first = await selfSigned();
  await write(first);
  const own = stack.use(await TestServer.start({ TANVRIT_TLS_CERT: cert, TANVRIT_TLS_KEY: key }));
  const person = stack.use(await Person.signIn(own));
  await person.startAgent();
  const go = person.home.join("go");
  const script = `echo before; while [ ! -e '${go}' ]; do sleep 0.05; done; echo after`;
  const run = stack.use(new Running(person.home.path, ["job", "run", "--", "sh", "-c", script]));
  await waitFor("the first line", () => run.stdout.includes("before"));
  await writeFile(key, "broken");
  await waitFor("the report", () => own.stderr.includes("keeps its certificate"), { timeoutMs: 15_000 });
  expect(await person.get(["job", "list"])).toContain("sh");
  const changes = () => own.stderr.split("has a new certificate").length;
  // The second has another key, which the list of this account's servers names.
  for (const next of [await selfSigned(keyIn(first)), await selfSigned()]) {
    const before = changes();
    await write(next);
    await waitFor("the change", () => changes() > before, { timeoutMs: 15_000 });
    expect(await person.get(["job", "list"])).toContain("RUNNING");
  }
  await writeFile(go, "");
  expect(await run.ended()).toBe(0);
  expect(run.stdout).toBe("before\nafter\n");
});
