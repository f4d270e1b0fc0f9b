import { me } from "../../api/whoami.ts";

/** Whether the person may run, write and copy templates. The server decides; this only hides what it would refuse. */
export function mayWork(): boolean {
  return me.value?.role !== "viewer";
}
