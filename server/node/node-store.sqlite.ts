import type { SQLQueryBindings } from "bun:sqlite";
import type { NodeGrants } from "../../shared/grants.ts";
import type { AgentRun, NodeCondition, NodeDescription } from "../../shared/node.ts";
import { plainName, sqliteGlob } from "../job/glob.ts";
import { ParsedJson } from "../runtime/parsed-json.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import {
  type Expected,
  isExpected,
  type NodeChange,
  type NodeListQuery,
  type NodeRecord,
  type NodeStore,
  type Speaker,
  type StaleNodes,
} from "./node-store.ts";

export const nodeMigrations: Migration[] = [
  {
    id: "node-1",
    sql: `
      CREATE TABLE compute_nodes (
        node_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        description TEXT NOT NULL,
        draining INTEGER NOT NULL,
        offline INTEGER NOT NULL,
        access_ended INTEGER NOT NULL,
        key_hash TEXT NOT NULL,
        last_heartbeat_at INTEGER NOT NULL,
        created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_nodes_by_age ON compute_nodes (business_id, node_id);
      CREATE INDEX compute_nodes_heartbeats ON compute_nodes (last_heartbeat_at) WHERE offline = 0;
      CREATE INDEX compute_nodes_by_session ON compute_nodes (session_id);
      CREATE INDEX compute_nodes_offline ON compute_nodes (offline, node_id);
    `,
  },
  {
    id: "node-2",
    sql: `
      ALTER TABLE compute_nodes ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE compute_nodes ADD COLUMN refusing TEXT;
    `,
  },
  {
    id: "node-3",
    sql: `
      ALTER TABLE compute_nodes ADD COLUMN idempotency_key TEXT;
      CREATE UNIQUE INDEX compute_nodes_idempotency ON compute_nodes (business_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    `,
  },
  {
    id: "node-4",
    sql: `
      ALTER TABLE compute_nodes ADD COLUMN run_id TEXT;
      ALTER TABLE compute_nodes ADD COLUMN run TEXT;
      ALTER TABLE compute_nodes ADD COLUMN removed_at INTEGER;
    `,
  },
  {
    id: "node-5",
    sql: `
      ALTER TABLE compute_nodes ADD COLUMN grants TEXT;
      ALTER TABLE compute_nodes ADD COLUMN ungranted TEXT;
    `,
  },
  {
    id: "node-6",
    sql: `
      CREATE INDEX compute_nodes_by_name ON compute_nodes (business_id, json_extract(description, '$.name'));
      CREATE INDEX compute_nodes_by_machine ON compute_nodes (business_id, json_extract(run, '$.machine'))
        WHERE run IS NOT NULL;
    `,
  },
  {
    id: "node-7",
    // A key belongs to its user, even if the node belongs to somebody else by now.
    sql: `UPDATE compute_nodes SET idempotency_key = user_id || '/' || idempotency_key
          WHERE idempotency_key IS NOT NULL`,
  },
  {
    id: "node-8",
    sql: `
      ALTER TABLE compute_nodes ADD COLUMN key_issued_at INTEGER;
      ALTER TABLE compute_nodes ADD COLUMN replaced_key TEXT;
    `,
  },
];

interface NodeRow {
  node_id: string;
  business_id: string;
  user_id: string;
  session_id: string;
  description: string;
  draining: number;
  offline: number;
  access_ended: number;
  suspended: number;
  refusing: string | null;
  key_hash: string;
  key_issued_at: number | null;
  replaced_key: string | null;
  run: string | null;
  grants: string | null;
  ungranted: string | null;
  removed_at: number | null;
  last_heartbeat_at: number;
  created_at: number;
}

/** `nodeStatusOf` as SQL. */
const STATUS_SQL =
  "(CASE WHEN offline THEN 'OFFLINE' WHEN draining THEN 'DRAINING' WHEN suspended THEN 'SUSPENDED' ELSE 'ACTIVE' END)";

/** `takesWork` as SQL. */
export const TAKES_WORK =
  "draining = 0 AND offline = 0 AND access_ended = 0 AND refusing IS NULL AND removed_at IS NULL";

/** `isSpeaker` as SQL. */
export const SPEAKS = "key_hash = $speakerKey AND run_id IS $speakerRun AND removed_at IS NULL";

export function speakerBindings({ keyHash, runId }: Speaker) {
  return { speakerKey: keyHash, speakerRun: runId ?? null };
}

export class SqliteNodeStore implements NodeStore {
  constructor(private readonly store: SqliteStore) {}

