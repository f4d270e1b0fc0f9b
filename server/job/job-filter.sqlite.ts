import type { SQLQueryBindings } from "bun:sqlite";
import { firstIdAt } from "../../shared/ids.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import { lowerCase, plainName, sqliteGlob } from "./glob.ts";
import { BEHIND_DIGITS, CLOCK_SLACK_MS, type JobListQuery } from "./job-store.ts";

interface Selection {
  sql: string;
  bindings: Record<string, SQLQueryBindings>;
}

/**
 * How a query finds its jobs: in an `index`; by passing over many `keys` of one, which is quick; or by looking at the `rows` of
 * many jobs of the business.
 */
export function effortOf(query: JobListQuery): "index" | "keys" | "rows" {
  const { status, name, search, labels, arrayId, idPrefix, userId } = query;
  const { nodeId, templateId, scheduleId } = query;
  if (arrayId !== undefined || idPrefix !== undefined) return "index";
  if (nodeId !== undefined || templateId !== undefined || scheduleId !== undefined) return "index";
  const hasPattern = name !== undefined && plainName(name) === undefined;
  if (Object.keys(labels ?? {}).length > 0) return "rows";
  if (!hasPattern && search === undefined && userId === undefined) return "index";
  return status === undefined && query.sinceMs === undefined && query.untilMs === undefined ? "keys" : "rows";
}

/** Selects the id that is `jobs` jobs further on in the order of the query. No row if there are fewer jobs. */
export function selectEdge(query: JobListQuery, jobs: number): Selection {
  const { businessId, beforeJobId = "~", oldestBehind = "" } = query;
  return {
    sql: `SELECT job_id FROM compute_jobs WHERE business_id = $businessId AND job_id < $before AND job_id > $behind
      ORDER BY job_id ${idOrder(query)} LIMIT 1 OFFSET $jobs`,
    bindings: { businessId, before: beforeJobId, behind: oldestBehind, jobs: jobs - 1 },
  };
}

/**
 * Selects the ids of the query's jobs, in its order. Each status is a separate walk along the index, so no more is read
 * than is wanted, however many jobs there are.
 * @param edge the last job to look at
 */
export function selectJobIds(query: JobListQuery, edge?: string): Selection {
  // An array is a small part of a business: the `+` makes SQLite use the index by array.
  const where = query.arrayId === undefined ? ["business_id = $businessId"] : ["+business_id = $businessId"];
  const bindings: Selection["bindings"] = { businessId: query.businessId, limit: query.limit };
  if (query.beforeJobId !== undefined) {
    where.push("job_id < $beforeJobId");
    bindings.beforeJobId = query.beforeJobId;
  }
  if (query.oldestBehind !== undefined) {
    where.push("job_id > $oldestBehind");
    bindings.oldestBehind = query.oldestBehind;
  }
  if (edge !== undefined) {
    where.push(`job_id ${idOrder(query) === "DESC" ? ">=" : "<="} $edge`);
    bindings.edge = edge;
  }
  if (query.arrayId !== undefined) {
    where.push("array_id = $arrayId");
    bindings.arrayId = query.arrayId;
  }
  selectOrigin(query, where, bindings);
  if (query.idPrefix !== undefined) {
    where.push("job_id >= $idPrefix AND job_id < $idPrefixEnd");
    bindings.idPrefix = query.idPrefix;
    bindings.idPrefixEnd = `${query.idPrefix}${BEHIND_DIGITS}`;
  }
  if (query.sinceMs !== undefined) {
    where.push("job_id >= $firstJobId AND created_at >= $since");
    bindings.firstJobId = firstIdAt("job", query.sinceMs - CLOCK_SLACK_MS);
    bindings.since = query.sinceMs;
  }
  if (query.untilMs !== undefined) {
    where.push("job_id < $lastJobId AND created_at < $until");
    bindings.lastJobId = firstIdAt("job", query.untilMs + CLOCK_SLACK_MS);
    bindings.until = query.untilMs;
  }
  if (query.search !== undefined) {
    where.push("instr(lower(name), $search) > 0");
    bindings.search = lowerCase(query.search);
  }
  if (query.name !== undefined) {
    const plain = plainName(query.name);
    where.push(plain === undefined ? "name GLOB $name" : "name = $name");
    bindings.name = plain ?? sqliteGlob(query.name);
  }
  for (const [i, [key, value]] of Object.entries(query.labels ?? {}).entries()) {
    where.push(`json_extract(manifest, $labelPath${i}) = $label${i}`);
    bindings[`labelPath${i}`] = `$.labels."${key}"`;
    bindings[`label${i}`] = value;
  }
  return { sql: overStatuses(where, query.status, bindings, idOrder(query)), bindings };
}

/** Who or what made the jobs, and where they run. */
function selectOrigin(query: JobListQuery, where: string[], bindings: Selection["bindings"]): void {
  const { userId, nodeId, templateId, scheduleId, topLevel } = query;
  const columns = { user_id: userId, node_id: nodeId, template_id: templateId, schedule_id: scheduleId };
  for (const [column, value] of Object.entries(columns)) {
    if (value === undefined) continue;
    where.push(`${column} = $${column}`);
    bindings[column] = value;
  }
  if (topLevel === true) where.push("array_id IS NULL");
}

/** The order in which a query lists jobs. */
export function idOrder({ oldestBehind }: Pick<JobListQuery, "oldestBehind">): "ASC" | "DESC" {
  return oldestBehind === undefined ? "DESC" : "ASC";
}

function overStatuses(
  where: readonly string[],
  status: readonly JobStatus[] | undefined,
  bindings: Selection["bindings"],
  order: "ASC" | "DESC",
): string {
  const walk = (conditions: readonly string[]) =>
    `SELECT job_id FROM compute_jobs WHERE ${conditions.join(" AND ")} ORDER BY job_id ${order} LIMIT $limit`;
  if (status === undefined) return walk(where);
  const walks = [...new Set(status)].map((wanted, i) => {
    bindings[`status${i}`] = wanted;
    return `SELECT job_id FROM (${walk([...where, `status = $status${i}`])})`;
  });
  return `${walks.join(" UNION ALL ")} ORDER BY job_id ${order} LIMIT $limit`;
}
