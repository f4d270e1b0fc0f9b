import { userInfo } from "node:os";

/** The name of the account this process runs under. A service may run as a bare user id, which is returned then. */
export function ownAccountName(): string {
  const id = String(process.getuid?.());
  try {
    const { username } = userInfo();
    return username === "unknown" ? id : username;
  } catch {
    return id;
  }
}

/** The account that jobs run as, if that is not the agent's own. */
export interface JobAccount {
  name: string;
  uid: number;
  gid: number;
  /** All groups of the account, including its primary group. */
  groups: number[];
  home: string;
  shell: string;
}
