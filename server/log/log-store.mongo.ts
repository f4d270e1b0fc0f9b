import type { Collection } from "mongodb";
import { continuing, joinPacked, type PackedLines, splitPacked } from "../../shared/packed-lines.ts";
import { letOthersGo } from "../../shared/wait.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import { Batches, type Waiting } from "../store/batches.ts";
import { ContentionError, duplicatesIn, type MongoStore } from "../store/mongo.ts";
import {
  ATTEMPT_DIGITS,
  type LogDocument,
  logDocument,
  MAX_DOCUMENT_CHARS,
  placeFrom,
  placeText,
} from "./log-documents.mongo.ts";
import {
  type ExecutionLines,
  LOG_START,
  type LogPlace,
  type LogRange,
  type LogStore,
  type PackedBatch,
  type StoredLine,
  unpackInto,
} from "./log-store.ts";

/** What one round of appends has for one execution. */
interface OpenLog {
  parts: readonly ExecutionLines[];
  /** The last line stored before these parts. */
  readSeq: number;
  /** The last line stored by now. */
  lastSeq: number;
  /** `readSeq` is remembered, not read: another server may have stored more since. */
  isRemembered: boolean;
}

const CALLS_PER_BATCH = 256;
const MAX_REMEMBERED = 20_000;
/** An append gives up after other servers were faster for this long. */
const MAX_CONTENTION_MS = 10_000;
/** A document holds one line to some thousands. A read of many small documents may return fewer lines than asked for. */
const MAX_DOCUMENTS_PER_READ = 512;
/** A read stops after this much text even if more lines are wanted. */
const MAX_READ_CHARS = 4 * 1024 * 1024;
const DOCUMENTS_PER_STEP_BACK = 4;
const AFTER_ALL = placeText({ attempt: 10 ** ATTEMPT_DIGITS - 1, seq: Number.MAX_SAFE_INTEGER });

export class MongoLogStore implements LogStore {
  private readonly logs: Collection<LogDocument>;
  private readonly lastSeqs = new RecentMap<number>(MAX_REMEMBERED);
  private readonly appends = new Batches<readonly ExecutionLines[], number[]>(
    (calls) => this.store.attempt(() => this.appendAll(calls)),
    { maxItems: CALLS_PER_BATCH, maxInFlight: 1 },
  );

  constructor(private readonly store: MongoStore) {
    this.logs = store.collection("compute_job_logs");
  }

  append(batches: readonly ExecutionLines[]): Promise<number[]> {
    return batches.length === 0 ? Promise.resolve([]) : this.appends.add(batches);
  }

  async read(range: LogRange): Promise<StoredLine[]> {
    const found: StoredLine[] = [];
    for (const batch of await this.readPacked(range)) unpackInto(found, batch, range);
    return found.length > range.limit ? found.slice(0, range.limit) : found;
  }

  readPacked(range: LogRange): Promise<PackedBatch[]> {
    return this.store.attempt(async () => {
      const found: PackedBatch[] = [];
      const untilText = range.until && placeText(range.until);
      const needed = await this.countNeeded(range);
      if (needed === 0) return found;
      const documents = this.logs
        .find(linesAfter(range))
        .sort({ last_place: 1 })
        .limit(needed)
        .batchSize(needed);
      let chars = 0;
      for await (const document of documents) {
        const { attempt, first_seq, lines } = document;
        if (untilText !== undefined && placeText({ attempt, seq: first_seq }) > untilText) break;
        chars += lines.length;
        found.push(batchFrom(document));
        if (chars >= MAX_READ_CHARS) break;
      }
      return found;
    });
  }

  async *readBack({ businessId, jobId }: { businessId: string; jobId: string }) {
    let before = AFTER_ALL;
    for (;;) {
      const documents = await this.store.attempt(() =>
        this.logs
          .find({ business_id: businessId, job_id: jobId, last_place: { $lt: before } })
          .sort({ last_place: -1 })
          .limit(DOCUMENTS_PER_STEP_BACK)
          .toArray(),
      );
      for (const document of documents) {
        const found: StoredLine[] = [];
        unpackInto(found, batchFrom(document), { after: LOG_START });
        yield found.reverse();
        before = document.last_place;
      }
      if (documents.length < DOCUMENTS_PER_STEP_BACK) return;
    }
  }

  lastPlace({ businessId, jobId }: { businessId: string; jobId: string }): Promise<LogPlace> {
    return this.store.attempt(async () => {
      const last = await this.logs
        .find({ business_id: businessId, job_id: jobId }, { projection: { _id: 0, last_place: 1 } })
        .sort({ last_place: -1 })
        .limit(1)
        .next();
      return last ? placeFrom(last.last_place) : LOG_START;
    });
  }

  lastSeq(executionId: string): Promise<number> {
    return this.store.attempt(() => this.readLastSeq(executionId));
  }

  /** How many documents hold the lines of the range. The index alone answers this, because a log has no holes. */
  private async countNeeded(range: LogRange): Promise<number> {
    const places = await this.logs
      .find(linesAfter(range), { projection: { _id: 0, last_place: 1 } })
      .sort({ last_place: 1 })
      .limit(Math.min(range.limit, MAX_DOCUMENTS_PER_READ))
      .toArray();
    const untilText = range.until && placeText(range.until);
    let lines = 0;
    let before = range.after;
    for (const [index, { last_place }] of places.entries()) {
      const place = placeFrom(last_place);
      lines += place.seq - (place.attempt === before.attempt ? before.seq : 0);
      before = place;
      if (lines >= range.limit || (untilText !== undefined && last_place >= untilText)) return index + 1;
    }
    return places.length;
  }

