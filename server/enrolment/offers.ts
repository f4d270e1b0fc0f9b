import { type NodeGrants, type Ungranted, withinGrants } from "../../shared/grants.ts";
import type { NodeDescription } from "../../shared/node.ts";
import type { EnrolmentRecord } from "./enrolment-store.ts";

const DEFAULT_POOL = "default";

/** A node's announcement with the pool and the labels that its enrolment gives it. */
export function enrolled(
  announced: NodeDescription,
  { pool, labels }: Pick<EnrolmentRecord, "pool" | "labels">,
): NodeDescription {
  return { ...announced, pool: pool ?? announced.pool, labels: { ...announced.labels, ...labels } };
}

/**
 * What a machine that registers with an enrolment token offers: what the token grants, and what every agent may claim of
 * itself. The rest waits for a grant. Pure.
 */
export function offersOf(
  enrolment: Pick<EnrolmentRecord, "pool" | "labels">,
  announced: NodeDescription,
): { grants: NodeGrants; description: NodeDescription; ungranted: Ungranted | undefined } {
  const { pool = DEFAULT_POOL, labels } = enrolment;
  const grants = { pools: [pool], labels: { ...labels }, slots: 1 };
  return { grants, ...withinGrants(enrolled(announced, enrolment), grants, pool) };
}
