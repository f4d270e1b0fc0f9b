import { describe, expect, test } from "bun:test";
import { askedOfContainer, nodeAllow, refusals } from "./allow.ts";
import { jobManifest } from "./manifest.ts";

const ADA = "usr_00000000000000000000000001";
const BOB = "usr_00000000000000000000000002";

/** The fields of `allow` that refuse such a job. */
function refusedBy(allow: object, job: object, userId: string | undefined = ADA): string[] {
  const { type, image, docker } = jobManifest.parse(job);
  const container = type === "DOCKER" ? { container: askedOfContainer(image, docker) } : {};
  return [...refusals(nodeAllow.parse(allow), { type, userId, ...container })].map(({ field }) => field);
}
const container = (docker: object = {}, image = "python:3") => ({ type: "DOCKER", image, docker });
const bind = (source: string, readOnly = false) =>
  container({ mounts: [{ type: "bind", source, target: "/m", readOnly }] });

test("by default jobs run, and containers get nothing of the machine except their image", () => {
  expect(refusedBy({}, { command: "true" })).toEqual([]);
  for (const docker of [{}, { network: "none" }, { network: "bridge" }, { network: "default" }]) {
    expect(refusedBy({}, container(docker))).toEqual([]);
  }
  expect(refusedBy({}, bind("/data", true))).toEqual(["mounts"]);
  for (const network of ["host", "db", "container"]) {
    expect(refusedBy({}, container({ network }))).toEqual(["networks"]);
  }
  for (const name of ["NET_RAW", "MKNOD", "SYS_ADMIN", "ALL", "cap_setfcap"]) {
    expect(refusedBy({}, container({ capAdd: [name] }))).toEqual(["capabilities"]);
  }
  expect(refusedBy({}, container({ capDrop: ["ALL"], capAdd: ["CHOWN", "SETUID"] }))).toEqual([]);
});

test("only the listed job types and users are allowed", () => {
  expect(refusedBy({ executors: ["DOCKER"] }, { command: "true" })).toEqual(["executors"]);
  expect(refusedBy({ executors: ["DOCKER"] }, container())).toEqual([]);
  expect(refusedBy({ users: [ADA] }, { command: "true" })).toEqual([]);
  expect(refusedBy({ users: [ADA] }, { command: "true" }, BOB)).toEqual(["users"]);
  expect([
    ...refusals(nodeAllow.parse({ users: [ADA] }), { type: "COMMAND", userId: undefined }),
  ]).toHaveLength(1);
  expect(refusedBy({ users: [] }, { command: "true" })).toEqual(["users"]);
});

describe("an image is allowed", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const allows = (rule: string, image: string) =>
    refusedBy({ images: [rule] }, container({}, image)).length === 0;

  test.each([
    ["*", "anything:1"],
    ["*", digest],
    ["python:*", "python:3.13-slim"],
    ["python:*", "python"],
    ["python:*", "docker.io/library/python:3"],
    ["python:*", `python@${digest}`],
    ["python", "python:3"],
    ["python:3.*", "python:3.13"],
    ["docker.io/library/*", "python:3"],
    ["acme/*", "acme/app:1"],
    ["ghcr.io/acme/*", "ghcr.io/acme/app:1"],
    ["ghcr.io/acme/*", `ghcr.io/acme/deep/app@${digest}`],
    ["localhost:5000/*", "localhost:5000/a:1"],
    [`python@${digest}`, `python:3@${digest}`],
    [digest, digest],
    ["cafe", "cafe"],
  ])("by %s: %s", (rule, image) => {
    expect(allows(rule, image)).toBe(true);
  });

  test.each([
    ["python:*", "evil/python:3"],
    ["python:*", "pythonx:3"],
    ["python:*", "ghcr.io/library/python:3"],
    ["python:*", "localhost/python:3"],
    ["python:3.*", `python:3.1@${digest}`],
    ["python:3", "python:33"],
    ["ghcr.io/acme/*", "ghcr.io/acmeevil/app"],
    ["ghcr.io/acme/*", "evil.io/ghcr.io/acme/app"],
    ["ghcr.io/acme/*", digest],
    // May be the start of an image's id.
    ["c*", "cafe0123"],
  ])("by %s, and not: %s", (rule, image) => {
    expect(allows(rule, image)).toBe(false);
  });
});

test("a path is allowed with everything below it, and dots are resolved first", () => {
  const mounts = ["/data", "/srv/**:ro"];
  expect(refusedBy({ mounts }, bind("/data"))).toEqual([]);
  expect(refusedBy({ mounts }, bind("/data/a/../b"))).toEqual([]);
  expect(refusedBy({ mounts }, bind("/srv/x", true))).toEqual([]);
  expect(refusedBy({ mounts }, bind("/srv/x"))).toEqual(["mounts"]);
  for (const source of ["/database", "/data/../etc", "/", "/dat", "/srvx"]) {
    expect(refusedBy({ mounts }, bind(source, true))).toEqual(["mounts"]);
  }
  expect(refusedBy({ mounts: ["/"] }, bind("/etc"))).toEqual([]);
});

test("the host's network is allowed only by its name, and ALL capabilities only by ALL", () => {
  expect(refusedBy({ networks: ["*"] }, container({ network: "host" }))).toEqual(["networks"]);
  expect(refusedBy({ networks: ["host"] }, container({ network: "host" }))).toEqual([]);
  expect(refusedBy({ networks: ["none"] }, container())).toEqual(["networks"]);
  expect(refusedBy({ networks: ["ci-*"] }, container({ network: "ci-1" }))).toEqual([]);
  expect(refusedBy({ capabilities: ["cap_net_raw"] }, container({ capAdd: ["NET_RAW"] }))).toEqual([]);
  expect(refusedBy({ capabilities: ["NET_RAW"] }, container({ capAdd: ["ALL"] }))).toEqual(["capabilities"]);
  expect(refusedBy({ capabilities: ["ALL"] }, container({ capAdd: ["SYS_ADMIN", "ALL"] }))).toEqual([]);
});

test("an invalid rule is refused when it is written", () => {
  for (const allow of [
    { executors: [] },
    { executors: ["LAMBDA"] },
    { mounts: ["data"] },
    { mounts: ["/a/*/b"] },
    { mounts: ["/a:rx"] },
    { users: ["ada"] },
    { images: [""] },
    { volume: [] },
  ]) {
    expect(nodeAllow.safeParse(allow).success).toBe(false);
  }
});