  /** Writes one document per execution at a time, because a log must never have a hole. */
  private async appendAll(calls: readonly Waiting<readonly ExecutionLines[], number[]>[]): Promise<void> {
    const logs = await this.openLogs(calls.flatMap((call) => call.item));
    const deadlineMs = performance.now() + MAX_CONTENTION_MS;
    for (;;) {
      const documents: LogDocument[] = [];
      for (const [executionId, log] of logs) {
        if (log.isRemembered && leavesLinesOut(log)) {
          await this.readAgain(executionId, log);
        }
        const document = nextDocument(log);
        if (document) documents.push(document);
      }
      if (documents.length === 0) break;
      if (performance.now() > deadlineMs)
        throw new ContentionError("Other servers keep writing to the same logs.");
      await this.insert(documents, logs);
    }
    const answers = new Map<ExecutionLines, number>();
    for (const [executionId, log] of logs) {
      this.lastSeqs.set(executionId, log.lastSeq);
      answerInto(answers, log);
    }
    for (const { item, resolve } of calls) resolve(item.map((batch) => answers.get(batch) ?? 0));
  }

  private async openLogs(batches: readonly ExecutionLines[]): Promise<Map<string, OpenLog>> {
    const parts = Map.groupBy(batches, (batch) => batch.executionId);
    const opened = await Promise.all(
      [...parts].map(async ([executionId, parts]): Promise<[string, OpenLog]> => {
        const known = this.lastSeqs.get(executionId);
        const lastSeq = known ?? (await this.readLastSeq(executionId));
        return [executionId, { parts, readSeq: lastSeq, lastSeq, isRemembered: known !== undefined }];
      }),
    );
    return new Map(opened);
  }

  private async insert(documents: LogDocument[], logs: ReadonlyMap<string, OpenLog>): Promise<void> {
    const taken = new Set(await this.insertUnordered(documents));
    for (const [index, { execution_id, last_seq }] of documents.entries()) {
      const log = logs.get(execution_id);
      if (!log) continue;
      if (taken.has(index)) await this.readAgain(execution_id, log);
      else log.lastSeq = last_seq;
    }
    // The faster write may not be on a majority yet, and is then not read.
    if (taken.size > 0) await letOthersGo();
  }

  private async readAgain(executionId: string, log: OpenLog): Promise<void> {
    log.readSeq = await this.readLastSeq(executionId);
    log.lastSeq = log.readSeq;
    log.isRemembered = false;
  }

  private async insertUnordered(documents: LogDocument[]): Promise<number[]> {
    try {
      await this.logs.insertMany(documents, { ordered: false });
      return [];
    } catch (error) {
      const places = duplicatesIn(error);
      if (!places) throw error;
      return places;
    }
  }

  private async readLastSeq(executionId: string): Promise<number> {
    const last = await this.logs
      .find({ execution_id: executionId }, { projection: { _id: 0, last_seq: 1 } })
      .sort({ last_seq: -1 })
      .limit(1)
      .next();
    return last?.last_seq ?? 0;
  }
}

function linesAfter({ businessId, jobId, after }: LogRange) {
  return { business_id: businessId, job_id: jobId, last_place: { $gt: placeText(after) } };
}

function leavesLinesOut(log: OpenLog): boolean {
  let lastSeq = log.lastSeq;
  return log.parts.some((part) => {
    lastSeq = continuing(part, lastSeq)?.lastSeq ?? lastSeq;
    return part.lastSeq > lastSeq;
  });
}

/** The answer for each part. Everything that continues the log is stored by now. */
function answerInto(answers: Map<ExecutionLines, number>, { parts, readSeq }: OpenLog): void {
  let lastSeq = readSeq;
  for (const part of parts) {
    lastSeq = continuing(part, lastSeq)?.lastSeq ?? lastSeq;
    answers.set(part, lastSeq);
  }
}

/** The lines of all parts that continue the log, as one document if it is not too large. */
function nextDocument(log: OpenLog): LogDocument | undefined {
  const pending: PackedLines[] = [];
  let { lastSeq } = log;
  for (const part of log.parts) {
    const { firstSeq, lines, lastSeq: end } = continuing(part, lastSeq) ?? {};
    if (firstSeq === undefined || lines === undefined || end === undefined) continue;
    pending.push(...splitPacked({ firstSeq, lastSeq: end, lines }, MAX_DOCUMENT_CHARS));
    lastSeq = end;
  }
  const [part] = log.parts;
  const [first] = joinPacked(pending, MAX_DOCUMENT_CHARS);
  if (!part || !first) return undefined;
  const { businessId, jobId, executionId, attempt } = part;
  return logDocument({
    business_id: businessId,
    job_id: jobId,
    execution_id: executionId,
    attempt,
    first_seq: first.firstSeq,
    last_seq: first.lastSeq,
    lines: first.lines,
  });
}

function batchFrom(document: LogDocument) {
  return {
    executionId: document.execution_id,
    attempt: document.attempt,
    firstSeq: document.first_seq,
    lastSeq: document.last_seq,
    lines: document.lines,
  };
}