  insert(node: NodeRecord, idempotencyKey?: string): Promise<NodeRecord> {
    return this.store.write(() => {
      const { businessId, userId } = node;
      const key = idempotencyKey === undefined ? undefined : `${userId}/${idempotencyKey}`;
      const earlier = this.store.get<NodeRow>(
        "SELECT * FROM compute_nodes WHERE business_id = $businessId AND idempotency_key = $key",
        { businessId, key: key ?? null },
      );
      if (earlier) return nodeFromRow(earlier);
      this.store.run(
        `INSERT INTO compute_nodes (node_id, business_id, user_id, session_id, description, draining, offline,
           access_ended, suspended, refusing, key_hash, key_issued_at, replaced_key, run_id, run, grants, ungranted, last_heartbeat_at, created_at,
           idempotency_key)
         VALUES ($nodeId, $businessId, $userId, $sessionId, $description, $draining, $offline,
           $accessEnded, $suspended, $refusing, $keyHash, $keyIssuedAt, $replacedKey, $runId, $run, $grants, $ungranted, $heartbeat, $createdAt, $key)`,
        {
          nodeId: node.nodeId,
          businessId,
          createdAt: node.createdAtMs,
          key,
          ...changeable(node),
        },
      );
      return node;
    });
  }

  async findAny(nodeId: string): Promise<NodeRecord | undefined> {
    return this.read(nodeId);
  }

  async find(businessId: string, nodeId: string): Promise<NodeRecord | undefined> {
    const node = this.read(nodeId);
    return node?.businessId === businessId ? node : undefined;
  }

  async takenNames(businessId: string, names: readonly string[]): Promise<string[]> {
    return this.store
      .all<{ name: string }>(
        `SELECT json_extract(description, '$.name') AS name FROM compute_nodes
         WHERE business_id = $businessId AND json_extract(description, '$.name') IN (SELECT value FROM json_each($names))
           AND removed_at IS NULL`,
        { businessId, names: JSON.stringify(names) },
      )
      .map((row) => row.name);
  }

  async onMachine(businessId: string, machine: string): Promise<NodeRecord[]> {
    return this.store
      .all<NodeRow>(
        `SELECT * FROM compute_nodes
         WHERE business_id = $businessId AND run IS NOT NULL AND json_extract(run, '$.machine') = $machine
           AND offline = 0 AND removed_at IS NULL LIMIT 100`,
        { businessId, machine },
      )
      .map(nodeFromRow);
  }

  async list(query: NodeListQuery): Promise<NodeRecord[]> {
    const where = ["business_id = +$businessId AND removed_at IS NULL"];
    const bindings: Record<string, SQLQueryBindings> = { businessId: query.businessId, limit: query.limit };
    if (query.status) {
      where.push(`${STATUS_SQL} IN (SELECT value FROM json_each($status))`);
      bindings.status = JSON.stringify(query.status);
    }
    if (query.name !== undefined) {
      const plain = plainName(query.name);
      where.push(`json_extract(description, '$.name') ${plain === undefined ? "GLOB" : "="} $name`);
      bindings.name = plain ?? sqliteGlob(query.name);
    }
    if (query.pool !== undefined) {
      where.push("json_extract(description, '$.pool') = $pool");
      bindings.pool = query.pool;
    }
    for (const [i, [key, value]] of Object.entries(query.labels ?? {}).entries()) {
      where.push(`json_extract(description, $labelPath${i}) = $label${i}`);
      bindings[`labelPath${i}`] = `$.labels."${key}"`;
      bindings[`label${i}`] = value;
    }
    if (query.beforeNodeId !== undefined) {
      where.push("node_id < $before");
      bindings.before = query.beforeNodeId;
    }
    const sql = `SELECT * FROM compute_nodes WHERE ${where.join(" AND ")} ORDER BY node_id DESC LIMIT +$limit`;
    return this.store.all<NodeRow>(sql, bindings).map(nodeFromRow);
  }

  update(
    businessId: string,
    nodeId: string,
    change: NodeChange,
    expected?: Expected,
  ): Promise<NodeRecord | undefined> {
    return this.store.write(() => {
      const node = this.read(nodeId);
      if (node?.businessId !== businessId || node.removedAtMs !== undefined) return undefined;
      if (!isExpected(node, expected)) return undefined;
      return this.save({ ...node, ...change });
    });
  }

  heartbeat(
    nodeId: string,
    nowMs: number,
    condition: NodeCondition,
    by: Speaker,
  ): Promise<NodeRecord | undefined> {
    return this.store.write(() => {
      const changed = this.store.run(
        `UPDATE compute_nodes SET last_heartbeat_at = $now, offline = 0, suspended = $suspended, refusing = $refusing
         WHERE node_id = $nodeId AND ${SPEAKS}`,
        { nodeId, now: nowMs, ...conditionColumns(condition), ...speakerBindings(by) },
      );
      return changed > 0 ? this.read(nodeId) : undefined;
    });
  }

  leave(businessId: string, nodeId: string, by: Speaker): Promise<boolean> {
    return this.store.write(() => {
      const changed = this.store.run(
        `UPDATE compute_nodes SET offline = 1
         WHERE node_id = $nodeId AND business_id = $businessId AND ${SPEAKS} AND NOT EXISTS (
           SELECT 1 FROM compute_executions WHERE node_id = $nodeId AND status IN ('ASSIGNED', 'RUNNING'))`,
        { nodeId, businessId, ...speakerBindings(by) },
      );
      return changed > 0;
    });
  }

