import { type Document, type MongoClient, MongoServerError, ReadConcern, type UUID } from "mongodb";
import { ComputeError } from "../../shared/errors.ts";

/** By which MongoDB tells our connections from those of others. */
export const APP_NAME = "tanvrit-compute";

/** A server asks for the next step of a transaction at once; who is silent for this long has died, or stood still. */
const SILENT_MS = 3_000;
const UNAUTHORIZED = 13;
const NOT_ALLOWED =
  "This MongoDB does not let the account see and end its own sessions ($currentOp, killSessions): what a killed server " +
  "was writing stays locked until MongoDB's transactionLifetimeLimitSeconds are over. It is not asked again.";

/** One line of `$currentOp` for a session that runs nothing at the moment. */
interface IdleSession {
  lsid: { id: UUID };
}

/**
 * Ends the transactions of servers that died in the middle of one: MongoDB keeps what they wrote locked for a minute
 * and more, and with it jobs, nodes and schedules. A server that only stood still tries its transaction again.
 *
 * An account sees and ends sessions of its own without any privilege. Where a provider allows even that not, it is
 * thrown once, and then left to MongoDB's own limit (`transactionLifetimeLimitSeconds`, 60).
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
