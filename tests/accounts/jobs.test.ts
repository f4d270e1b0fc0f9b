import { expect, test } from "bun:test";
import { chmodSync, chownSync, readdirSync, statSync } from "node:fs";
import { Person } from "../support/person.ts";
import { program, Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { stopSupervisors } from "../support/supervisors.ts";
import { waitFor } from "../support/wait.ts";

const NOBODY = 65_534;
const asNobody = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];

test("a job cannot read the environment, memory or files of its agent and supervisor, even under the same account", async () => {
  await using person = await Person.withServer();
  await using home = await makeScratch();
  chownSync(home.path, NOBODY, NOBODY);
  const env = {
    TANVRIT_URL: person.server.url,
    TANVRIT_TOKEN: await person.get(["auth", "print-token"]),
    OTHER_SECRET: "abc",
  };
  await using agent = new Running(home.path, ["agent", "run"], env, asNobody);
  await agent.said(/node_[0-9a-z]{26}/);
  const look =
    "for p in $A $(ps -o ppid= -p $PPID); do cat /proc/$p/environ; ls /proc/$p/fd; head -c 1 /proc/$p/mem; done; id -u";
  const { stdout } = await person.run(["job", "run", "-e", `A=${agent.process.pid}`, "--", "sh", "-c", look]);
  expect(stdout).toBe(`${NOBODY}\n`);
  // Root could look, so this proves that there is nothing to find.
  const shown = await Bun.file(`/proc/${agent.process.pid}/environ`).text();
  expect(shown).toContain("PATH=");
  expect(shown).not.toMatch(/abc|TANVRIT_TOKEN/);
  await agent.stop("SIGKILL");
  await stopSupervisors(home.path);
});

test("with runAs a job runs as that account in its own directory, and cannot read the agent's files", async () => {
  await using person = await Person.withServer();
  await Bun.write(person.home.join("agent.yaml"), "runAs: nobody\n");
  const agent = await person.startAgent();
  expect(agent.stderr).toContain("Jobs run as nobody.");
  expect(agent.stderr).not.toContain("runs as root");
  const node = person.home.join("agent/local/node.json");
  expect(statSync(node).isFile()).toBe(true);
  const script = [
    "id -u; id -G; stat -c '%u %a' .; echo $USER $HOME; cat /proc/self/status | grep CapEff",
    `cat ${node} 2>/dev/null; ls ${person.home.path} 2>/dev/null; kill -9 $PPID 2>/dev/null || echo no`,
    "mkdir -p a/b; : >a/b/c; chmod 000 a; pwd",
  ];
  const lines = (await person.get(["job", "run", "--", "sh", "-c", script.join("\n")])).split("\n");
  const dir = lines.pop() ?? "";
  expect(lines).toEqual([
    ...[String(NOBODY), String(NOBODY), `${NOBODY} 700`, "nobody /nonexistent"],
    ...["CapEff:\t0000000000000000", "no"],
  ]);
  expect(dir).toContain("exe_");
  expect(statSync(dir, { throwIfNoEntry: false })).toBeUndefined();
});

test("with runAs a cancel ends all processes of a job, and a job left by a killed supervisor is ended and removed", async () => {
  await using person = await Person.withServer();
  await Bun.write(person.home.join("agent.yaml"), "runAs: nobody\n");
  await person.startAgent();
  const hides =
    "(env -i setsid -f sleep 600); echo $$ $(ps -o ppid= -p $PPID) $PWD; echo up >up; exec sleep 600";
  for (const how of ["cancel", "kill"] as const) {
    const id = await person.submit(["--grace", "0", "--", "sh", "-c", hides]);
    await using follower = new Running(person.home.path, ["job", "logs", "-f", id]);
    await waitFor("the job to print a line", () => follower.stdout.includes("\n"));
    const [pid = "", supervisor = "", dir = ""] = follower.stdout.trim().split(/\s+/);
    expect(readdirSync(dir)).toEqual(["up"]);
    if (how === "cancel") await person.get(["job", "cancel", id]);
    else process.kill(Number(supervisor), "SIGKILL");
    await person.run(["job", "wait", id]);
    expect(Bun.spawnSync(["pgrep", "-u", String(NOBODY), "-x", "sleep"]).stdout.toString()).toBe("");
    expect(
      [pid, dir].map((one) =>
        statSync(one.startsWith("/") ? one : `/proc/${one}`, { throwIfNoEntry: false }),
      ),
    ).toEqual([undefined, undefined]);
  }
});

test("an agent that runs jobs as root says so once", async () => {
  await using person = await Person.withServer();
  const agent = await person.startAgent();
  expect(agent.stderr.match(/runs as root, and so does every job/g)).toHaveLength(1);
});

test("runAs with an account that does not exist, or in an agent that cannot switch accounts, exits 78 and says what to do", async () => {
  await using person = await Person.withServer();
  await Bun.write(person.home.join("agent.yaml"), "runAs: not-there\n");
  const args = ["agent", "run", "--workspace", "local"];
  const unknown = await person.run(args);
  expect(unknown).toMatchObject({ exitCode: 78, stderr: expect.stringContaining("no such account") });
  await using home = await makeScratch();
  chownSync(home.path, NOBODY, NOBODY);
  await Bun.write(home.join("agent.yaml"), "runAs: daemon\n");
  chmodSync(home.join("agent.yaml"), 0o644);
  const refused = new Running(home.path, ["agent", "run", "--url", person.server.url], {}, asNobody);
  expect(await refused.ended()).toBe(78);
  expect(refused.stderr).toContain("may not start jobs as another account");
});

test("a job gets no token of its agent's owner, even if it clears its variables or leaves its process tree", async () => {
  await using person = await Person.withServer();
  await person.startAgent();
  const ask = `env -i HOME=/ TANVRIT_HOME=${person.home.path} ${program().join(" ")} auth print-token 2>&1`;
  const ways = [ask, `setsid ${ask}`, `(setsid -f sh -c '${ask}; echo over') | sed '/over/q'`];
  for (const way of ways) {
    const { stdout, stderr } = await person.run(["job", "run", "--", "sh", "-c", way]);
    expect(stdout + stderr).not.toContain("eyJ");
    expect(stdout).toContain("a job cannot get a token");
  }
  expect(await person.get(["auth", "print-token"])).toStartWith("eyJ");
});
