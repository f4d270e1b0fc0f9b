import { expect, test } from "bun:test";
import { issuesOf } from "./issues.ts";
import { fieldsFor } from "./job-fields.ts";
import { jobManifest } from "./manifest.ts";
import { asManifest } from "./manifest-rules.ts";

/** Of both schemas: with all fields, and with those of this manifest. */
function problems(manifest: object): string[] {
  const [ofAll, ofThese] = [jobManifest, asManifest(fieldsFor(manifest))].map((schema) => {
    const checked = schema.safeParse(manifest);
    if (checked.success) return [];
    return issuesOf(checked.error).map(({ path, message }) => `${path.join(".")}: ${message}`);
  });
  expect(ofThese).toEqual(ofAll ?? []);
  return ofAll ?? [];
}

test("the schema for the fields of one manifest leaves only the defaults of the others to the schema with all fields", () => {
  for (const manifest of [
    { command: "true" },
    { type: "DOCKER", image: "alpine:3", docker: { pids: 50 } },
    { type: "GITHUB_ACTION", workflow: { path: "ci.yml", clone: { url: "https://example.com/a.git" } } },
    {
      command: ["a"],
      retryOn: [1, "SIGKILL"],
      notBefore: "2026-01-01T00:00:00Z",
      stopSignal: "int",
      after: undefined,
    },
  ]) {
    const checked = asManifest(fieldsFor(manifest)).parse(manifest);
    expect(Object.keys(checked).toSorted()).toEqual(Object.keys({ type: "", ...manifest }).toSorted());
    expect(jobManifest.parse(checked)).toStrictEqual(jobManifest.parse(manifest));
  }
});

test("every job needs a command, except a DOCKER job, which needs an image", () => {
  expect(problems({ command: "true" })).toEqual([]);
  expect(problems({ type: "DOCKER", image: "alpine:3" })).toEqual([]);
  expect(problems({})).toEqual(["command: is missing"]);
  expect(problems({ type: "DOCKER", command: "true" })).toEqual([
    "image: is missing: a DOCKER job needs an image",
  ]);
});

test("container options are refused for other jobs, so nobody believes to run in a container", () => {
  expect(problems({ command: "true", image: "alpine" })).toEqual([
    "image: only jobs of type DOCKER can use this; this job is of type COMMAND",
  ]);
  expect(problems({ command: "true", docker: { network: "none" } })).toEqual([
    "docker: only jobs of type DOCKER can use this; this job is of type COMMAND",
  ]);
});

test("container options are checked field by field", () => {
  const docker = (options: object) => problems({ type: "DOCKER", image: "alpine", docker: options });
  expect(docker({ entrypoint: ["python", "-u"], user: "1000:1000", pids: 50, shmMb: 256 })).toEqual([]);
  expect(docker({ mounts: [{ type: "bind", source: "/data", target: "/data", readOnly: true }] })).toEqual(
    [],
  );
  expect(
    docker({
      mounts: [
        { type: "volume", target: "/cache" },
        { type: "tmpfs", target: "/t" },
      ],
    }),
  ).toEqual([]);
  expect(docker({ mounts: [{ type: "bind", source: "data", target: "/data" }] })).toEqual([
    "docker.mounts.0.source: must be an absolute path for a bind mount",
  ]);
  expect(docker({ mounts: [{ type: "tmpfs", source: "/x", target: "/data" }] })).toHaveLength(1);
  expect(docker({ mounts: [{ type: "volume", source: "../x", target: "/data" }] })).toHaveLength(1);
  expect(docker({ mounts: [{ type: "volume", target: "data" }] })).toHaveLength(1);
  // The network of another container belongs to another job.
  expect(docker({ network: "container:abc" })).toHaveLength(1);
  expect(docker({ pull: "sometimes" })).toHaveLength(1);
  expect(docker({ privileged: true })).toEqual(["docker.privileged: unknown field"]);
});

const workflow = { path: ".github/workflows/ci.yml" };
const source = { from: "artifact:art_00000000000000000000000001", to: "source" };

