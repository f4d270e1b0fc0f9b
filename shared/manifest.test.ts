import { expect, test } from "bun:test";
import { issuesOf } from "./issues.ts";
import { jobManifest } from "./manifest.ts";

function problems(manifest: object): string[] {
  const checked = jobManifest.safeParse(manifest);
  if (checked.success) return [];
  return issuesOf(checked.error).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

test("every job but one of DOCKER needs a command, and that one an image", () => {
  expect(problems({ command: "true" })).toEqual([]);
  expect(problems({ type: "DOCKER", image: "alpine:3" })).toEqual([]);
  expect(problems({})).toEqual(["command: is missing"]);
  expect(problems({ type: "DOCKER", command: "true" })).toEqual([
    "image: is missing: a DOCKER job needs the image of its container",
  ]);
});

test("what only a container has is refused for other jobs, so that nobody believes to be in one", () => {
  expect(problems({ command: "true", image: "alpine" })).toEqual([
    "image: is only for jobs of type DOCKER, and this one is COMMAND",
  ]);
  expect(problems({ command: "true", docker: { network: "none" } })).toEqual([
    "docker: is only for jobs of type DOCKER, and this one is COMMAND",
  ]);
});

test("what a container is made of is checked field by field", () => {
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
    "docker.mounts.0.source: of a bind mount must be an absolute path",
  ]);
  expect(docker({ mounts: [{ type: "tmpfs", source: "/x", target: "/data" }] })).toHaveLength(1);
  expect(docker({ mounts: [{ type: "volume", source: "../x", target: "/data" }] })).toHaveLength(1);
  expect(docker({ mounts: [{ type: "volume", target: "data" }] })).toHaveLength(1);
  // Another container's network is another job's.
  expect(docker({ network: "container:abc" })).toHaveLength(1);
  expect(docker({ pull: "sometimes" })).toHaveLength(1);
  expect(docker({ privileged: true })).toEqual(["docker.privileged: unknown field"]);
});

test("a type of job that nobody runs is refused, with those that there are", () => {
  expect(problems({ type: "GITHUB_ACTION", command: "true" })).toEqual([
    "type: must be COMMAND or DOCKER: jobs of type GITHUB_ACTION cannot be run yet",
  ]);
  for (const type of ["LAMBDA", "docker", "", 1]) {
    expect(problems({ type, command: "true" })).toEqual(["type: must be COMMAND or DOCKER"]);
  }
});

test("a variable may have any name that an environment can hold", () => {
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

test("who a container runs as may be a number without quotes", () => {
  const user = (user: number) =>
    jobManifest.parse({ type: "DOCKER", image: "alpine", docker: { user } }).docker?.user;
  expect(user(1000)).toBe("1000");
  expect(user(0)).toBe("0");
  expect(() => user(-1)).toThrow(/must be USER or USER:GROUP/);
});

test("capabilities have one name each, however they are written", () => {
  const { docker } = jobManifest.parse({
    type: "DOCKER",
    image: "alpine",
    docker: { capAdd: ["cap_net_raw", "SYS_PTRACE"] },
  });
  expect(docker?.capAdd).toEqual(["NET_RAW", "SYS_PTRACE"]);
});
