import type { Migration } from "../store/sqlite.ts";

export const artifactMigrations: Migration[] = [
  {
    id: "artifact-1",
    // Digests are binary, and blobs are in their order: a request finds thousands of them in a few milliseconds.
    sql: `
      CREATE TABLE compute_blobs (
        business_id TEXT NOT NULL,
        sha256 BLOB NOT NULL,
        pack_id TEXT NOT NULL,
        offset INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        touched_at INTEGER NOT NULL,
        PRIMARY KEY (business_id, sha256)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE compute_packs (
        business_id TEXT NOT NULL,
        pack_id TEXT NOT NULL,
        begun_at INTEGER NOT NULL,
        blobs INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        removed INTEGER NOT NULL,
        PRIMARY KEY (business_id, pack_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_packs_empty ON compute_packs (begun_at) WHERE blobs = 0;
      CREATE INDEX compute_packs_used ON compute_packs (business_id, bytes);
      CREATE TABLE compute_artifacts (
        artifact_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        live INTEGER NOT NULL,
        user_id TEXT,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        tree_sha256 TEXT NOT NULL,
        tree TEXT NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        job_id TEXT,
        execution_id TEXT,
        attempt INTEGER,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        held_until INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_artifacts_by_age ON compute_artifacts (business_id, artifact_id) WHERE live = 1;
      CREATE INDEX compute_artifacts_by_kind ON compute_artifacts (business_id, kind, artifact_id) WHERE live = 1;
      CREATE INDEX compute_artifacts_by_job ON compute_artifacts (job_id, artifact_id)
        WHERE live = 1 AND job_id IS NOT NULL;
      CREATE INDEX compute_artifacts_by_tree ON compute_artifacts (tree_sha256, business_id) WHERE live = 1;
    `,
  },
  {
    id: "artifact-2",
    // What `expires_at` was before the artifact went into the trash.
    sql: "ALTER TABLE compute_artifacts ADD COLUMN trashed_expires_at INTEGER",
  },
  {
    id: "artifact-3",
    // A blob has numbers in place of the ids of its business and its pack, and so takes less than half the pages.
    sql: `
      CREATE TABLE compute_business_numbers (
        business INTEGER PRIMARY KEY,
        business_id TEXT NOT NULL UNIQUE
      ) STRICT;
      INSERT INTO compute_business_numbers (business_id) SELECT DISTINCT business_id FROM compute_packs;
      CREATE TABLE compute_numbered_packs (
        pack INTEGER PRIMARY KEY,
        business_id TEXT NOT NULL,
        pack_id TEXT NOT NULL,
        begun_at INTEGER NOT NULL,
        blobs INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        removed INTEGER NOT NULL,
        UNIQUE (business_id, pack_id)
      ) STRICT;
      INSERT INTO compute_numbered_packs (business_id, pack_id, begun_at, blobs, bytes, removed)
        SELECT business_id, pack_id, begun_at, blobs, bytes, removed FROM compute_packs;
      CREATE TABLE compute_numbered_blobs (
        business INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        pack INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        touched_at INTEGER NOT NULL,
        PRIMARY KEY (business, sha256)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO compute_numbered_blobs
        SELECT business, sha256, pack, offset, compute_blobs.bytes, touched_at FROM compute_blobs
        JOIN compute_business_numbers USING (business_id) JOIN compute_numbered_packs USING (business_id, pack_id);
      DROP TABLE compute_blobs;
      DROP TABLE compute_packs;
      ALTER TABLE compute_numbered_blobs RENAME TO compute_blobs;
      ALTER TABLE compute_numbered_packs RENAME TO compute_packs;
      CREATE INDEX compute_packs_empty ON compute_packs (begun_at) WHERE blobs = 0;
      CREATE INDEX compute_packs_used ON compute_packs (business_id, bytes);
    `,
  },
];
