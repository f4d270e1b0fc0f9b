import { expect, test } from "bun:test";
import { readReference, textOfReference } from "./reference.ts";

test("an action of a repository has an owner, a name, a path and a ref", () => {
  expect(readReference("actions/checkout@v4")).toEqual({
    kind: "repository",
    owner: "actions",
    repo: "checkout",
    path: "",
    ref: "v4",
  });
  const deep = readReference("github/codeql-action/init/deep@releases/v1");
  expect(deep).toMatchObject({ repo: "codeql-action", path: "init/deep", ref: "releases/v1" });
  expect(deep.kind === "repository" && textOfReference(deep)).toBe(
    "github/codeql-action/init/deep@releases/v1",
  );
});

test("a local action has a path from the top of the workspace", () => {
  expect(readReference("./.github/actions/build/")).toEqual({ kind: "local", path: ".github/actions/build" });
  expect(readReference("./")).toEqual({ kind: "local", path: "." });
  expect(readReference("./a/../b")).toEqual({ kind: "local", path: "b" });
});

test("an image is named after docker://", () => {
  expect(readReference("docker://ghcr.io/a/b:1")).toEqual({ kind: "image", image: "ghcr.io/a/b:1" });
});

test.each([
  ["../other", "outside of the repository"],
  ["./a/../../b", "outside of the repository"],
  ["/etc", "outside of the repository"],
  ["actions/checkout", "Name a version: actions/checkout@v1"],
  ["actions/checkout@", "Expected format {owner}/{repo}[/path]@ref"],
  ["checkout@v4", "Expected format"],
  ["a/b/../../c@v1", "Expected format"],
  ["a/b@../../c", "Expected format"],
  ["a/b@--upload-pack=x", "Expected format"],
  [".github/actions/build", "write ./.github/actions/build"],
  ["docker://", "names no image"],
])("%s is refused, with a hint", (uses, message) => {
  expect(() => readReference(uses)).toThrow(message);
});
