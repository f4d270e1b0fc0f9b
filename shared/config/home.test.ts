import { expect, test } from "bun:test";
import { join } from "node:path";

const NOBODY_KNOWN = "54321";
const script = `
  const { inAccountHome, tanvritHome } = await import("${join(import.meta.dirname, "home.ts")}");
  const told = (call) => { try { return call(); } catch (error) { return error.message; } };
  console.log(JSON.stringify([told(() => tanvritHome(process.env)), told(() => inAccountHome(process.env, ".docker"))]));
`;

/** As a service may be started: by a number that no list of accounts has. */
function asUnlisted(env: Record<string, string>): string[] {
  const as = ["setpriv", `--reuid=${NOBODY_KNOWN}`, `--regid=${NOBODY_KNOWN}`, "--clear-groups"];
  const { stdout, stderr } = Bun.spawnSync([...as, process.execPath, "-e", script], { cwd: "/", env });
  if (stdout.length === 0) throw new Error(stderr.toString());
  return JSON.parse(stdout.toString());
}

test.skipIf(process.getuid?.() !== 0 || !Bun.which("setpriv"))(
  "an account without a home needs TANVRIT_HOME and nothing else, and is told so",
  () => {
    const [noHome] = asUnlisted({});
    expect(noHome).toContain("Set TANVRIT_HOME to a directory");
    expect(asUnlisted({ TANVRIT_HOME: "/srv/tanvrit" })).toEqual(["/srv/tanvrit", "/.docker"]);
    expect(asUnlisted({ HOME: "/srv/me" })).toEqual(["/srv/me/.tanvrit", "/srv/me/.docker"]);
  },
);
