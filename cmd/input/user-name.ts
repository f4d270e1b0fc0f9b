import { userInfo } from "node:os";

const NAME_LIMIT_MS = 2_000;

/** The system's name for this user. */
export function systemUserName(): string {
  const { username } = userInfo();
  // Bun takes the name from the environment, and services often have none there.
  if (username !== "unknown" || process.platform === "win32") return username;
  const asked = Bun.spawnSync(["id", "-un"], { stdin: "ignore", stderr: "ignore", timeout: NAME_LIMIT_MS });
  return asked.stdout.toString().trim() || username;
}
