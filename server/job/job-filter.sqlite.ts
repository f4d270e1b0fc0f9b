import type { SQLQueryBindings } from "bun:sqlite";
import { firstIdAt } from "../../shared/ids.ts";
import { plainName, sqliteGlob } from "./glob.ts";
import { BEHIND_DIGITS, CLOCK_SLACK_MS, type JobListQuery } from "./job-store.ts";
import { labelPairs } from "./label-pairs.ts";

interface Selection {
  sql: string;
  bindings: Record<string, SQLQueryBindings>;
}

/** Along which index a query walks, in the order of ids. */
interface Walk {
  from: string;
  /** The column with the id, in the index. */
  id: string;
  /** What the index is asked for. */
  where: string[];
  /** The filters that this answers. */
  answers: readonly (keyof JobListQuery)[];
  /** The other filters are answered from the index too, without reading jobs. */
  isCovering: boolean;
}

/** Selects the ids of a query's jobs, and how far to look. */
export class JobSelection {
  private readonly walk: Walk;
  private readonly bindings: Record<string, SQLQueryBindings>;
  private readonly conditions: string[];

  constructor(private readonly query: JobListQuery) {
    this.bindings = bindingsOf(query);
    this.walk = walkOf(query);
    this.conditions = conditionsOf(query, this.walk);
  }

  /** Whether jobs may have to be passed over, so that it is not known how many must be looked at. */
  get isSparse(): boolean {
    const passesByStatus = this.query.status !== undefined && this.walk.from !== BY_AGE;
    return passesByStatus || this.conditions.length > 0;
  }

  /** How many jobs to look at in one go. */
  get stride(): number {
    return this.walk.isCovering ? 5_000 : 200;
  }

  /** Selects the last id of the next `jobs` jobs to look at. No row if there are fewer. */
  edge(jobs: number): Selection {
    const { from, where } = this.walk;
    return {
      sql: `SELECT ${this.walk.id} AS job_id FROM ${from} WHERE ${[...where, ...this.range()].join(" AND ")}
        ORDER BY ${this.order} LIMIT 1 OFFSET $jobs`,
      bindings: only(this.bindings, `${where.join(" ")} ${this.range().join(" ")} $jobs`, { jobs: jobs - 1 }),
    };
  }

  /**
   * Selects the ids in the order of the query. Each status is a separate walk along the index, so no more is read than is
   * wanted, however many jobs there are.
   * @param edge the last job to look at
   */
  ids(edge?: string): Selection {
    const statuses = [...new Set(this.query.status ?? [])];
    const bindings = { ...this.bindings, edge: edge ?? "", limit: this.query.limit };
    const bounds = this.range(edge);
    const walk = ({ from, id, where }: Walk, more: readonly string[] = []) =>
      `SELECT ${id} AS job_id FROM ${from} WHERE ${[...where, ...bounds, ...this.conditions, ...more].join(" AND ")}
        ORDER BY ${this.order} LIMIT $limit`;
    const byStatus = this.walk.from === BY_AGE ? { ...this.walk, from: BY_STATUS } : this.walk;
    const walks = statuses.map((status, i) => {
      Object.assign(bindings, { [`status${i}`]: status });
      return `SELECT job_id FROM (${walk(byStatus, [`j.status = $status${i}`])})`;
    });
    const sql =
      walks.length === 0
        ? walk(this.walk)
        : `${walks.join(" UNION ALL ")} ORDER BY job_id ${idOrder(this.query)} LIMIT $limit`;
    return { sql, bindings: only(bindings, sql) };
  }

  private get order(): string {
    return `${this.walk.id} ${idOrder(this.query)}`;
  }

  /** Where the walk begins and ends. */
  private range(edge?: string): string[] {
    const { id } = this.walk;
    const { beforeJobId, oldestBehind, idPrefix, sinceMs, untilMs } = this.query;
    return [
      ...(beforeJobId === undefined ? [] : [`${id} < $beforeJobId`]),
      ...(oldestBehind === undefined ? [] : [`${id} > $oldestBehind`]),
      ...(edge === undefined ? [] : [`${id} ${idOrder(this.query) === "DESC" ? ">=" : "<="} $edge`]),
      ...(idPrefix === undefined ? [] : [`${id} >= $idPrefix AND ${id} < $idPrefixEnd`]),
      ...(sinceMs === undefined ? [] : [`${id} >= $firstJobId`]),
      ...(untilMs === undefined ? [] : [`${id} < $lastJobId`]),
    ];
  }
}

/** The order in which a query lists jobs. */
export function idOrder({ oldestBehind }: Pick<JobListQuery, "oldestBehind">): "ASC" | "DESC" {
  return oldestBehind === undefined ? "DESC" : "ASC";
}

const BY_AGE = "compute_jobs j INDEXED BY compute_jobs_by_age";
const BY_STATUS = "compute_jobs j INDEXED BY compute_jobs_by_status";

