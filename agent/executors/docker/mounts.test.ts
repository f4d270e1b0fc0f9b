import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkMounts, type MountRules } from "./mounts.ts";

const dir = realpathSync(mkdtempSync(join(tmpdir(), "mounts-")));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
mkdirSync(join(dir, "run"));
writeFileSync(join(dir, "run/engine.sock"), "");
symlinkSync(join(dir, "run"), join(dir, "link"));

const rules: MountRules = {
  allowed: [dir],
  allowSocket: false,
  sockets: [join(dir, "run/engine.sock")],
  kept: [join(dir, "agent")],
};
const bind = (source: string, readOnly = false) => [
  { type: "bind" as const, source, target: "/m", readOnly },
];

test("a bind mount is passed on as its real path, so that a link cannot be swapped afterwards", () => {
  mkdirSync(join(dir, "data"));
  symlinkSync(join(dir, "data"), join(dir, "alias"));
  expect(checkMounts(bind(join(dir, "alias"), true), rules)).toEqual([
    {
      Type: "bind",
      Source: join(dir, "data"),
      Target: "/m",
      ReadOnly: true,
      BindOptions: { Propagation: "rprivate" },
    },
  ]);
  expect(checkMounts([{ type: "tmpfs", target: "/t", readOnly: false }], rules)).toEqual([
    { Type: "tmpfs", Target: "/t", ReadOnly: false },
  ]);
});

test("the engine's socket is refused, directly, through a parent directory and through a link, unless the owner allows it", () => {
  for (const source of ["run/engine.sock", "run", "link"]) {
    expect(() => checkMounts(bind(join(dir, source)), rules)).toThrow(/command the engine/);
    expect(checkMounts(bind(join(dir, source)), { ...rules, allowSocket: true })).toHaveLength(1);
  }
  expect(() => checkMounts(bind("/"), { ...rules, allowed: ["/"] })).toThrow(/command the engine/);
});

test("a missing path is refused, not created by the engine", () => {
  expect(() => checkMounts(bind(join(dir, "missing")), rules)).toThrow(/does not exist on this node/);
});

test("nothing is mounted that the node's owner does not allow, not even through a link or through dots", () => {
  const data = join(dir, "data");
  symlinkSync("/usr", join(dir, "out"));
  for (const allowed of [[], ["/srv"], [`${data}x`], [join(data, "below")]]) {
    expect(() => checkMounts(bind(data), { ...rules, allowed })).toThrow(/allow\.mounts in agent\.yaml/);
  }
  expect(() => checkMounts(bind(join(dir, "out"), true), rules)).toThrow(/leads to \/usr, which/);
  expect(() => checkMounts(bind(`${data}/../../../usr`, true), rules)).toThrow(/does not allow/);
  for (const allowed of [["/"], [dir], [`${dir}/`], [`${dir}/**`], [`${data}:rw`], [`${dir}:ro`, data]]) {
    expect(checkMounts(bind(data), { ...rules, allowed })).toHaveLength(1);
  }
});

test("a path that may only be read cannot be mounted for writing", () => {
  const allowed = [`${dir}/**:ro`];
  expect(checkMounts(bind(join(dir, "data"), true), { ...rules, allowed })).toHaveLength(1);
  expect(() => checkMounts(bind(join(dir, "data")), { ...rules, allowed })).toThrow(/allows only reading it/);
});

test("a rule for a link allows its target, if the job uses the link's name", () => {
  const allowed = [join(dir, "alias")];
  expect(checkMounts(bind(join(dir, "alias")), { ...rules, allowed })).toHaveLength(1);
  expect(() => checkMounts(bind(join(dir, "data")), { ...rules, allowed })).toThrow(/does not allow/);
});

test("no job may mount the agent's own files, nor anything below or above them", () => {
  mkdirSync(join(dir, "agent/local"), { recursive: true });
  for (const source of ["agent", "agent/local", "."]) {
    expect(() => checkMounts(bind(join(dir, source)), { ...rules, sockets: [] })).toThrow(
      /the agent's own files are in/,
    );
  }
});
