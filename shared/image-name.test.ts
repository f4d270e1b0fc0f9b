import { expect, test } from "bun:test";
import { parseImage, registryHost } from "./image-name.ts";

test("an image reference is split into registry, repository and tag, as the engine reads it", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const cases: [string, string, string, string][] = [
    ["alpine", "docker.io", "alpine", "latest"],
    ["python:3.13-slim", "docker.io", "python", "3.13-slim"],
    ["org/app", "docker.io", "org/app", "latest"],
    ["ghcr.io/org/app:1.2", "ghcr.io", "ghcr.io/org/app", "1.2"],
    ["127.0.0.1:5000/app", "127.0.0.1:5000", "127.0.0.1:5000/app", "latest"],
    ["localhost/app:x", "localhost", "localhost/app", "x"],
    ["docker.io/library/alpine:3", "docker.io", "docker.io/library/alpine", "3"],
    [`ghcr.io/org/app@${digest}`, "ghcr.io", "ghcr.io/org/app", digest],
    [`ghcr.io/org/app:1.2@${digest}`, "ghcr.io", "ghcr.io/org/app", digest],
  ];
  for (const [reference, registry, repository, tag] of cases) {
    expect(parseImage(reference)).toEqual({ registry, repository, tag, isId: false });
  }
  expect(parseImage(digest).isId).toBe(true);
});

test("all names of Docker Hub mean one registry", () => {
  for (const name of ["docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"]) {
    expect(registryHost(name)).toBe("docker.io");
  }
  expect(registryHost("https://ghcr.io")).toBe("ghcr.io");
});
