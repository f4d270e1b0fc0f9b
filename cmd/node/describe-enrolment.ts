import { counted } from "../../shared/counted.ts";
import type { Enrolment } from "../../shared/enrolment.ts";

/** What a token is for: `for 5 machines, which get pool farm, label rack=4`. */
export function inWords({ uses, pool, labels }: Pick<Enrolment, "uses" | "pool" | "labels">): string {
  const given = grantsInWords({ pool, labels });
  const gets = uses === 1 ? "which gets" : "which get";
  return `for ${counted(uses, "machine")}${given === "" ? "" : `, ${gets} ${given}`}`;
}

/** `pool farm, label rack=4`. */
export function grantsInWords({ pool, labels }: Pick<Enrolment, "pool" | "labels">): string {
  return [
    ...(pool === undefined ? [] : [`pool ${pool}`]),
    ...Object.entries(labels).map(([key, value]) => `label ${key}=${value}`),
  ].join(", ");
}

/** To the minute, in UTC. */
export function formatTime(at: string): string {
  return `${at.slice(0, 16).replace("T", " ")} UTC`;
}

/** Whether machines can still register with it. */
export function stateOf({ revokedAt, expiresAt, used, uses }: Enrolment): string {
  if (revokedAt !== undefined) return "revoked";
  if (Date.parse(expiresAt) <= Date.now()) return "expired";
  return used >= uses ? "used up" : "valid";
}
