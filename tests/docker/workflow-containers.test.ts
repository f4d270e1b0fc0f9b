import { afterAll, beforeAll, expect, test } from "bun:test";
import { ShellExecutor } from "../../agent/executors/shell/shell-executor.ts";
import { WorkflowExecutor } from "../../agent/executors/workflow/workflow-executor.ts";
import { allowedEnvironment } from "../../agent/process/environment.ts";
import { selfCommand } from "../../shared/self-command.ts";
import { assignmentOf } from "../support/agent/assignment.ts";
import { testEngine, testImage } from "../support/docker.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor } from "../support/wait.ts";
import { conclusions, engineRun, WORKFLOW } from "../support/workflow/engine-run.ts";

let image: string;
const engine = testEngine();

beforeAll(async () => {
  image = await testImage();
});

/** Containers and networks of workflows. */
async function left(): Promise<string[]> {
  const filters = JSON.stringify({ name: ["tanvrit-workflow-"] });
  const containers = await engine.json<{ Names: string[] }[]>("GET", "/containers/json", {
    query: { all: true, filters },
  });
  const networks = await engine.json<{ Name: string }[]>("GET", "/networks", { query: { filters } });
  return [...containers.flatMap(({ Names }) => Names), ...networks.map(({ Name }) => Name)];
}

afterAll(async () => {
  expect(await left()).toEqual([]);
});

function run(jobs: string, files: Record<string, string> = {}, options = {}) {
  const text = `on: push\njobs:\n${jobs.replaceAll("IMAGE", image)}`;
  return engineRun({ files: { ...files, [WORKFLOW]: text }, ...options });
}

test("the steps of a job run in its container, with the job's files, variables and outputs", async () => {
  const {
    exit,
    run: tree,
    log,
  } = await run(
    `
  inside:
    runs-on: ubuntu-latest
    container: {image: IMAGE, env: {OF_CONTAINER: c}, options: --user 0 --hostname box}
    env: {OF_JOB: j}
    outputs: {out: "\${{ steps.two.outputs.out }}"}
    steps:
      - uses: actions/checkout@v4
      - run: |
          test "$OF_CONTAINER $OF_JOB" = "c j"
          test "$(hostname)" = box && test "$HOME" = /github/home
          test "$PWD" = "$GITHUB_WORKSPACE" && cat file.txt
          echo "LATER=x" >> "$GITHUB_ENV"
          mkdir -p bin && printf '#!/bin/sh\\necho from a new path\\n' > bin/tool && chmod +x bin/tool
          echo "$PWD/bin" >> "$GITHUB_PATH"
      - id: two
        run: |
          tool; echo "LATER is $LATER"
          echo "out=done" >> "$GITHUB_OUTPUT"
  after:
    needs: inside
    runs-on: ubuntu-latest
    steps: [{run: 'test "\${{ needs.inside.outputs.out }}" = done'}]
`,
    { "file.txt": "a file of the repository\n" },
  );
  expect(exit).toBe(0);
  expect(conclusions(tree)).toEqual({ inside: "success", after: "success" });
  for (const text of ["a file of the repository", "from a new path", "LATER is x"]) {
    expect(log.some((line) => line.includes(text))).toBe(true);
  }
});

test("services are reached by name from a container and by port from the node, once they are healthy", async () => {
  const service = `{image: IMAGE, options: "--health-cmd 'test -f /ready' --health-interval 100ms --health-retries 200 --entrypoint sh", command: "-c 'sleep 1; touch /ready; exec sleep 300'", ports: [80]}`;
  const { exit, log } = await run(`
  inside:
    runs-on: ubuntu-latest
    container: IMAGE
    services: {web: ${service}}
    steps: [{run: ping -c 1 -W 5 web}]
  outside:
    runs-on: ubuntu-latest
    services: {web: ${service}}
    steps: [{run: 'test "\${{ job.services.web.ports[80] }}" -gt 0 && echo port found'}]
`);
  expect(log.join("\n")).toContain("The service web is healthy.");
  expect(log.join("\n")).toContain("port found");
  expect(exit).toBe(0);
});

test("a service that never gets healthy fails the job, and its output is shown", async () => {
  const { exit, log } = await run(`
  broken:
    runs-on: ubuntu-latest
    services:
      db: {image: IMAGE, command: "sh -c 'echo the reason; exit 3'", options: --health-cmd false --health-interval 50ms --health-retries 1}
    steps: [{run: echo never}]
`);
  expect(exit).toBe(1);
  const text = log.join("\n");
  expect(text).toContain("Failed to initialize the service db");
  expect(text).toContain("the reason");
  expect(text).toContain("– Run echo never");
});

