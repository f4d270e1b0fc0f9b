import { type Document, type MongoClient, MongoServerError, ReadConcern, type UUID } from "mongodb";
import { ComputeError } from "../../shared/errors.ts";

/** The name by which MongoDB tells our connections from those of other programs. */
export const APP_NAME = "tanvrit-compute";

/** A server sends the steps of a transaction one right after the other. One silent for this long has died or is stalled. */
const SILENT_MS = 3_000;
const UNAUTHORIZED = 13;
const NOT_ALLOWED =
  "This MongoDB does not let the account list and end its own sessions ($currentOp, killSessions). What a killed server " +
  "was writing stays locked until MongoDB's transactionLifetimeLimitSeconds has passed. The server will not try again.";

/** One entry of `$currentOp` for a session that runs nothing at the moment. */
interface IdleSession {
  lsid: { id: UUID };
}

/**
 * Ends the transactions of servers that died in the middle of one. MongoDB would keep the jobs, nodes and schedules they
 * were writing locked for a minute and more. A server that was only stalled tries its transaction again.
 *
 * An account needs no privilege to list and end its own sessions. If a provider forbids even that, `end` throws once, and
 * then leaves it to MongoDB's own limit (`transactionLifetimeLimitSeconds`, 60).
 */
export class AbandonedTransactions {
  private mayLook = true;

  constructor(private readonly client: MongoClient) {}

  async end(): Promise<void> {
    if (!this.mayLook) return;
    try {
      const admin = this.client.db("admin", { readConcern: new ReadConcern("local") });
      const silent = await admin.aggregate<IdleSession>(silentTransactions()).toArray();
      if (silent.length === 0) return;
      await admin.command({ killSessions: silent.map(({ lsid }) => ({ id: lsid.id })) });
    } catch (error) {
      if (!(error instanceof MongoServerError) || error.code !== UNAUTHORIZED) throw error;
      this.mayLook = false;
      throw new ComputeError("storage_failed", NOT_ALLOWED, { cause: error });
    }
  }
}

function silentTransactions(): Document[] {
  return [
    { $currentOp: { allUsers: false, idleSessions: true } },
    {
      $match: {
        type: "idleSession",
        appName: APP_NAME,
        "transaction.timeInactiveMicros": { $gt: SILENT_MS * 1_000 },
      },
    },
    { $project: { lsid: 1 } },
  ];
}
