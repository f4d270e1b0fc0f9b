import { userInfo } from "node:os";

/** The account this process runs under, for people. A service may run as a bare number, without a name. */
export function accountName(): string {
  const id = String(process.getuid?.());
  try {
    const { username } = userInfo();
    return username === "unknown" ? id : username;
  } catch {
    return id;
  }
}
