import { expect, test } from "bun:test";
import { issuesOf } from "./issues.ts";
import { jobManifest } from "./manifest.ts";

function problems(manifest: object): string[] {
  const checked = jobManifest.safeParse(manifest);
  if (checked.success) return [];
  return issuesOf(checked.error).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

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

test("an unknown job type is refused with a list of the known types", () => {
  expect(problems({ type: "GITHUB_ACTION", command: "true" })).toEqual([
    "type: must be COMMAND or DOCKER: jobs of type GITHUB_ACTION cannot be run yet",
  ]);
  for (const type of ["LAMBDA", "docker", "", 1]) {
    expect(problems({ type, command: "true" })).toEqual(["type: must be COMMAND or DOCKER"]);
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
