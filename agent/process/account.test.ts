import { expect, test } from "bun:test";
import { join } from "node:path";

const UNLISTED = "54321";
const script = `
  const { ownAccountName } = await import("${join(import.meta.dirname, "account.ts")}");
  const { isSocketPlace } = await import("${join(import.meta.dirname, "..", "..", "shared", "sockets", "socket-path.ts")}");
  console.log(JSON.stringify([ownAccountName(), isSocketPlace("/tmp/tanvrit-compute-${UNLISTED}")]));
`;

test.skipIf(process.getuid?.() !== 0 || !Bun.which("setpriv"))(
  "a service under an account that is only a number, without HOME, knows its jobs' account and its socket directory",
  () => {
    const as = ["setpriv", `--reuid=${UNLISTED}`, `--regid=${UNLISTED}`, "--clear-groups"];
    const { stdout, stderr } = Bun.spawnSync([...as, process.execPath, "-e", script], {
      cwd: "/",
      env: { TMPDIR: "/tmp" },
    });
    expect(stderr.toString()).toBe("");
    expect(JSON.parse(stdout.toString())).toEqual([UNLISTED, true]);
  },
);
