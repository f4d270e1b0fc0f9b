import type { Collection, Document } from "mongodb";
import { MOVES } from "../store/half-moved.ts";
import { duplicatesIn, isDuplicateKey, type MongoStore } from "../store/mongo.ts";
import { Digest } from "./digest.ts";
import type { RowKey } from "./source.ts";

/** How far a move into this store has come. */
export interface MoveRecord {
  _id: "move";
  /** `MoveSource.id`. */
  source: string;
  started_at: number;
  /** While this is missing, servers refuse to start on the store. */
  finished_at?: number;
  /** The key of the last stored row, by table. */
  stored: Record<string, RowKey>;
}

/** Collections that a move may find in the target: they contain no data of an installation. */
const NO_DATA = ["compute_migrations", "compute_leases", MOVES];
const DOCUMENTS_PER_READ = 1_000;

/** The target has data that does not come from this source. */
export class TargetInUseError extends Error {
  override name = "TargetInUseError";
}

/** The store that receives the move. */
export class MoveTarget {
  private readonly moves: Collection<MoveRecord>;

  constructor(private readonly store: MongoStore) {
    this.moves = store.collection(MOVES);
  }

  /**
   * The record of an earlier run from this source, or undefined if the store is empty. Throws TargetInUseError if it has
   * any other data.
   */
  async findMove(source: string): Promise<MoveRecord | undefined> {
    return this.store.attempt(async () => {
      const earlier = await this.moves.findOne({ _id: "move" });
      if (earlier?.source === source) return earlier;
      if (earlier) throw new TargetInUseError("it has the data of another installation that was moved there");
      const collections = await this.store.db.listCollections({}, { nameOnly: true }).toArray();
      for (const { name } of collections) {
        if (!name.startsWith("compute_") || NO_DATA.includes(name)) continue;
        if (await this.store.collection(name).findOne({})) {
          throw new TargetInUseError(`it already has other data, for example in ${name}`);
        }
      }
      return undefined;
    });
  }

  /** From here on no server starts on this store until the move is finished. */
  async begin(source: string): Promise<MoveRecord> {
    return this.store.attempt(async () => {
      const record: MoveRecord = { _id: "move", source, started_at: Date.now(), stored: {} };
      try {
        await this.moves.insertOne(record);
        return record;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        throw new TargetInUseError("another move into it has just started");
      }
    });
  }

  /** Stores the documents that are not there yet, and then records how far the move has come. */
  async put(table: string, documents: readonly Document[], last: RowKey): Promise<void> {
    await this.store.attempt(async () => {
      try {
        if (documents.length > 0) {
          await this.store.collection(table).insertMany([...documents], { ordered: false });
        }
      } catch (error) {
        // A run that ended before it recorded its progress stored these. The comparison at the end shows whether they match.
        if (!duplicatesIn(error)) throw error;
      }
      await this.moves.updateOne({ _id: "move" }, { $set: { [`stored.${table}`]: last } });
    });
  }

  /** The digest of all documents of the table in the target. */
  digest(table: string): Promise<Digest> {
    return this.store.attempt(async () => {
      const digest = new Digest();
      const documents = this.store.collection(table).find({}).batchSize(DOCUMENTS_PER_READ);
      for await (const document of documents) digest.add(document);
      return digest;
    });
  }

  async finish(): Promise<void> {
    await this.store.attempt(() =>
      this.moves.updateOne({ _id: "move" }, { $set: { finished_at: Date.now() } }),
    );
  }

  /** Removes everything that this move has stored. */
  async clear(tables: readonly string[]): Promise<void> {
    await this.store.attempt(async () => {
      for (const table of tables) await this.store.collection(table).deleteMany({});
      await this.moves.deleteOne({ _id: "move" });
    });
  }
}