/** The narrowest index. */
function walkOf({ arrayId, labels, nodeId, scheduleId, templateId, name }: JobListQuery): Walk {
  const along = (index: string, condition: string, answers: Walk["answers"]): Walk => ({
    from: `compute_jobs j INDEXED BY ${index}`,
    id: "j.job_id",
    where: ["j.business_id = $businessId", condition],
    answers,
    isCovering: false,
  });
  if (arrayId !== undefined) {
    return {
      ...along("compute_jobs_arrays", "j.array_id = $arrayId", ["arrayId"]),
      where: ["j.array_id = $arrayId"],
    };
  }
  if (Object.keys(labels ?? {}).length > 0) {
    return {
      from: "compute_job_labels l CROSS JOIN compute_jobs j ON j.job_id = l.job_id AND j.business_id = l.business_id",
      id: "l.job_id",
      where: ["l.business_id = $businessId", "l.label = $label0"],
      answers: [],
      isCovering: false,
    };
  }
  if (scheduleId !== undefined) {
    return along("compute_jobs_made_by_schedule", "j.schedule_id = $scheduleId", ["scheduleId"]);
  }
  if (templateId !== undefined) {
    return along("compute_jobs_made_by_template", "j.template_id = $templateId", ["templateId"]);
  }
  if (name !== undefined && plainName(name) !== undefined) {
    return along("compute_jobs_by_name", "j.name = $name", ["name"]);
  }
  if (nodeId !== undefined) return along("compute_jobs_of_node", "j.node_id = $nodeId", ["nodeId"]);
  return {
    from: BY_AGE,
    id: "j.job_id",
    where: ["j.business_id = $businessId"],
    answers: [],
    isCovering: true,
  };
}

/** What jobs along the walk must meet besides. Statuses are asked for one by one. */
function conditionsOf(query: JobListQuery, { answers, from }: Walk): string[] {
  const { name, search, sinceMs, untilMs } = query;
  const equal = {
    userId: "j.user_id = $userId",
    templateId: "j.template_id = $templateId",
    scheduleId: "j.schedule_id = $scheduleId",
    nodeId: "j.node_id = $nodeId",
  } as const;
  const named = Object.entries(equal).flatMap(([field, condition]) => {
    const key = field as keyof typeof equal;
    return query[key] === undefined || answers.includes(key) ? [] : [condition];
  });
  const isPlain = name === undefined || plainName(name) !== undefined;
  const otherLabels = labelPairs(query.labels ?? {}).slice(1);
  return [
    ...(from.includes("compute_jobs_arrays") ? ["j.business_id = $businessId"] : []),
    ...named,
    ...(query.topLevel === true && query.arrayId === undefined ? ["j.array_id IS NULL"] : []),
    ...(name === undefined || answers.includes("name") ? [] : [`j.name ${isPlain ? "=" : "GLOB"} $name`]),
    ...(search === undefined ? [] : ["j.name LIKE $search ESCAPE '\\'"]),
    ...(sinceMs === undefined ? [] : ["j.created_at >= $since"]),
    ...(untilMs === undefined ? [] : ["j.created_at < $until"]),
    ...otherLabels.map(
      (_, i) => `EXISTS (SELECT 1 FROM compute_job_labels m
        WHERE m.business_id = $businessId AND m.label = $label${i + 1} AND m.job_id = j.job_id)`,
    ),
  ];
}

function bindingsOf(query: JobListQuery): Record<string, SQLQueryBindings> {
  const { businessId, beforeJobId = "", oldestBehind = "", idPrefix = "", sinceMs = 0, untilMs = 0 } = query;
  const { userId = "", templateId = "", scheduleId = "", nodeId = "", arrayId = "" } = query;
  const { name = "", search = "" } = query;
  return {
    ...{ businessId, beforeJobId, oldestBehind, idPrefix, idPrefixEnd: `${idPrefix}${BEHIND_DIGITS}` },
    ...{ userId, templateId, scheduleId, nodeId, arrayId },
    ...{ since: sinceMs, until: untilMs },
    firstJobId: firstIdAt("job", sinceMs - CLOCK_SLACK_MS),
    lastJobId: firstIdAt("job", untilMs + CLOCK_SLACK_MS),
    name: plainName(name) ?? sqliteGlob(name),
    search: `%${search.replace(/[\\%_]/g, "\\$&")}%`,
    ...Object.fromEntries(labelPairs(query.labels ?? {}).map((label, i) => [`label${i}`, label])),
  };
}

/** SQLite refuses bindings that a statement does not use. */
function only(
  bindings: Record<string, SQLQueryBindings>,
  sql: string,
  more: Record<string, SQLQueryBindings> = {},
): Record<string, SQLQueryBindings> {
  const used = new Set([...sql.matchAll(/\$(\w+)/g)].map(([, name]) => name));
  return Object.fromEntries(Object.entries({ ...bindings, ...more }).filter(([name]) => used.has(name)));
}
