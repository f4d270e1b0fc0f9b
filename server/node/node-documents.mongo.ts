import type { Db } from "mongodb";
import type { NodeGrants, Ungranted } from "../../shared/grants.ts";
import type { AgentRun, NodeDescription } from "../../shared/node.ts";
import type { ReservedRoom } from "../job/reserved-room.mongo.ts";
import { collectionStep, dropIndexStep } from "../store/mongo-migrations.ts";
import type { ReplacedKey } from "./node-store.ts";

/** A document of `compute_nodes`. */
export interface NodeDocument {
  node_id: string;
  business_id: string;
  user_id: string;
  session_id: string;
  description: NodeDescription;
  draining: boolean;
  offline: boolean;
  access_ended: boolean;
  /** Absent if the node was last heard from before agents reported it. */
  suspended?: boolean;
  refusing?: string;
  key_hash: string;
  key_issued_at?: number;
  replaced_key?: ReplacedKey;
  run?: AgentRun;
  grants?: NodeGrants;
  ungranted?: Ungranted;
  last_heartbeat_at: number;
  created_at: number;
  removed_at?: number;
  idempotency_key?: string;
  /** Replaced by everyone who hands out jobs to the node, or changes what it is or who speaks for it; see `NodeRooms`. */
  assign_stamp?: string;
  /** What came with the last stamp, and may be on its way to the node. */
  reserved?: ReservedRoom[];
}

const text = { bsonType: "string" };
const flag = { bsonType: "bool" };

export const nodeSteps = [
  collectionStep(
    "node-1",
    "compute_nodes",
    [
      { key: { node_id: 1 }, unique: true },
      { key: { business_id: 1, node_id: 1 } },
      { key: { session_id: 1 } },
      { key: { last_heartbeat_at: 1 }, partialFilterExpression: { offline: false } },
      { key: { offline: 1, node_id: 1 } },
      { key: { assign_lock_owner: 1 }, sparse: true },
    ],
    {
      required: [
        "node_id",
        "business_id",
        "session_id",
        "description",
        "draining",
        "offline",
        "access_ended",
      ],
      properties: {
        node_id: text,
        business_id: text,
        session_id: text,
        description: { bsonType: "object", required: ["capacity", "jobTypes", "labels"] },
        draining: flag,
        offline: flag,
        access_ended: flag,
      },
    },
  ),
  collectionStep("node-2", "compute_nodes", [
    {
      key: { business_id: 1, idempotency_key: 1 },
      unique: true,
      partialFilterExpression: { idempotency_key: { $exists: true } },
    },
  ]),
  collectionStep("node-3", "compute_nodes", [
    { key: { business_id: 1, "description.name": 1 } },
    { key: { business_id: 1, "run.machine": 1 } },
  ]),
  {
    id: "node-4",
    // A key belongs to its user, even if the node belongs to somebody else by now. No older key begins with its user.
    async apply(db: Db) {
      const starts = { $eq: [{ $indexOfBytes: ["$idempotency_key", { $concat: ["$user_id", "/"] }] }, 0] };
      await db
        .collection("compute_nodes")
        .updateMany({ idempotency_key: { $exists: true }, $expr: { $not: starts } }, [
          { $set: { idempotency_key: { $concat: ["$user_id", "/", "$idempotency_key"] } } },
        ]);
    },
  },
  dropIndexStep("node-5", "compute_nodes", "assign_lock_owner_1"),
];
