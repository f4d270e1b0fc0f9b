import { mkdir, writeFile } from "node:fs/promises";
import type { Compute } from "../../sdk/index.ts";
import { type FinalJobStatus, finalJobStatuses } from "../../shared/job-state.ts";
import type { PortalWorld } from "./portal.ts";
import { waitFor } from "./wait.ts";

/** A page of the portal, as the screenshots name it. */
export interface ScenePage {
  name: string;
  path: string;
}

/** The options of the agent of a scene. */
export const SCENE_AGENT = ["--name", "berlin-1", "--label", "site=berlin", "--slots", "4"];

const SETTLED_MS = 60_000;
const TREE = {
  "build.sh":
    "#!/bin/sh\necho compiling main.c\necho compiling render.c\nmkdir -p dist\necho binary > dist/app\n",
};
const BUILD = `
printf '\\033[32m✓\\033[0m 214 files compiled\\n'
echo 'warning: render.c:88 unused variable' >&2
for i in 10 40 70 100; do printf '\\rlinking %s%%' $i; done; echo
echo "version=1.4.2" >> "$TANVRIT_RESULTS"
mkdir -p dist && echo binary > dist/app && echo '<h1>Report</h1>' > dist/report.html`;

/** Fills a world with what a team's week looks like. Resolves with the pages that show it. */
export async function fillScene(world: PortalWorld): Promise<ScenePage[]> {
  const { person } = world;
  const compute = await person.client();
  const input = person.home.join("render");
  await mkdir(input);
  for (const [name, text] of Object.entries(TREE)) await writeFile(`${input}/${name}`, text);
  await person.get(["secret", "set", "deploy-token"], { stdin: "s3cret-value" });
  await person.get(["api-key", "create", "--name", "nightly build", "--max-jobs-per-hour", "100"]);
  await person.get(["member", "invite", "--email", "bo@example.org", "--role", "viewer"]);
  const built = await person.submit([
    ...["--name", "build render engine", "--label", "site=berlin", "--output", "dist/**", "--input", input],
    ...["--", "sh", "-c", BUILD],
  ]);
  const failed = await person.submit([
    ...["--name", "unit tests", "--label", "site=berlin"],
    ...["--", "sh", "-c", "echo running 312 tests; echo 'FAILED: render_test.c:41' >&2; exit 3"],
  ]);
  const array = await person.submit(["--name", "frames", "--array", "1-12", "--", "sh", "-c", "sleep 0.1"]);
  for (const name of ["sync backups", "train model", "nightly report"])
    await person.submit(["--name", name, "--", "sh", "-c", "echo done"]);
  await settled(compute, [built, failed, array]);
  const queued = await person.submit(["--name", "needs a large GPU", "--gpus", "2", "--", "true"]);
  const running = await person.submit([
    ...["--name", "encode video", "--label", "site=berlin"],
    ...["--", "sh", "-c", "i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo frame $i of 600; sleep 0.5; done"],
  ]);
  const scheduleId = await schedule(world);
  const templateId = await template(compute);
  const [node] = await Array.fromAsync(compute.nodes.list());
  return [
    { name: "overview", path: "/" },
    { name: "jobs", path: "/jobs" },
    { name: "job-succeeded", path: `/jobs/${built}` },
    { name: "job-failed", path: `/jobs/${failed}` },
    { name: "job-running", path: `/jobs/${running}` },
    { name: "job-queued", path: `/jobs/${queued}` },
    { name: "array", path: `/jobs/${array}` },
    { name: "submit", path: "/submit" },
    { name: "templates", path: "/templates" },
    { name: "template", path: `/templates/${templateId}` },
    { name: "schedules", path: "/schedules" },
    { name: "schedule", path: `/schedules/${scheduleId}` },
    { name: "nodes", path: "/nodes" },
    { name: "node", path: `/nodes/${node?.nodeId}` },
    { name: "credits", path: "/credits" },
    ...["api-keys", "members", "secrets", "sessions", "trash", "audit"].map((part) => ({
      name: `settings-${part}`,
      path: `/settings/${part}`,
    })),
  ];
}

async function schedule({ person }: PortalWorld): Promise<string> {
  const every = ["--name", "nightly-report", "--cron", "15 2 * * 1-5", "--tz", "Europe/Berlin"];
  const out = await person.get(["schedule", "create", ...every, "--json", "--", "sh", "-c", "echo report"]);
  return (JSON.parse(out) as { scheduleId: string }).scheduleId;
}

async function template(compute: Compute): Promise<string> {
  const [first] = await Array.fromAsync(compute.templates.list({ limit: 1 }));
  if (!first) throw new Error("there is no template");
  return first.templateId;
}

async function settled(compute: Compute, jobIds: readonly string[]): Promise<void> {
  for (const jobId of jobIds) {
    await waitFor(
      `${jobId} to end`,
      async () => finalJobStatuses.includes((await compute.jobs.retrieve(jobId)).status as FinalJobStatus),
      { timeoutMs: SETTLED_MS },
    );
  }
}
