import { firstIdAt } from "../../shared/ids.ts";
import type { ArtifactStore, ScannedArtifact } from "../artifact/artifact-store.ts";
import type { JobEnd, JobStore } from "../job/job-store.ts";
import type { ScheduleStore } from "../schedule/schedule-store.ts";
import type { TemplateStore } from "../template/template-store.ts";

export interface ExpiryParts {
  artifacts: Pick<ArtifactStore, "scanArtifacts" | "expire" | "keep">;
  jobs: Pick<JobStore, "artifactsInUse" | "endsOf">;
  schedules: Pick<ScheduleStore, "list">;
  templates: Pick<TemplateStore, "list">;
  /** How long files of a job are kept after its end; undefined: as long as the job. */
  keepMs: number | undefined;
  /** Whether ages may be judged by the clock. */
  isClockSettled(nowMs: number): boolean;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface ExpiryOptions {
  /** If given, also artifacts that were made longer ago than this go, however long they would be kept. */
  olderThanMs?: number;
  /** Only counts what would go. */
  dryRun?: boolean;
}

const ARTIFACTS_AT_ONCE = 200;

/** An artifact that is needed after its time is looked at again after this. */
const NEEDED_MS = 24 * 3_600_000;
const PAGE = 100;
const IDS = /\b(?:art|job)_[0-9a-hjkmnp-tv-z]{26}\b/g;

/**
 * Removes artifacts whose time is over and that nothing needs, and those of deleted jobs, in small steps. Adds to `count`
 * how many artifacts went.
 */
export async function* expireArtifacts(
  parts: ExpiryParts,
  count: { artifacts: number },
  { olderThanMs, dryRun = false }: ExpiryOptions = {},
): AsyncGenerator<void, void, void> {
  const { artifacts, now } = parts;
  const dueBefore = olderThanMs === undefined ? undefined : firstIdAt("art", now() - olderThanMs);
  const expiry = new Expiry(parts, dueBefore);
  for (let afterId: string | undefined; ; ) {
    const page = await artifacts.scanArtifacts(afterId, ARTIFACTS_AT_ONCE);
    const { going, staying } = await expiry.judge(page, now());
    if (!dryRun) for (const one of staying) await artifacts.keep(one, now() + NEEDED_MS);
    for (const one of going) {
      if (!one.isDraft && (dryRun || (await artifacts.expire(one)))) count.artifacts++;
      else if (one.isDraft && !dryRun) await artifacts.expire(one);
    }
    yield;
    afterId = page.at(-1)?.artifactId;
    if (page.length < ARTIFACTS_AT_ONCE) return;
  }
}

/** Decides which artifacts go. One is for one look at all artifacts: it remembers what schedules and templates name. */
class Expiry {
  private readonly named = new Map<string, Promise<ReadonlySet<string>>>();

  /** @param dueBefore if given, artifacts made before this id are due too, however long they would be kept. */
  constructor(
    private readonly parts: ExpiryParts,
    private readonly dueBefore: string | undefined,
  ) {}

  /** Those that go, and those whose time is over but that something needs. */
  async judge(scanned: readonly ScannedArtifact[], nowMs: number) {
    const ends = await this.parts.jobs.endsOf([...new Set(scanned.flatMap(({ jobId }) => jobId ?? []))]);
    const due = scanned.filter((one) => this.isDue(one, ends, nowMs));
    const [drafts, artifacts] = [due.filter((one) => one.isDraft), due.filter((one) => !one.isDraft)];
    const needed = await this.neededOf(artifacts, ends, nowMs);
    return {
      going: [...drafts, ...artifacts.filter((one) => !needed.has(one))],
      staying: [...needed].filter((one) => isPast(one.expiresAtMs, nowMs)),
    };
  }

  private isDue(one: ScannedArtifact, ends: ReadonlyMap<string, JobEnd>, nowMs: number): boolean {
    const { artifactId, isDraft, jobId, expiresAtMs, heldUntilMs } = one;
    const isOver = isPast(expiresAtMs, nowMs) && this.parts.isClockSettled(nowMs);
    if (isDraft) return isOver;
    if (heldUntilMs !== undefined && heldUntilMs > nowMs) return false;
    const isOfDeletedJob = jobId !== undefined && !ends.has(jobId);
    const isAsked = this.dueBefore !== undefined && artifactId < this.dueBefore;
    return isOver || isOfDeletedJob || isAsked;
  }

  private async neededOf(
    due: readonly ScannedArtifact[],
    ends: ReadonlyMap<string, JobEnd>,
    nowMs: number,
  ): Promise<Set<ScannedArtifact>> {
    const needed = new Set<ScannedArtifact>();
    if (due.length === 0) return needed;
    // Uploads are kept as long as their own time says, and what somebody wants to be rid of no longer than that.
    const isBrief = ({ kind }: ScannedArtifact) => kind === "upload" || this.dueBefore !== undefined;
    const endedAfterMs = this.parts.keepMs === undefined ? -1 : nowMs - this.parts.keepMs;
    for (const [afterMs, some] of Map.groupBy(due, (one) => (isBrief(one) ? nowMs : endedAfterMs))) {
      const ids = new Set(some.flatMap((one) => sourcesOf(one, ends)));
      const used = new Set(await this.parts.jobs.artifactsInUse([...ids], afterMs));
      for (const one of some) {
        const own = one.jobId === undefined ? undefined : ends.get(one.jobId);
        const isOfRecentJob = own !== undefined && (own.endedAtMs === undefined || own.endedAtMs > afterMs);
        const sources = sourcesOf(one, ends);
        if (isOfRecentJob || sources.some((id) => used.has(id))) needed.add(one);
        else if (await this.isNamed(one.businessId, sources)) needed.add(one);
      }
    }
    return needed;
  }

  private async isNamed(businessId: string, sources: readonly string[]): Promise<boolean> {
    let named = this.named.get(businessId);
    if (!named) {
      named = this.namedIn(businessId);
      this.named.set(businessId, named);
    }
    const ids = await named;
    return sources.some((id) => ids.has(id));
  }

  /** The artifacts and jobs that a schedule or template of the business names. */
  private async namedIn(businessId: string): Promise<ReadonlySet<string>> {
    const { schedules, templates } = this.parts;
    const ids = new Set<string>();
    const add = (content: unknown) => {
      for (const [id] of JSON.stringify(content).matchAll(IDS)) ids.add(id);
    };
    for (let beforeScheduleId: string | undefined; ; ) {
      const page = await schedules.list({ businessId, status: undefined, beforeScheduleId, limit: PAGE });
      for (const { work } of page) add(work);
      beforeScheduleId = page.at(-1)?.scheduleId;
      if (page.length < PAGE) break;
    }
    for (let beforeTemplateId: string | undefined; ; ) {
      const page = await templates.list({ businessId, builtin: false, beforeTemplateId, limit: PAGE });
      for (const { content } of page) add(content);
      beforeTemplateId = page.at(-1)?.templateId;
      if (page.length < PAGE) break;
    }
    return ids;
  }
}

/** By which ids an artifact may be named: its own, and its job's and its array's as the source of outputs. */
function sourcesOf({ artifactId, jobId }: ScannedArtifact, ends: ReadonlyMap<string, JobEnd>): string[] {
  if (jobId === undefined) return [artifactId];
  const arrayId = ends.get(jobId)?.arrayId;
  return [artifactId, jobId, ...(arrayId === undefined ? [] : [arrayId])];
}

function isPast(atMs: number | undefined, nowMs: number): boolean {
  return atMs !== undefined && atMs <= nowMs;
}
