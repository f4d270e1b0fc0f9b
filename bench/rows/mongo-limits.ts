import { type Collection, MongoClient } from "mongodb";
import { newId } from "../../shared/ids.ts";
import type { Row } from "../row.ts";

const BULK = 200;
const BULKS = 10;
const SINGLE = 500;
const INSERTS_PER_CALL = 1_000;
const INSERT_CALLS = 10;

interface Item {
  _id: string;
  version: number;
  text: string;
}

/** What the replica set itself can do, one command after the other, each acknowledged by the majority. */
export const mongoLimitsRow: Row = {
  name: "limits",
  only: ["mongodb", "mongodb3"],
  figures: () => ({
    updates: { what: `MongoDB: conditional updates in bulks of ${BULK}`, unit: "/s" },
    finds: { what: "MongoDB: findOneAndUpdate, one at a time", unit: "/s" },
    inserts: { what: `MongoDB: inserts of ${INSERTS_PER_CALL}`, unit: "/s" },
  }),
  async open({ mongo }) {
    if (!mongo) throw new Error("this row needs MongoDB");
    const url = mongo.url(`limits_${crypto.randomUUID().slice(0, 13)}`);
    const measure = async (scale: number) => {
      await using client = new MongoClient(url, { writeConcern: { w: "majority" } });
      const items = client.db().collection<Item>("items");
      const inserts = await insertRate(items, Math.ceil(INSERT_CALLS * scale));
      const updates = await updateRate(items, Math.ceil(BULKS * scale));
      const finds = await findRate(items, Math.ceil(SINGLE * scale));
      await items.drop();
      return { updates, finds, inserts };
    };
    await measure(0.2);
    return () => measure(1);
  },
};

async function insertRate(items: Collection<Item>, calls: number): Promise<number> {
  return await perSecond(calls * INSERTS_PER_CALL, async () => {
    for (let i = 0; i < calls; i++) {
      const some = Array.from({ length: INSERTS_PER_CALL }, () => itemOf());
      await items.insertMany(some);
    }
  });
}

async function updateRate(items: Collection<Item>, bulks: number): Promise<number> {
  const ids = await idsOf(items, bulks * BULK);
  return await perSecond(bulks * BULK, async () => {
    for (let i = 0; i < bulks; i++) {
      const some = ids.slice(i * BULK, (i + 1) * BULK);
      const updates = some.map((_id) => ({
        updateOne: { filter: { _id, version: 0 }, update: { $set: { version: 1 } } },
      }));
      const { modifiedCount } = await items.bulkWrite(updates);
      if (modifiedCount !== BULK) throw new Error(`${modifiedCount} of ${BULK} documents were changed`);
    }
  });
}

async function findRate(items: Collection<Item>, count: number): Promise<number> {
  const ids = await idsOf(items, count);
  return await perSecond(count, async () => {
    for (const _id of ids) await items.findOneAndUpdate({ _id }, { $inc: { version: 1 } });
  });
}

/** The ids of this many documents; the first inserted come first. */
async function idsOf(items: Collection<Item>, count: number): Promise<string[]> {
  const found = await items.find({ version: 0 }, { limit: count, projection: { _id: 1 } }).toArray();
  if (found.length < count) throw new Error(`only ${found.length} of ${count} documents are left`);
  return found.map(({ _id }) => _id);
}

function itemOf(): Item {
  return { _id: newId("job"), version: 0, text: "x".repeat(500) };
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return count / ((performance.now() - startedMs) / 1_000);
}
