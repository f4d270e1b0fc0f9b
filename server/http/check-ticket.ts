import { ComputeError } from "../../shared/errors.ts";
import type { Caller } from "./handler.ts";

/** Throws `forbidden` if a wait ticket is used for any job but its own. */
export function checkTicket(caller: Caller, input: unknown): void {
  if (caller.kind !== "user" || caller.ticketOf === undefined) return;
  const named = input as { jobId?: string; arrayId?: string; jobIds?: string[] };
  const jobIds = named.jobIds ?? [named.jobId ?? named.arrayId];
  if (!jobIds.every((one) => one === caller.ticketOf)) throw onlyForWaiting();
}

export function onlyForWaiting(): ComputeError {
  return new ComputeError(
    "forbidden",
    "A wait ticket only gives access to its own job, and only for reading.",
  );
}
