import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Enrolment } from "../../shared/enrolment.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { waitFor, within } from "../support/wait.ts";

const person = forAllTests(await Person.withServer());
const again = forAllTests(await Person.signIn(person.server));

const enroll = (...args: string[]) => person.get(["node", "enroll", ...args]);
const listed = async (): Promise<Enrolment[]> =>
  JSON.parse(await again.get(["node", "enroll", "list", "--json"]));
/** An agent on a machine where nobody ever signed in. */
const agentOf = (home: Person, args: string[], env: Record<string, string> = {}) =>
  new Running(home.home.path, ["agent", "run", "--url", person.server.url, ...args], env);

test("a machine registers with a token once, gets its pool and labels, and outlives the token and the sign-in of its maker", async () => {
  const token = await enroll("--pool", "farm", "--label", "rack=4");
  await using machine = await Person.stranger();
  const first = agentOf(machine, ["--enroll", token]);
  const [, id = ""] = await first.said(/Registered as \S+ \((node_\w+)\)/);
  for (const shown of ["cmdline", "environ"]) {
    expect(readFileSync(`/proc/${first.process.pid}/${shown}`, "latin1")).not.toContain(token);
  }
  const job = await person.submit(["--pool", "farm", "--label", "rack=4", "--", "true"]);
  expect((await person.run(["job", "wait", job])).exitCode).toBe(0);
  await first.stop();
  // Started again, with or without the token, it is the same node.
  for (const env of [{ TANVRIT_ENROLL_TOKEN: token }, {}]) {
    await using next = agentOf(machine, [], env as Record<string, string>);
    const [, same = ""] = await next.said(/Registered as \S+ \((node_\w+)\)/);
    expect(same).toBe(id);
    await next.stop();
  }
  expect((await listed())[0]).toMatchObject({ used: 1, uses: 1, pool: "farm", labels: { rack: "4" } });
  await using second = await Person.stranger();
  const refused = agentOf(second, [], { TANVRIT_ENROLL_TOKEN: token });
  expect(await within(15_000, "the second machine to be refused", refused.process.exited)).toBe(77);
  expect(refused.stderr).toContain("used up: 1 of 1");
  await person.get(["auth", "logout"]);
  await using last = agentOf(machine, []);
  const late = await again.submit(["--pool", "farm", "--", "true"]);
  expect((await again.run(["job", "wait", late])).exitCode).toBe(0);
  expect((await again.job(late)).nodeId).toBe(id);
  await last.stop();
});

test("revoking a token keeps its nodes; with --nodes they get no more jobs and say so", async () => {
  await using machine = await Person.stranger();
  await Bun.write(machine.home.join("token"), `${await again.get(["node", "enroll", "--uses", "5"])}\n`);
  await using agent = agentOf(machine, ["--enroll-file", machine.home.join("token")]);
  const [, id = ""] = await agent.said(/Registered as \S+ \((node_\w+)\)/);
  const enrolment = (await listed())[0]?.enrolmentId ?? "";
  await again.get(["node", "enroll", "revoke", enrolment]);
  const job = await again.submit(["--", "true"]);
  expect((await again.run(["job", "wait", job])).exitCode).toBe(0);
  const told = await again.run(["node", "enroll", "revoke", enrolment, "--nodes"]);
  expect(told.stderr).toContain("1 node lost its access");
  await agent.said(/enrolment token is not valid: it was revoked/);
  const list = await again.get(["node", "list"]);
  expect(list.split("\n").find((line) => line.startsWith(id))).toContain("nobody is signed in");
  const late = await again.submit(["--", "true"]);
  await waitFor("job why to name the node", async () =>
    (await again.get(["job", "why", late])).includes("signed-out"),
  );
});
