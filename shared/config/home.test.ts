import { expect, test } from "bun:test";
import { join } from "node:path";

const UNKNOWN_UID = "54321";
const script = `
  const { inAccountHome, tanvritHome } = await import("${join(import.meta.dirname, "home.ts")}");
  const resultOf = (call) => { try { return call(); } catch (error) { return error.message; } };
  console.log(JSON.stringify([resultOf(() => tanvritHome(process.env)), resultOf(() => inAccountHome(process.env, ".docker"))]));
`;

/** Like a service that runs under a user id without an account. */
function asUnlisted(env: Record<string, string>): string[] {
  const as = ["setpriv", `--reuid=${UNKNOWN_UID}`, `--regid=${UNKNOWN_UID}`, "--clear-groups"];
  const { stdout, stderr } = Bun.spawnSync([...as, process.execPath, "-e", script], { cwd: "/", env });
  if (stdout.length === 0) throw new Error(stderr.toString());
  return JSON.parse(stdout.toString());
}

test.skipIf(process.getuid?.() !== 0 || !Bun.which("setpriv"))(
  "an account without a home directory needs TANVRIT_HOME, and the error says so",
  () => {
    const [noHome] = asUnlisted({});
    expect(noHome).toContain("Set TANVRIT_HOME to a directory");
    expect(asUnlisted({ TANVRIT_HOME: "/srv/tanvrit" })).toEqual(["/srv/tanvrit", "/.docker"]);
    expect(asUnlisted({ HOME: "/srv/me" })).toEqual(["/srv/me/.tanvrit", "/srv/me/.docker"]);
  },
);
