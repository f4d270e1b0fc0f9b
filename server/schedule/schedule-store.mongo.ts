import type { Collection, Filter } from "mongodb";
import { isFinal, type JobStatus } from "../../shared/job-state.ts";
import { jobStatus } from "../../shared/job-status.ts";
import {
  ContentionError,
  isFasterElsewhere,
  type MongoStore,
  outlastOthers,
  setAndUnset,
} from "../store/mongo.ts";
import { collectionStep, type MongoMigration } from "../store/mongo-migrations.ts";
import { putInTrash } from "../trash/trash-store.mongo.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import { type FireRecord, isOpen, type ScheduleRecord } from "./schedule-record.ts";
import type {
  FireListQuery,
  ScheduleDecision,
  ScheduleListQuery,
  ScheduleState,
  ScheduleStore,
} from "./schedule-store.ts";

/** A document of `compute_schedules`. */
interface ScheduleDocument {
  schedule_id: string;
  business_id: string;
  status: ScheduleRecord["status"];
  next_fire_at?: number;
  record: ScheduleRecord;
  /** Increases with every change of the schedule or its fires. A write names the version that it was decided on. */
  version: number;
}

/** A document of `compute_schedule_fires`. */
interface FireDocument {
  fire_id: string;
  schedule_id: string;
  business_id: string;
  /** Only for fires of the clock; unique, so that a due time of a schedule has one fire. */
  clock_due_at?: number;
  /** The schedule's id, only while the fire is open. */
  open_of?: string;
  record: FireRecord;
}

/** The fields of `compute_jobs` that are read here. */
interface LiveJob {
  job_id: string;
  business_id: string;
  schedule_id?: string;
  status: JobStatus;
}

const text = { bsonType: "string" };
const number = { bsonType: "number" };
const object = { bsonType: "object" };

const jobsBySchedule: MongoMigration = {
  id: "schedule-3",
  async apply(db) {
    await db
      .collection("compute_jobs")
      .createIndex(
        { schedule_id: 1, status: 1 },
        { partialFilterExpression: { schedule_id: { $exists: true } } },
      );
  },
};

/** These run after the steps of jobs, because they add an index to their collection. */
export const scheduleSteps = [
  collectionStep(
    "schedule-1",
    "compute_schedules",
    [
      { key: { schedule_id: 1 }, unique: true },
      { key: { business_id: 1, schedule_id: 1 } },
      { key: { next_fire_at: 1 }, partialFilterExpression: { next_fire_at: { $exists: true } } },
    ],
    {
      required: ["schedule_id", "business_id", "status", "record", "version"],
      properties: {
        schedule_id: text,
        business_id: text,
        status: { enum: ["ACTIVE", "PAUSED"] },
        next_fire_at: number,
        record: object,
        version: number,
      },
    },
  ),
  collectionStep(
    "schedule-2",
    "compute_schedule_fires",
    [
      { key: { fire_id: 1 }, unique: true },
      { key: { schedule_id: 1, fire_id: 1 } },
      { key: { open_of: 1, fire_id: 1 }, partialFilterExpression: { open_of: { $exists: true } } },
      {
        key: { schedule_id: 1, clock_due_at: 1 },
        unique: true,
        partialFilterExpression: { clock_due_at: { $exists: true } },
      },
    ],
    {
      required: ["fire_id", "schedule_id", "business_id", "record"],
      properties: { fire_id: text, schedule_id: text, business_id: text, record: object },
    },
  ),
  jobsBySchedule,
];

const LIVE = jobStatus.options.filter((status) => !isFinal(status));

export class MongoScheduleStore implements ScheduleStore {
  private readonly schedules: Collection<ScheduleDocument>;
  private readonly fireDocuments: Collection<FireDocument>;
  private readonly jobs: Collection<LiveJob>;

  constructor(private readonly store: MongoStore) {
    this.schedules = store.collection("compute_schedules");
    this.fireDocuments = store.collection("compute_schedule_fires");
    this.jobs = store.collection("compute_jobs");
  }

