import { expect, setDefaultTimeout, test } from "bun:test";
import { LABEL } from "../../agent/executors/docker/container-config.ts";
import type { Job } from "../../shared/job.ts";
import { testEngine, testImage } from "../support/docker.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { killSupervisors } from "../support/supervisors.ts";
import { waitFor } from "../support/wait.ts";

setDefaultTimeout(400_000);

const WAIT_MS = 120_000;
const JOBS = 36;
const ROUNDS = 6;

await testImage();
const person = forAllTests(await Person.withServer());

test("no container outlives its job or its supervisor, however often agent and supervisor are killed", async () => {
  const image = ["--image", await testImage(), "--network", "none"];
  let agent = await person.startAgent(["--slots", "6"]);
  // A third of them would never end.
  const script = "trap '' TERM; echo ready; test $((TANVRIT_ARRAY_INDEX % 3)) = 0 && sleep 600; exit 0";
  const rules = ["--array", `1-${JOBS}`, "--max-retries", "2", "--grace", "1"];
  await person.get(["job", "submit", ...image, ...rules, "--", "sh", "-c", script]);
  const seen = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    await waitFor("a new container", () => newContainer(seen), { timeoutMs: WAIT_MS });
    await agent.stop("SIGKILL"); // Running jobs continue, and the next agent takes them over.
    agent = await person.startAgent(["--slots", "6"]);
    killSupervisors(person.home.path);
  }
  await person.get(["job", "cancel", "--all"]);
  const isOver = async () => (await jobs("QUEUED", "ASSIGNED", "RUNNING")).length === 0;
  await waitFor("all jobs to be over", isOver, { timeoutMs: WAIT_MS });
  expect(await containersHere()).toEqual([]);
  expect(seen.size).toBeGreaterThanOrEqual(ROUNDS);
});

async function newContainer(seen: Set<string>): Promise<boolean> {
  const found = (await containersHere()).filter((id) => !seen.has(id));
  for (const id of found) seen.add(id);
  return found.length > 0;
}

/** The containers of the jobs of this person. */
async function containersHere(): Promise<string[]> {
  const ids = new Set((await jobs()).map(({ jobId }) => jobId));
  const found = await testEngine().json<{ Id: string; Labels: Record<string, string> }[]>(
    "GET",
    "/containers/json",
    {
      query: { all: true, filters: JSON.stringify({ label: [LABEL.job] }) },
    },
  );
  return found.filter(({ Labels }) => ids.has(Labels[LABEL.job] ?? "")).map(({ Id }) => Id);
}

async function jobs(...statuses: string[]): Promise<Job[]> {
  const chosen = statuses.flatMap((status) => ["--status", status]);
  return JSON.parse(await person.get(["job", "list", "--all", "--json", ...chosen]));
}
