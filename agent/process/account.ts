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

/** The account of this machine that jobs run as, where that is not the agent's own. */
export interface JobAccount {
  name: string;
  uid: number;
  gid: number;
  /** All groups it is in, its own included. */
  groups: number[];
  home: string;
  shell: string;
}