test("a GITHUB_ACTION job needs a workflow and its repository: as an input, or as an address to clone", () => {
  const job = (fields: object) => problems({ type: "GITHUB_ACTION", ...fields });
  expect(job({ workflow, inputs: [source] })).toEqual([]);
  expect(job({ workflow, inputs: [{ ...source, to: "./source/" }] })).toEqual([]);
  const clone = { url: "https://example.com/acme/app", ref: "main" };
  expect(job({ workflow: { ...workflow, clone } })).toEqual([]);
  expect(job({ inputs: [source] })).toEqual(["workflow: is missing: a GITHUB_ACTION job needs a workflow"]);
  const missing = "inputs: must have the repository of the workflow with to: source; or set workflow.clone";
  expect(job({ workflow })).toEqual([missing]);
  expect(job({ workflow, inputs: [{ ...source, to: "src" }] })).toEqual([missing]);
  expect(job({ workflow: { ...workflow, clone }, inputs: [source] })).toEqual([
    "workflow.clone: cannot be used together with an input that goes to source",
  ]);
});

test("a workflow says itself what runs, and other jobs have none", () => {
  for (const given of [
    { command: "true" },
    { image: "alpine" },
    { workdir: "x" },
    { stopSignal: "SIGINT" },
  ]) {
    expect(problems({ type: "GITHUB_ACTION", workflow, inputs: [source], ...given })).toEqual([
      `${Object.keys(given)[0]}: jobs of type GITHUB_ACTION cannot use this: their workflow says what runs`,
    ]);
  }
  expect(problems({ command: "true", workflow })).toEqual([
    "workflow: only jobs of type GITHUB_ACTION can use this; this job is of type COMMAND",
  ]);
  expect(problems({ type: "DOCKER", image: "alpine", workflow })).toEqual([
    "workflow: only jobs of type GITHUB_ACTION can use this; this job is of type DOCKER",
  ]);
});

test("a workflow that is stopped has 300 s for its last steps, another job 10 s, unless the manifest says otherwise", () => {
  const grace = (fields: object) => jobManifest.parse(fields).graceSeconds;
  const job = { type: "GITHUB_ACTION", workflow, inputs: [source] };
  expect(grace(job)).toBe(300);
  expect(grace({ ...job, graceSeconds: 10 })).toBe(10);
  expect(grace({ command: "true" })).toBe(10);
  expect(grace({ command: "true", graceSeconds: 0 })).toBe(0);
  expect(problems({ command: "true", graceSeconds: -1 })).toHaveLength(1);
});

test("the request of a workflow is checked field by field", () => {
  const job = (fields: object) =>
    problems({ type: "GITHUB_ACTION", workflow: { ...workflow, ...fields }, inputs: [source] });
  expect(job({ inputs: { dry: true, count: 3 }, vars: { A: "b" }, secrets: { TOKEN: "ci-token" } })).toEqual(
    [],
  );
  expect(job({ event: "Push!" })).toEqual(["workflow.event: must be the name of an event, such as push"]);
  expect(job({ repository: "app" })).toEqual(["workflow.repository: must be OWNER/NAME"]);
  expect(job({ secrets: { TOKEN: "a b" } })).toHaveLength(1);
  expect(job({ payload: { text: "x".repeat(1024 * 1024) } })).toEqual(["workflow: at most 1048576 bytes"]);
});

test("an unknown job type is refused with a list of the known types", () => {
  for (const type of ["LAMBDA", "docker", "", 1]) {
    expect(problems({ type, command: "true" })).toEqual(["type: must be COMMAND, DOCKER or GITHUB_ACTION"]);
  }
});

test("a variable may have any name an environment can hold", () => {
  const named = (...names: string[]) =>
    problems({ command: "true", env: Object.fromEntries(names.map((name) => [name, "x"])) });
  expect(named("discovery.type", "a-b", "1st", "ProgramFiles(x86)", "größe", "a b", "_")).toEqual([]);
  for (const name of ["", "a=b", "a\0b", "a\nb", "a\u001bb"]) {
    expect(named(name)).toEqual([
      expect.stringContaining(
        "a variable name must not be empty, and must not contain = or a control character",
      ),
    ]);
  }
});

test("the user of a container may be a number without quotes", () => {
  const user = (user: number) =>
    jobManifest.parse({ type: "DOCKER", image: "alpine", docker: { user } }).docker?.user;
  expect(user(1000)).toBe("1000");
  expect(user(0)).toBe("0");
  expect(() => user(-1)).toThrow(/must be USER or USER:GROUP/);
});

test("every spelling of a capability becomes the same name", () => {
  const { docker } = jobManifest.parse({
    type: "DOCKER",
    image: "alpine",
    docker: { capAdd: ["cap_net_raw", "SYS_PTRACE"] },
  });
  expect(docker?.capAdd).toEqual(["NET_RAW", "SYS_PTRACE"]);
});
