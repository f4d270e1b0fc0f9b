import { expect, test } from "bun:test";
import { join } from "node:path";

/** Whether a process with this environment, after running `before`, has keepers, or why not. */
function keepersOfOther(env: Record<string, string>, before = ""): string {
  const module = join(import.meta.dirname, "keeper.ts");
  const script = `${before}; const { whyNoKeepers } = await import(${JSON.stringify(module)});
    process.stdout.write(whyNoKeepers() ?? "there are keepers"); process.exit(0);`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], {
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  return stdout.toString();
}

test.skipIf(process.platform !== "linux")("a node has keepers even if TMPDIR takes no files", () => {
  expect(keepersOfOther({ TMPDIR: "/nonexistent" })).toBe("there are keepers");
  expect(keepersOfOther({ TMPDIR: "/dev/null" })).toBe("there are keepers");
});

test.skipIf(process.platform !== "linux")("the reason why there are no keepers is reported", () => {
  const noFiles = `Bun.spawnSync(["prlimit", "--pid", String(process.pid), "--fsize=0"])`;
  expect(keepersOfOther({}, noFiles)).toContain("could not be compiled: EFBIG");
});
