import { mkdir, writeFile } from "node:fs/promises";
import type { Compute } from "../../sdk/index.ts";
import { type FinalJobStatus, finalJobStatuses } from "../../shared/job-state.ts";
import { Chance } from "./past/agenda.ts";
import { Alive } from "./past/alive.ts";
import { hoursAhead, type Past, pastConfig, playPast } from "./past/play.ts";
import { PortalWorld } from "./portal.ts";
import { makeScratchInMemory } from "./scratch.ts";
import { waitFor } from "./wait.ts";

/** A page of the portal or of the server, as the screenshots name it. */
export interface ScenePage {
  name: string;
  path: string;
  /** It is for people who are not signed in. */
  isSignedOut?: true;
}

export interface Scene extends AsyncDisposable {
  world: PortalWorld;
  /** The pages of the portal. */
  pages: ScenePage[];
  /** Where its people are. */
  timezoneId: string;
}

const USER = "anna";
const AGENT = ["--name", "berlin-1", "--label", "site=berlin", "--slots", "4", "--pool", "desk"];

/** A team with days behind it: a server that goes on with what was played before, a real agent, and pages that show it. */
export async function openScene(): Promise<Scene> {
  await using opening = new AsyncDisposableStack();
  const scratch = opening.use(await makeScratchInMemory());
  const dataDir = scratch.join("data");
  await mkdir(dataDir, { mode: 0o700 });
  const past = await playPast(dataDir, USER);
  const world = opening.use(await PortalWorld.start(AGENT, pastConfig, { dataDir, user: USER }));
  opening.use(new Alive(world.person.server.api, past.nodes, new Chance(1)));
  const pages = await fillScene(world, past);
  const opened = opening.move();
  return {
    world,
    pages,
    timezoneId: zoneOf(hoursAhead(Date.now())),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Zones of this kind count westward. */
function zoneOf(hours: number): string {
  return `Etc/GMT${hours > 0 ? "-" : "+"}${Math.abs(hours)}`;
}

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

const WORKFLOW = `
name: CI
on: push
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - name: Check the format
        run: echo "128 files are formatted"
      - name: Check the types
        run: echo "::warning file=src/tile.ts,line=88::The result of decode() is not used"
  build:
    runs-on: ubuntu-latest
    strategy:
      matrix: {mode: [debug, release]}
    steps:
      - name: Compile
        run: |
          echo "::group::Compile 214 files"
          for i in 1 2 3 4 5 6 7 8; do echo "compiling src/part$i.c"; sleep 0.2; done
          echo "::endgroup::"
      - name: Package
        run: echo "render-\${{ matrix.mode }}.tar.gz has 4.1 MiB"
  test:
    needs: build
    runs-on: ubuntu-latest
    steps:
      - name: Run the tests
        run: |
          echo "running 312 tests"; sleep 1.2
          echo "### 311 of 312 tests passed" >> "$GITHUB_STEP_SUMMARY"
          echo "::error file=tests/render.test.c,line=41,title=render_empty_tile::expected 0 pixels, got 4"
          exit 1
      - name: Upload the report
        if: always()
        run: echo uploaded
  publish:
    needs: [lint, test]
    runs-on: ubuntu-latest
    steps:
      - run: echo published
`;

async function fillScene(world: PortalWorld, past: Past): Promise<ScenePage[]> {
  const { person } = world;
  const compute = await person.client();
  const input = person.home.join("render");
  await mkdir(input);
  for (const [name, text] of Object.entries(TREE)) await writeFile(`${input}/${name}`, text);
  await person.get(["secret", "set", "deploy-token"], { stdin: "s3cret-value" });
  await person.get(["secret", "set", "registry-password"], { stdin: "another-value" });
  await person.get(["api-key", "create", "--name", "nightly build", "--max-jobs-per-hour", "100"]);
  await person.get(["member", "invite", "--email", "bo@example.org", "--role", "viewer"]);
  const here = ["--pool", "desk", "--label", "site=berlin"];
  const built = await person.submit([
    ...["--name", "build render engine", ...here, "--output", "dist/**", "--input", input],
    ...["--", "sh", "-c", BUILD],
  ]);
  const failed = await person.submit([
    ...["--name", "unit tests", ...here],
    ...["--", "sh", "-c", "echo running 312 tests; echo 'FAILED: render_test.c:41' >&2; exit 3"],
  ]);
  const frames = ["sh", "-c", '[ "$TANVRIT_ARRAY_INDEX" = 7 ] && exit 1; sleep 0.1'];
  const array = await person.submit(["--name", "frames", ...here, "--array", "1-12", "--", ...frames]);
  const workflow = await runWorkflow(world);
  await settled(compute, [built, failed, array, workflow]);
  const removed = await person.submit(["--name", "first try", ...here, "--", "true"]);
  await settled(compute, [removed]);
  await compute.jobs.delete([removed]);
  const queued = await person.submit([
    "--name",
    "needs more GPUs",
    "--pool",
    "gpu",
    "--gpus",
    "6",
    "--",
    "true",
  ]);
  const running = await person.submit([
    ...["--name", "encode video", ...here],
    ...["--", "sh", "-c", "i=0; while [ $i -lt 600 ]; do i=$((i+1)); echo frame $i of 600; sleep 0.5; done"],
  ]);
  const gpus = past.nodes.find(({ machine }) => machine.description.name === "atlas");
  return [
    { name: "overview", path: "/?range=24h" },
    { name: "jobs", path: "/jobs" },
    { name: "job-succeeded", path: `/jobs/${built}` },
    { name: "job-failed", path: `/jobs/${failed}` },
    { name: "job-running", path: `/jobs/${running}` },
    { name: "job-queued", path: `/jobs/${queued}` },
    { name: "job-retried", path: `/jobs/${past.retriedJobId}` },
    { name: "workflow", path: `/jobs/${workflow}` },
    { name: "array", path: `/jobs/${array}` },
    { name: "submit", path: "/submit" },
    { name: "templates", path: "/templates" },
    { name: "template", path: `/templates/${past.templateId}` },
    { name: "schedules", path: "/schedules" },
    { name: "schedule", path: `/schedules/${past.scheduleId}` },
    { name: "nodes", path: "/nodes" },
    { name: "node", path: `/nodes/${gpus?.nodeId}` },
    { name: "credits", path: "/credits" },
    ...["api-keys", "members", "secrets", "sessions", "trash", "audit"].map((part) => ({
      name: `settings-${part}`,
      path: `/settings/${part}`,
    })),
  ];
}

/** The pages that the server writes itself. */
export const serverPages: readonly ScenePage[] = [
  { name: "sign-in", path: "/sign-in", isSignedOut: true },
  { name: "account", path: "/account" },
  { name: "device", path: "/device" },
];

async function runWorkflow({ person }: PortalWorld): Promise<string> {
  const file = person.home.join("app/.github/workflows/ci.yml");
  await mkdir(person.home.join("app/.github/workflows"), { recursive: true });
  await writeFile(file, WORKFLOW);
  const where = ["--repo", person.home.join("app"), "--pool", "desk"];
  return person.get(["workflow", "run", file, ...where, "--detach"]);
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