test("Docker actions run with their arguments, inputs and outputs, and images are built from their Dockerfile", async () => {
  const action = `
name: greet
inputs: {who: {default: nobody}}
outputs: {said: {}}
runs: {using: docker, image: Dockerfile, args: ["\${{ inputs.who }}"], env: {EXTRA: e}}`;
  const script = `#!/bin/sh
test "$INPUT_WHO" = "$1" && test "$EXTRA" = e && test "$PWD" = /github/workspace || exit 9
echo "said=hello $1" >> "$GITHUB_OUTPUT"
echo made > made-by-action
`;
  const dockerfile = `FROM ${image}\nCOPY entry.sh /entry.sh\nENTRYPOINT ["/bin/sh", "/entry.sh"]\n`;
  const { exit, log } = await run(
    `
  one:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: greet
        uses: ./greet
        with: {who: world}
      - run: test "\${{ steps.greet.outputs.said }}" = "hello world" && cat made-by-action
      - uses: docker://IMAGE
        with: {entrypoint: echo, args: 'from "an image"'}
      - uses: docker://IMAGE
        continue-on-error: true
        with: {entrypoint: sh, args: -c "exit 7"}
`,
    { "greet/action.yml": action, "greet/entry.sh": script, "greet/Dockerfile": dockerfile },
  );
  expect(log.join("\n")).toContain("from an image");
  expect(log.join("\n")).toContain("made");
  expect(exit).toBe(0);
});

test("a cancelled job leaves no container behind", async () => {
  const cancel = new AbortController();
  const onLine = (line: string) => {
    if (line.includes("sleeping now")) cancel.abort();
  };
  const { exit, run: tree } = await run(
    `
  long:
    runs-on: ubuntu-latest
    container: IMAGE
    steps:
      - run: trap 'echo caught; exit 1' INT; echo sleeping now; sleep 300 & wait
      - if: always()
        run: echo still here
`,
    {},
    { signal: cancel.signal, onLine },
  );
  expect(exit).toBe(130);
  expect(tree.jobs[0]?.steps.find(({ name }) => name === "Run echo still here")?.conclusion).toBe("success");
});

test("a run that ends at once takes its containers along", async () => {
  const cancel = new AbortController();
  const onLine = (line: string) => line.includes("sleeping now") && cancel.abort();
  const job = `
  stubborn:
    runs-on: ubuntu-latest
    container: IMAGE
    steps: [{run: "trap '' INT TERM; echo sleeping now; while true; do sleep 1; done"}]
`;
  const { exit } = await run(job, {}, { signal: cancel.signal, hurry: cancel.signal, onLine });
  expect([exit, await left()]).toEqual([130, []]);
});

test("without an engine a job says that it needs one, and what to do", async () => {
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = "unix:///nowhere/docker.sock";
  try {
    const { exit, run: tree } = await run(`
  one:
    runs-on: ubuntu-latest
    container: IMAGE
    steps: [{run: echo never}]
`);
    expect(exit).toBe(1);
    expect(tree.jobs[0]?.annotations[0]?.message).toContain("there is no engine to run it");
  } finally {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
  }
});

test("an engine that is killed leaves no container behind either", async () => {
  await using scratch = await makeScratch();
  const text = `on: push\njobs:\n  long:\n    runs-on: ubuntu-latest\n    container: ${image}\n    steps: [{run: echo up && sleep 300}]\n`;
  await Bun.write(scratch.join("source", WORKFLOW), text);
  const shell = new ShellExecutor();
  const executor = new WorkflowExecutor(shell, [...selfCommand(), "workflow", "engine"]);
  const said: string[] = [];
  const task = await executor.start(
    {
      nodeId: "node_1",
      limits: {},
      gpus: [],
      environment: allowedEnvironment(process.env),
      assignment: assignmentOf({
        type: "GITHUB_ACTION",
        workflow: { path: WORKFLOW },
        inputs: [{ from: "artifact:art_00000000000000000000000001", to: "source" }],
      }),
      dir: scratch.path,
      output: {
        write: (_, bytes) => void said.push(Buffer.from(bytes).toString()),
        system: (line) => void said.push(line),
      },
      workflow: {
        cacheDirectory: scratch.join("cache"),
        nodeLabels: { os: "linux" },
        runsOn: {},
        secrets: {},
      },
    },
    new AbortController().signal,
  );
  await waitFor("the container", () => said.join("").includes("up\n"));
  expect(await left()).not.toEqual([]);
  task.stop(0);
  expect(await task.wait()).toMatchObject({ signal: "SIGKILL" });
  expect(await left()).toEqual([]);
  await shell.close();
});
