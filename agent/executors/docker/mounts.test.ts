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

const uid = process.getuid?.() ?? 0;
const rules: MountRules = {
  grants: { allowSocket: false, mounts: [], capabilities: [] },
  sockets: [join(dir, "run/engine.sock")],
  engineIsMightier: false,
  uid,
};
const bind = (source: string, readOnly = false) => [
  { type: "bind" as const, source, target: "/m", readOnly },
];

test("a bind mount is handed on as the path it leads to, so that no link is swapped under it", () => {
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

test("the engine's socket is refused by itself, by a directory above it, and by a link, unless the owner allows it", () => {
  const grants = { ...rules.grants, allowSocket: true };
  for (const source of ["run/engine.sock", "run", "link", "."]) {
    expect(() => checkMounts(bind(join(dir, source)), rules)).toThrow(/command the engine/);
    expect(checkMounts(bind(join(dir, source)), { ...rules, grants })).toHaveLength(1);
  }
  expect(() => checkMounts(bind("/"), rules)).toThrow(/command the engine/);
});

test("what is not there is not made by the engine", () => {
  expect(() => checkMounts(bind(join(dir, "missing")), rules)).toThrow(/does not exist on this node/);
});

test("where the engine is mightier than the agent, what belongs to others needs the owner's word", () => {
  const mightier = { ...rules, engineIsMightier: true, uid: uid + 1 };
  const source = join(dir, "data");
  expect(() => checkMounts(bind(source, true), mightier)).toThrow(/belongs to another account/);
  expect(checkMounts(bind(source), { ...mightier, uid })).toHaveLength(1);
  const grants = { ...rules.grants, mounts: [dir] };
  expect(checkMounts(bind(source), { ...mightier, grants })).toHaveLength(1);
  expect(() => checkMounts(bind("/usr", true), { ...mightier, uid: uid + 1, grants })).toThrow(
    /another account/,
  );
});
