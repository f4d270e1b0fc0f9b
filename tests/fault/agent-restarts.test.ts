import { expect, setDefaultTimeout, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { processesOfJob } from "../support/processes.ts";
import { waitFor } from "../support/wait.ts";

setDefaultTimeout(180_000);

const JOBS = 10;
const ROUNDS = 20;
/** Each job writes more, however quickly its agents follow each other. */
const LEAST_LINES = 500;

const person = forAllTests(await Person.withServer());

/** The process id that the job wrote itself. Ids wrap around, so the lowest is not always the first process. */
function leaderOf(name: string): Promise<number> {
  const said = Bun.file(person.home.join(name));
  return waitFor(`job ${name} to say its process`, async () =>
    (await said.exists()) ? Number(await said.text()) || undefined : undefined,
  );
}

test(`${JOBS} jobs go on through ${ROUNDS} kill -9 of their agent: same processes, one execution, the log byte for byte`, async () => {
  const args = ["--slots", String(JOBS)];
  let agent = await person.startAgent(args);
  const gate = person.home.join("gate");
  // The output depends only on the count. It comes in bursts and in pieces of lines, on both streams.
  const script = `echo $$ >${person.home.path}/$TANVRIT_JOB_NAME; echo $$; i=0; until [ -e ${gate} ] && [ $i -gt ${LEAST_LINES} ]; do i=$((i+1)); printf 'line %s ' $i; printf 'of %s\\n' "$TANVRIT_JOB_NAME"; [ $((i % 50)) = 0 ] && sleep 0.2; done; echo $i >&2; exit 9`;
  const ids: string[] = [];
  for (let i = 0; i < JOBS; i++) ids.push(await person.submit(["--name", `n${i}`, "--", "sh", "-c", script]));
  const leaders = new Map<string, number>();
  for (const [i, id] of ids.entries()) {
    await waitFor(`job ${id} to run`, async () => (await person.job(id)).status === "RUNNING");
    leaders.set(id, await leaderOf(`n${i}`));
  }
  for (let round = 0; round < ROUNDS; round++) {
    await agent.stop("SIGKILL");
    agent = await person.startAgent(args);
  }
  for (const [id, pid] of leaders) expect(processesOfJob(id)).toContain(pid);
  await Bun.write(gate, "");
  await person.run(["job", "wait", ...ids], { timeoutMs: 60_000 });
  for (const [i, id] of ids.entries()) {
    expect(await person.job(id)).toMatchObject({ status: "FAILED", attempt: 1, exitCode: 9, lostCount: 0 });
    expect(JSON.parse(await person.get(["execution", "list", "--job", id, "--json"]))).toHaveLength(1);
    const log = await person.run(["job", "logs", id]);
    const count = Number(log.stderr.trim());
    const lines = Array.from({ length: count }, (_, n) => `line ${n + 1} of n${i}\n`);
    expect(log.stdout === `${leaders.get(id)}\n${lines.join("")}`).toBe(true);
    expect(count).toBeGreaterThan(LEAST_LINES);
  }
});
