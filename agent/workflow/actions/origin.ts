import type { PreparedAction } from "../job.ts";

/** Where an action comes from. */
export interface ActionOrigin {
  action: PreparedAction["action"];
  /** Of the action's files, on this machine. */
  directory: string;
  /** As messages name it: `./build`, `owner/repo@v1`. */
  shown: string;
  isLocal: boolean;
}