  async insert(schedule: ScheduleRecord): Promise<void> {
    const document = { ...scheduleFields(schedule), version: 1 };
    await this.store.attempt(() => this.schedules.insertOne(document));
  }

  find(businessId: string, scheduleId: string): Promise<ScheduleRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.schedules.findOne({ schedule_id: scheduleId, business_id: businessId });
      return found?.record;
    });
  }

  list(query: ScheduleListQuery): Promise<ScheduleRecord[]> {
    const filter: Filter<ScheduleDocument> = { business_id: query.businessId };
    if (query.status) filter.status = { $in: [...query.status] };
    if (query.beforeScheduleId !== undefined) filter.schedule_id = { $lt: query.beforeScheduleId };
    return this.store.attempt(async () => {
      const found = await this.schedules.find(filter).sort({ schedule_id: -1 }).limit(query.limit).toArray();
      return found.map((document) => document.record);
    });
  }

  delete(businessId: string, scheduleId: string, into?: IntoTrash): Promise<boolean> {
    if (into) return this.moveToTrash({ schedule_id: scheduleId, business_id: businessId }, into);
    return this.store.attempt(async () => {
      const { deletedCount } = await this.schedules.deleteOne({
        schedule_id: scheduleId,
        business_id: businessId,
      });
      if (deletedCount === 0) return false;
      // Nobody finds fires without their schedule; a server that dies here leaves a few dead documents.
      await this.fireDocuments.deleteMany({ schedule_id: scheduleId });
      return true;
    });
  }

  private moveToTrash(
    where: { schedule_id: string; business_id: string },
    into: IntoTrash,
  ): Promise<boolean> {
    const body = () =>
      this.store.transaction(async (session) => {
        if (!(await this.schedules.findOne(where, { session }))) return false;
        const { business_id, schedule_id } = where;
        await putInTrash(this.store, session, business_id, "schedule", [schedule_id], into);
        return true;
      });
    return this.store.attempt(() => outlastOthers(body));
  }

  change<Result>(
    key: { scheduleId: string; businessId?: string },
    decide: (state: ScheduleState | undefined) => ScheduleDecision<Result>,
  ): Promise<Result> {
    return this.store.attempt(() => outlastOthers(() => this.changeOnce(key, decide), isFasterElsewhere));
  }

  due(nowMs: number, limit: number): Promise<ScheduleRecord[]> {
    return this.store.attempt(async () => {
      const due = { next_fire_at: { $lte: nowMs } };
      const found = await this.schedules.find(due).sort({ next_fire_at: 1 }).limit(limit).toArray();
      return found.map((document) => document.record);
    });
  }

  nextFireAt(): Promise<number | undefined> {
    return this.store.attempt(async () => {
      const planned = { next_fire_at: { $exists: true } };
      const next = await this.schedules.find(planned).sort({ next_fire_at: 1 }).limit(1).next();
      return next?.next_fire_at;
    });
  }

  plannedAfter(atMs: number, afterScheduleId: string | undefined, limit: number): Promise<ScheduleRecord[]> {
    return this.store.attempt(async () => {
      const found = await this.schedules
        .find({
          status: "ACTIVE",
          schedule_id: { $gt: afterScheduleId ?? "" },
          $or: [{ "record.plannedAtMs": { $gt: atMs } }, { "record.lastDueAtMs": { $gt: atMs } }],
        })
        .sort({ schedule_id: 1 })
        .limit(limit)
        .toArray();
      return found.map((document) => document.record);
    });
  }

  withOpenFires(afterScheduleId: string | undefined, limit: number): Promise<string[]> {
    return this.store.attempt(async () => {
      const found = await this.fireDocuments
        .aggregate<{ _id: string }>([
          { $match: { open_of: { $gt: afterScheduleId ?? "" } } },
          { $group: { _id: "$open_of" } },
          { $sort: { _id: 1 } },
          { $limit: limit },
        ])
        .toArray();
      return found.map((one) => one._id);
    });
  }

  fires({ businessId, scheduleId, beforeFireId, limit }: FireListQuery): Promise<FireRecord[]> {
    const filter: Filter<FireDocument> = { schedule_id: scheduleId, business_id: businessId };
    if (beforeFireId !== undefined) filter.fire_id = { $lt: beforeFireId };
    return this.store.attempt(async () => {
      const found = await this.fireDocuments.find(filter).sort({ fire_id: -1 }).limit(limit).toArray();
      return found.map((document) => document.record);
    });
  }

  async pruneFires(scheduleId: string, keep: number): Promise<void> {
    await this.store.attempt(async () => {
      const own = this.fireDocuments.find({ schedule_id: scheduleId }).sort({ fire_id: -1 });
      const newestToGo = await own.skip(keep).limit(1).next();
      if (!newestToGo) return;
      await this.fireDocuments.deleteMany({
        schedule_id: scheduleId,
        fire_id: { $lte: newestToGo.fire_id },
        open_of: { $exists: false },
      });
    });
  }

  private async changeOnce<Result>(
    key: { scheduleId: string; businessId?: string },
    decide: (state: ScheduleState | undefined) => ScheduleDecision<Result>,
  ): Promise<Result> {
    const { scheduleId, businessId } = key;
    const found = await this.schedules.findOne({
      schedule_id: scheduleId,
      ...(businessId === undefined ? {} : { business_id: businessId }),
    });
    const decision = decide(found ? await this.stateOf(found.record) : undefined);
    if (!found || (!decision.schedule && !decision.fires?.length)) return decision.result;
    const { schedule = found.record, fires = [] } = decision;
    await this.store.transaction(async (session) => {
      // Whose they are does not change: meanwhile they may have moved into the trash.
      const { business_id: _, ...changing } = scheduleFields(schedule);
      const { matchedCount } = await this.schedules.updateOne(
        { schedule_id: scheduleId, version: found.version },
        setAndUnset({ ...changing, version: found.version + 1 }),
        { session },
      );
      if (matchedCount !== 1) throw new ContentionError("The schedule changed in between.");
      if (decision.forgetDueAfterMs !== undefined) {
        await this.fireDocuments.updateMany(
          { schedule_id: scheduleId, clock_due_at: { $gt: decision.forgetDueAfterMs } },
          { $unset: { clock_due_at: "" }, $set: { "record.isAhead": true } },
          { session },
        );
      }
      if (fires.length === 0) return;
      const writes = fires.map((fire) => {
        const { business_id, ...fields } = fireDocument(fire);
        const update = { ...setAndUnset(fields), $setOnInsert: { business_id } };
        return { updateOne: { filter: { fire_id: fire.fireId }, update, upsert: true } };
      });
      await this.fireDocuments.bulkWrite(writes, { session });
    });
    return decision.result;
  }

  /** Reads fires before jobs. A job is stored before its fire is closed, so at least one of the two is always seen. */
  private async stateOf(schedule: ScheduleRecord): Promise<ScheduleState> {
    const { scheduleId, businessId } = schedule;
    const open = await this.fireDocuments.find({ open_of: scheduleId }).sort({ fire_id: 1 }).toArray();
    const openFires = open.map((document) => document.record);
    if (schedule.overlap === "allow") return { schedule, openFires, liveJobIds: [] };
    const live = await this.jobs
      .find({ schedule_id: scheduleId, status: { $in: LIVE }, business_id: businessId })
      .project<{ job_id: string }>({ job_id: 1 })
      .sort({ job_id: 1 })
      .toArray();
    return { schedule, openFires, liveJobIds: live.map((job) => job.job_id) };
  }
}

function scheduleFields(schedule: ScheduleRecord) {
  return {
    schedule_id: schedule.scheduleId,
    business_id: schedule.businessId,
    status: schedule.status,
    next_fire_at: schedule.nextFireAtMs,
    record: schedule,
  };
}

function fireDocument(fire: FireRecord): FireDocument {
  return {
    fire_id: fire.fireId,
    schedule_id: fire.scheduleId,
    business_id: fire.businessId,
    clock_due_at: fire.trigger === "clock" && !fire.isAhead ? fire.dueAtMs : undefined,
    open_of: isOpen(fire) ? fire.scheduleId : undefined,
    record: fire,
  };
}
