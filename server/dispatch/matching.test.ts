import { describe, expect, test } from "bun:test";
import { nodeAllow } from "../../shared/allow.ts";
import { jobManifest } from "../../shared/manifest.ts";
import type { NodeDescription } from "../../shared/node.ts";
import { queueKeyOf, requirementOf } from "../job/requirement.ts";
import { fits, mismatch, pickGpus, usageOf } from "./matching.ts";

const node: NodeDescription = {
  name: "n1",
  labels: { os: "linux", arch: "arm64" },
  pool: "default",
  capacity: { cpu: 4, memoryMb: 8_192, gpuCount: 2, slots: 3 },
  jobTypes: ["COMMAND"],
  agentVersion: "0",
};
const ADA = "usr_00000000000000000000000001";
const BOB = "usr_00000000000000000000000002";
const manifest = (fields: object) => jobManifest.parse({ command: "true", ...fields });
const why = (fields: object) => mismatch(requirementOf(manifest(fields), undefined), node);

describe("a node matches a job", () => {
  test("when it has every label the job asks for, with the same value", () => {
    expect(why({ labels: { arch: "arm64" } })).toBeUndefined();
    expect(why({ labels: { arch: "amd64" } })).toBe("its label is arch=arm64, not arch=amd64");
    expect(why({ labels: { zone: "a" } })).toBe("it has no label zone (the job asks for zone=a)");
  });

  test("when its labels meet the selector", () => {
    expect(why({ selector: "os in (linux,darwin),!spot" })).toBeUndefined();
    expect(why({ selector: "os=linux,arch!=arm64" })).toBe(
      "its label is arch=arm64 (the job asks for arch!=arm64)",
    );
  });

  test("when it is in the pool the job asks for", () => {
    expect(why({ pool: "farm" })).toBe("it is in pool default, the job asks for pool farm");
  });

  test("when it has an executor for the type", () => {
    expect(why({ type: "DOCKER", image: "alpine" })).toBe("it cannot run DOCKER jobs");
  });

  test("when its owner allows what the job asks for, and the user who submitted it", () => {
    const allow = nodeAllow.parse({
      executors: ["DOCKER"],
      images: ["python:*"],
      mounts: ["/data:ro"],
      users: [ADA],
    });
    const owned: NodeDescription = { ...node, jobTypes: ["DOCKER"], allow };
    const whyOf = (fields: object, userId = ADA) => mismatch(requirementOf(manifest(fields), userId), owned);
    const image = { type: "DOCKER", image: "python:3" };
    expect(whyOf(image)).toBeUndefined();
    expect(whyOf({})).toBe("its owner does not allow COMMAND jobs (allow.executors)");
    expect(whyOf(image, BOB)).toBe(`its owner does not allow jobs of ${BOB} (allow.users)`);
    expect(whyOf({ ...image, image: "alpine" })).toBe(
      "its owner does not allow the image alpine (allow.images)",
    );
    const mounts = [{ type: "bind", source: "/etc", target: "/etc" }];
    expect(whyOf({ ...image, docker: { mounts } })).toBe(
      "its owner does not allow jobs to mount /etc (allow.mounts)",
    );
    const capAdd = ["NET_RAW"];
    expect(whyOf({ ...image, docker: { network: "host", capAdd } })).toBe(
      "its owner does not allow the network host (allow.networks)",
    );
    // An older agent does not announce what its owner allows, and refuses such jobs itself.
    expect(mismatch(requirementOf(manifest({}), BOB), node)).toBeUndefined();
  });

  test("when it is large enough as a whole", () => {
    expect(why({ resources: { cpu: 4, memoryMb: 8_192, gpuCount: 2 } })).toBeUndefined();
    expect(why({ resources: { cpu: 5 } })).toBe("it has 4 cores, the job asks for 5");
    expect(why({ resources: { memoryMb: 8_193 } })).toBe("it has 8192 MiB of memory, the job asks for 8193");
    expect(why({ resources: { gpuCount: 3 } })).toBe("it has 2 GPUs, the job asks for 3");
  });
});

describe("all jobs on a node together", () => {
  const held = (cpu: number, gpuIndexes: number[] = []) => ({
    resources: { cpu, memoryMb: 0, gpuCount: gpuIndexes.length },
    gpuIndexes,
  });

  test("never ask for more cores than it has, fractions included", () => {
    const tenths = Array.from({ length: 2 }, () => held(0.1));
    const small = { ...node.capacity, cpu: 0.3 };
    expect(fits({ cpu: 0.1, memoryMb: 0, gpuCount: 0 }, small, usageOf(tenths))).toBe(true);
    expect(fits({ cpu: 0.2, memoryMb: 0, gpuCount: 0 }, small, usageOf(tenths))).toBe(false);
  });

  test("never take more slots than it has", () => {
    const full = usageOf([held(0), held(0), held(0)]);
    expect(fits({ cpu: 0, memoryMb: 0, gpuCount: 0 }, node.capacity, full)).toBe(false);
  });

  test("each get GPUs of their own", () => {
    const usage = usageOf([held(0, [0])]);
    expect(pickGpus(1, node.capacity, usage)).toEqual([1]);
    expect(fits({ cpu: 0, memoryMb: 0, gpuCount: 2 }, node.capacity, usage)).toBe(false);
  });
});

test("jobs of one user that ask for the same share a queue key, regardless of the order of their labels", () => {
  const one = queueKeyOf(manifest({ labels: { a: "1", b: "2" }, name: "x" }), "u1");
  expect(queueKeyOf(manifest({ labels: { b: "2", a: "1" }, name: "y" }), "u1")).toBe(one);
  expect(queueKeyOf(manifest({ labels: { a: "1" } }), "u1")).not.toBe(one);
  const image = (fields: object) => queueKeyOf(manifest({ type: "DOCKER", image: "a", ...fields }), "u1");
  expect(image({ name: "x", docker: { user: "1" } })).toBe(image({ name: "y" }));
  expect(image({ image: "b" })).not.toBe(image({}));
  expect(image({ docker: { network: "host" } })).not.toBe(image({}));
  expect(queueKeyOf(manifest({ labels: { a: "1", b: "2" }, resources: { cpu: 1 } }), "u1")).not.toBe(one);
});
