import { useRef, useState } from "preact/hooks";
import type { Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { me } from "../../api/whoami.ts";
import { addressOf, filterOf, type JobQuery } from "./query.ts";

export interface JobList {
  /** What is shown now; undefined until the first answer. */
  rows: readonly Job[] | undefined;
  /** Jobs that came while the person was further down; they are not shown yet. */
  newCount: number;
  showNew(): void;
  error: unknown;
  refresh(): void;
  hasMore: boolean;
  /** More rows would make the page slow: a filter by time goes on from the last row. */
  isFull: boolean;
  /** Resolves once more rows are shown, or could not be fetched. */
  more(): Promise<void>;
}

const FIRST_ROWS = 50;
const MORE_ROWS = 100;
const MAX_ROWS = 1_000;
const PAGE_ROWS = 500;
/** A filter that matches little may need many requests, since each looks at a limited number of jobs. */
const MAX_REQUESTS = 25;
/** Nearer to the top than this, new jobs push the list down. */
const TOP_PX = 160;

interface Loaded {
  rows: readonly Job[];
  nextCursor: string | undefined;
}

/** The jobs that the address asks for, newest first, kept up to date while they are shown. */
export function useJobList(query: JobQuery): JobList {
  const key = addressOf(query);
  const wanted = useRef<Wanted>(nothingYet(key));
  if (wanted.current.key !== key) wanted.current = nothingYet(key);
  const [, setShown] = useState(0);
  const { value, error, refresh } = useData<Loaded>(
    key,
    async (signal) => {
      const { current } = wanted;
      try {
        const loaded = await load(query, current, signal);
        return { ...loaded, rows: steady(loaded.rows, current) };
      } finally {
        current.answered();
      }
    },
    { topics: ["jobs"] },
  );

  const isByIndex = query.array !== undefined;
  const list = wanted.current;
  const newest = value?.rows[0]?.jobId;
  // Ids begin with the time. A list that was empty has nothing to push.
  if (isByIndex || list.newestShown === undefined || scrollY < TOP_PX) list.newestShown = newest;
  const shown = isByIndex ? value?.rows : value?.rows.filter((job) => isShown(job, list));
  return {
    rows: shown,
    newCount: (value?.rows.length ?? 0) - (shown?.length ?? 0),
    showNew: () => {
      list.newestShown = newest;
      setShown((before) => before + 1);
      scrollTo(0, 0);
    },
    error,
    refresh,
    hasMore: value?.nextCursor !== undefined && list.rows < MAX_ROWS,
    isFull: value?.nextCursor !== undefined && list.rows >= MAX_ROWS,
    more: () =>
      new Promise((answered) => {
        list.rows += MORE_ROWS;
        list.before = value;
        list.answered = answered;
        refresh();
      }),
  };
}

/** A job that has not changed stays the same object, so that its row need not be made again. */
function steady(rows: readonly Job[], wanted: Wanted): readonly Job[] {
  const known = new Map<string, KnownJob>();
  const kept = rows.map((job) => {
    const before = wanted.known.get(job.jobId);
    const text = before?.job === job ? before.text : JSON.stringify(job);
    const now = before?.text === text ? before : { job, text };
    known.set(job.jobId, now);
    return now.job;
  });
  wanted.known = known;
  return kept;
}

interface KnownJob {
  job: Job;
  text: string;
}

interface Wanted {
  key: string;
  known: ReadonlyMap<string, KnownJob>;
  rows: number;
  /** What was there when more was wanted: only the rest is fetched. */
  before: Loaded | undefined;
  newestShown: string | undefined;
  answered(): void;
}

function nothingYet(key: string): Wanted {
  return {
    key,
    known: new Map(),
    rows: FIRST_ROWS,
    before: undefined,
    newestShown: undefined,
    answered: () => undefined,
  };
}

function isShown({ jobId }: Job, { newestShown = "" }: Wanted): boolean {
  return jobId <= newestShown;
}

/** As many rows as are wanted, besides those that are not shown yet. */
async function load(query: JobQuery, wanted: Wanted, signal: AbortSignal): Promise<Loaded> {
  const filter = filterOf(query, me.value?.userId ?? "", Date.now());
  const rows: Job[] = [...(wanted.before?.rows ?? [])];
  let nextCursor = wanted.before?.nextCursor;
  wanted.before = undefined;
  for (let i = 0; i < MAX_REQUESTS; i++) {
    const missing = wanted.rows - rows.filter((job) => isShown(job, wanted) || !wanted.newestShown).length;
    const limit = Math.min(PAGE_ROWS, Math.max(missing, 1));
    const input = { ...filter, limit, cursor: nextCursor };
    const page = await compute.client.call("jobs.list", input, { signal });
    rows.push(...page.jobs);
    nextCursor = page.nextCursor;
    if (nextCursor === undefined || missing <= page.jobs.length) break;
  }
  return { rows, nextCursor };
}
