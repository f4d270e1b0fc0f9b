import { type JobSelection, type JobStatus, jobStatuses } from "../../../sdk/index.ts";

/** What the address of the page asks for. Every field that is there is a filter. */
export interface JobQuery {
  status: readonly JobStatus[];
  /** A part of a name, or the start of a job id. */
  q?: string;
  /** Each `key=value`. */
  labels: readonly string[];
  node?: string;
  template?: string;
  schedule?: string;
  /** A user id, or `me`. */
  by?: string;
  /** `1h`, `today` or an ISO time. */
  since?: string;
  until?: string;
  /** The jobs of this array. */
  array?: string;
}

/** Ways to say since when, as the address says them and as a person does. */
export const SINCE: readonly { value: string; text: string }[] = [
  { value: "1h", text: "Last hour" },
  { value: "24h", text: "Last 24 hours" },
  { value: "today", text: "Today" },
  { value: "7d", text: "Last 7 days" },
  { value: "30d", text: "Last 30 days" },
];

const SINGLE = ["q", "node", "template", "schedule", "by", "since", "until", "array"] as const;
const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const MINUTE_MS = 60_000;
const ID_PREFIX = /^job_[0-9a-z]{1,26}$/;

/** What an address such as `/jobs?status=FAILED,TIMEOUT&label=team=vision` asks for; what makes no sense is left out. */
export function readQuery(search: URLSearchParams): JobQuery {
  const statuses = search.getAll("status").flatMap((text) => text.toUpperCase().split(","));
  const query: JobQuery = {
    status: jobStatuses.filter((status) => statuses.includes(status)),
    labels: search.getAll("label").filter((label) => label.includes("=")),
  };
  for (const name of SINGLE) {
    const value = search.get(name)?.trim();
    if (value) query[name] = value;
  }
  if (query.since !== undefined && Number.isNaN(timeOf(query.since, Date.now()))) delete query.since;
  if (query.until !== undefined && Number.isNaN(Date.parse(query.until))) delete query.until;
  return query;
}

/** The address of the page that asks for this. */
export function addressOf({ status, labels, ...rest }: JobQuery): string {
  const search = new URLSearchParams();
  if (status.length > 0) search.set("status", status.join(","));
  for (const label of labels) search.append("label", label);
  for (const name of SINGLE) if (rest[name]) search.set(name, rest[name]);
  return search.size === 0 ? "/jobs" : `/jobs?${search}`;
}

export function isFiltered(query: JobQuery): boolean {
  return addressOf(query) !== "/jobs";
}

/** The filter of the API. `userId` is that of the person, for `me`. */
export function filterOf(query: JobQuery, userId: string, nowMs: number): JobSelection {
  const { status, q, labels, node, template, schedule, by, since, until, array } = query;
  const isId = q !== undefined && ID_PREFIX.test(q);
  return {
    ...(status.length > 0 && { status: [...status] }),
    ...(q !== undefined && (isId ? { idPrefix: q } : { search: q })),
    ...(labels.length > 0 && { labels: Object.fromEntries(labels.map(pairOf)) }),
    ...(node !== undefined && { nodeId: node }),
    ...(template !== undefined && { templateId: template }),
    ...(schedule !== undefined && { scheduleId: schedule }),
    ...(by !== undefined && { userId: by === "me" ? userId : by }),
    ...(since !== undefined && { since: new Date(timeOf(since, nowMs)).toISOString() }),
    ...(until !== undefined && { until: new Date(until).toISOString() }),
    ...(array !== undefined && { arrayId: array }),
    // An array is one row, which opens. Somebody who has an id, or looks into an array, wants the jobs themselves.
    ...(array === undefined && !isId && { topLevel: true }),
  };
}

function pairOf(label: string): [string, string] {
  const at = label.indexOf("=");
  return [label.slice(0, at).trim(), label.slice(at + 1).trim()];
}

/** Epoch milliseconds; NaN if the text is no time. Relative times are full minutes, so that a page asks the same for a while. */
function timeOf(text: string, nowMs: number): number {
  if (text === "today") return new Date(nowMs).setHours(0, 0, 0, 0);
  const [, count, unit = ""] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  if (count === undefined) return Date.parse(text);
  return Math.floor(nowMs / MINUTE_MS) * MINUTE_MS - Number(count) * (UNIT_MS[unit] ?? 0);
}
