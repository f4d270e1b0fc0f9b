import { codeOf } from "./code-of.ts";

/** Whether a process of any account has this id on this machine. A killed one counts until its parent has reaped it. */
export function processLives(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM"; // It lives, under another account.
  }
}
