import { Database } from "bun:sqlite";
import { beforeAll, expect, test } from "bun:test";
import type { CreditEntry, HostedPool } from "../../sdk/index.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { onSharedStore } from "../support/shared-store.ts";
import { waitFor } from "../support/wait.ts";

/** A tenth of a dollar per second and core. */
const std = { vcpuSecondMicroUsd: 100_000, gibSecondMicroUsd: 0, gpuSecondMicroUsd: 0 };
const config = { pools: { cloud: { hosted: true, sku: "std" } }, prices: { std } };

const person = forAllTests(await Person.withServer({ config, agent: ["--name", "own"] }));
const colleague = forAllTests(await Person.signIn(person.server, "elsewhere"));
/** Their machine is the node of the hosted pool. */
const hosted = forAllTests(await Person.signIn(person.server));

beforeAll(() => hosted.startAgent(["--name", "cloud", "--pool", "cloud"]));

test("a job in a hosted pool costs credit, a job on the user's own node does not, and job get shows the cost", async () => {
  const paid = await person.submit(["--pool", "cloud", "--timeout", "60", "--", "sleep", "0.3"]);
  const own = await person.submit(["--", "true"]);
  expect((await person.run(["job", "wait", paid, own])).exitCode).toBe(0);
  const costMicroUsd = await waitFor("the settlement", async () => {
    const cost = (await person.job(paid)).costMicroUsd;
    return cost ? cost : undefined;
  });
  const { startedAt, finishedAt } = await person.job(paid);
  expect(costMicroUsd).toBe((Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? "")) * 100);
  expect(costMicroUsd).toBeLessThan(500_000);
  expect(await person.get(["job", "get", paid])).toMatch(/^cost: \$0\.\d{2,6}$/m);
  expect(await person.get(["job", "get", own])).not.toContain("cost");
  const balance = JSON.parse(await person.get(["credit", "balance", "--json"]));
  expect(balance).toMatchObject({ availableMicroUsd: 30_000_000 - costMicroUsd, reservedMicroUsd: 0 });
  expect(await person.get(["credit", "balance"])).toContain("available: $29.");
});

test("credit grant prints only the entry's id; the ledger has the entry, and prices list the hosted pool", async () => {
  const user = JSON.parse(await person.get(["auth", "status", "--json"])).user as string;
  const grant = ["credit", "grant", "--user", user, "--amount", "2.500001", "--reason", "a long run"];
  const entryId = await person.get(grant);
  expect(entryId).toMatch(/^crd_[0-9a-z]{26}$/);
  const ledger = JSON.parse(
    await person.get(["credit", "ledger", "--since", "1h", "--json"]),
  ) as CreditEntry[];
  expect(ledger[0]).toMatchObject({ entryId, amountMicroUsd: 2_500_001, reason: "a long run" });
  expect(await person.get(["credit", "ledger"])).toContain("+$2.500001");
  const pools = JSON.parse(await person.get(["credit", "prices", "--json"])) as HostedPool[];
  expect(pools).toEqual([{ pool: "cloud", sku: "std", ...std }]);
  expect(await person.get(["credit", "prices"])).toContain("$360.0000");
  for (const [option, text] of [
    ["--amount", "1e3"],
    ["--amount", "0"],
    ["--amount", "1.0000001"],
    ["--user", ""],
  ]) {
    const wrong = await person.run([...grant, option ?? "", text ?? ""]);
    expect({ option, text, ...wrong }).toMatchObject({ option, text, exitCode: 64, stdout: "" });
  }
  // A user of another business cannot get credit in this business.
  expect((await colleague.run(grant.with(3, "nobody"))).exitCode).toBe(66);
});

test("a job that cannot be paid for is refused with advice, and jobs on own nodes still run", async () => {
  const expensive = ["job", "submit", "--pool", "cloud", "--", "true"];
  const refused = await person.run(expensive);
  expect(refused).toMatchObject({ exitCode: 77, stdout: "" });
  expect(refused.stderr).toMatch(/needs \$360\.00 of credit .* your own nodes cost nothing/);
  expect(refused.stderr).toContain("credit balance");
  const id = await person.submit(["--", "true"]);
  expect((await person.run(["job", "wait", id])).exitCode).toBe(0);
});

// It reads the embedded store directly.
if (!onSharedStore) {
  test("server check finds no fault in a sound store, and finds a missing cent", async () => {
    await person.server.stop();
    const check = ["server", "check", "--data-dir", person.server.scratch.join("data")];
    const whole = await person.run(check);
    expect(whole).toMatchObject({ exitCode: 0, stderr: "" });
    expect(whole.stdout).toContain("Every rule holds.");
    const database = new Database(person.server.scratch.join("data", "compute.db"));
    database.run("UPDATE compute_credit_balances SET lasting_micro_usd = lasting_micro_usd + 10000");
    database.close();
    const broken = await person.run(check);
    expect(broken).toMatchObject({ exitCode: 1, stderr: "" });
    expect(broken.stdout).toContain("BROKEN  every balance is the sum of its ledger");
    const report = JSON.parse((await person.run([...check, "--json"])).stdout);
    expect(report.holds).toBe(false);
    const nowhere = await person.run(["server", "check", "--data-dir", person.home.join("nowhere")]);
    expect(nowhere).toMatchObject({ exitCode: 66, stdout: "" });
  });
}