  remove(businessId: string, nodeId: string, nowMs: number): Promise<boolean> {
    return this.store.write(() => {
      const changed = this.store.run(
        `UPDATE compute_nodes SET removed_at = $now
         WHERE node_id = $nodeId AND business_id = $businessId AND offline = 1 AND removed_at IS NULL`,
        { nodeId, businessId, now: nowMs },
      );
      return changed > 0;
    });
  }

  endAccess(sessionId: string) {
    return this.store.write(() =>
      this.store
        .all<NodeRow>("UPDATE compute_nodes SET access_ended = 1 WHERE session_id = $sessionId RETURNING *", {
          sessionId,
        })
        .map(nodeFromRow),
    );
  }

  markStale(heartbeatBeforeMs: number): Promise<StaleNodes> {
    return this.store.write(() => {
      const marked = this.store.all<{ nodeId: string; businessId: string }>(
        `UPDATE compute_nodes SET offline = 1 WHERE offline = 0 AND last_heartbeat_at < $before
           RETURNING node_id AS nodeId, business_id AS businessId`,
        { before: heartbeatBeforeMs },
      );
      const oldest = this.store.get<{ at: number | null }>(
        "SELECT min(last_heartbeat_at) AS at FROM compute_nodes WHERE offline = 0",
      );
      return { marked, oldestHeartbeatAtMs: oldest?.at ?? undefined };
    });
  }

  bringBack(nowMs: number): Promise<number> {
    return this.store.write(() =>
      this.store.run(
        "UPDATE compute_nodes SET last_heartbeat_at = $now WHERE offline = 0 AND last_heartbeat_at > $latest",
        { now: nowMs, latest: nowMs + CLOCK_SKEW_MS },
      ),
    );
  }

  private read(nodeId: string): NodeRecord | undefined {
    const row = this.store.get<NodeRow>("SELECT * FROM compute_nodes WHERE node_id = $nodeId", { nodeId });
    return row && nodeFromRow(row);
  }

  private save(node: NodeRecord): NodeRecord {
    this.store.run(
      `UPDATE compute_nodes SET user_id = $userId, session_id = $sessionId, description = $description,
         draining = $draining, offline = $offline, access_ended = $accessEnded, suspended = $suspended, refusing = $refusing,
         key_hash = $keyHash, key_issued_at = $keyIssuedAt, replaced_key = $replacedKey, run_id = $runId, run = $run, grants = $grants, ungranted = $ungranted,
         last_heartbeat_at = $heartbeat
       WHERE node_id = $nodeId`,
      { nodeId: node.nodeId, ...changeable(node) },
    );
    return node;
  }
}

function changeable(node: NodeRecord) {
  return {
    userId: node.userId,
    sessionId: node.sessionId,
    description: JSON.stringify(node.description),
    draining: node.draining ? 1 : 0,
    offline: node.offline ? 1 : 0,
    accessEnded: node.accessEnded ? 1 : 0,
    ...conditionColumns(node.condition),
    keyHash: node.keyHash,
    keyIssuedAt: node.keyIssuedAtMs ?? null,
    replacedKey: jsonOrNull(node.replacedKey),
    runId: node.run?.runId ?? null,
    run: jsonOrNull(node.run),
    grants: jsonOrNull(node.grants),
    ungranted: jsonOrNull(node.ungranted),
    heartbeat: node.lastHeartbeatAtMs,
  };
}

function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function conditionColumns({ suspended, refusing }: NodeCondition) {
  return { suspended: suspended ? 1 : 0, refusing: refusing ?? null };
}

const MAX_PARSED = 1_000;
/** Also read by what hands out jobs. */
export const descriptions = new ParsedJson<NodeDescription>(MAX_PARSED);
const runs = new ParsedJson<AgentRun>(MAX_PARSED);
const grants = new ParsedJson<NodeGrants>(MAX_PARSED);

function nodeFromRow(row: NodeRow): NodeRecord {
  return {
    nodeId: row.node_id,
    businessId: row.business_id,
    userId: row.user_id,
    sessionId: row.session_id,
    description: descriptions.parse(row.description),
    draining: row.draining === 1,
    offline: row.offline === 1,
    accessEnded: row.access_ended === 1,
    condition: { suspended: row.suspended === 1, refusing: row.refusing ?? undefined },
    keyHash: row.key_hash,
    keyIssuedAtMs: row.key_issued_at ?? undefined,
    replacedKey: row.replaced_key === null ? undefined : JSON.parse(row.replaced_key),
    run: row.run === null ? undefined : runs.parse(row.run),
    grants: row.grants === null ? undefined : grants.parse(row.grants),
    ungranted: row.ungranted === null ? undefined : JSON.parse(row.ungranted),
    removedAtMs: row.removed_at ?? undefined,
    lastHeartbeatAtMs: row.last_heartbeat_at,
    createdAtMs: row.created_at,
  };
}
