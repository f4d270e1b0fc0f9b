import { expect, test } from "bun:test";
import { GuestPaths } from "./guest-paths.ts";

const paths = new GuestPaths([
  { host: "/run/work", guest: "/__w" },
  { host: "/run/work/repo", guest: "/__w/repo/repo" },
  { host: "/opt/node", guest: "/__e", readOnly: true },
]);

test("a path is translated by the innermost directory that a container has", () => {
  expect(paths.guest("/run/work/repo")).toBe("/__w/repo/repo");
  expect(paths.guest("/run/work/repo/a/b")).toBe("/__w/repo/repo/a/b");
  expect(paths.guest("/run/work/other")).toBe("/__w/other");
  expect(paths.guest("/run/workshop")).toBe("/run/workshop");
  expect(paths.guest("/__w/repo/repo")).toBe("/__w/repo/repo");
  expect(paths.guestEnv({ GITHUB_WORKSPACE: "/run/work/repo", TEXT: "/run/work of art" })).toEqual([
    "GITHUB_WORKSPACE=/__w/repo/repo",
    "TEXT=/run/work of art",
  ]);
});

test("outer directories are mounted before those inside them", () => {
  expect(paths.mounts().map(({ Target, ReadOnly }) => [Target, ReadOnly])).toEqual([
    ["/__w", false],
    ["/__e", true],
    ["/__w/repo/repo", false],
  ]);
});
