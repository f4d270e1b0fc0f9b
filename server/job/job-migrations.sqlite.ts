import type { Migration } from "../store/sqlite.ts";
import { CLAIMABLE, OPEN_WITH_KEY } from "./job-rows.sqlite.ts";

export const jobMigrations: Migration[] = [
  {
    id: "job-1",
    sql: `
      CREATE TABLE compute_jobs (
        job_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        template_id TEXT,
        schedule_id TEXT,
        array_id TEXT,
        hold TEXT,
        concurrency_group TEXT,
        name TEXT,
        manifest TEXT NOT NULL,
        queue_key TEXT NOT NULL,
        priority INTEGER NOT NULL,
        status TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        retry_count INTEGER NOT NULL,
        lost_count INTEGER NOT NULL,
        execution_id TEXT,
        node_id TEXT,
        ending TEXT,
        cancel_requested_at INTEGER,
        idempotency_key TEXT,
        idempotency_hash TEXT,
        created_at INTEGER NOT NULL,
        not_before INTEGER,
        queue_deadline INTEGER,
        assigned_at INTEGER,
        started_at INTEGER,
        finished_at INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX compute_jobs_idempotency ON compute_jobs (business_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL;
      CREATE INDEX compute_jobs_queue ON compute_jobs (business_id, queue_key, priority DESC, job_id)
        WHERE ${CLAIMABLE};
      CREATE INDEX compute_jobs_due ON compute_jobs (not_before) WHERE not_before IS NOT NULL;
      CREATE INDEX compute_jobs_expiring ON compute_jobs (queue_deadline)
        WHERE status = 'QUEUED' AND queue_deadline IS NOT NULL;
      CREATE INDEX compute_jobs_by_age ON compute_jobs (business_id, job_id);
      CREATE INDEX compute_jobs_by_status ON compute_jobs (business_id, status, job_id);
      CREATE INDEX compute_jobs_by_name ON compute_jobs (business_id, name, job_id) WHERE name IS NOT NULL;
    `,
  },
  {
    id: "job-2",
    sql: "ALTER TABLE compute_jobs ADD COLUMN agent_deaths INTEGER NOT NULL DEFAULT 0",
  },
  {
    id: "job-3",
    // A key belongs to its user. The jobs of an array need none, because they are inserted with it.
    sql: `
      DROP INDEX compute_jobs_idempotency;
      UPDATE compute_jobs SET idempotency_key = NULL, idempotency_hash = NULL
        WHERE array_id IS NOT NULL AND idempotency_key IS NOT NULL;
      CREATE UNIQUE INDEX compute_jobs_idempotency ON compute_jobs (business_id, user_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL;
    `,
  },
  {
    id: "job-4",
    // What a container asks for is now part of the queue key. Jobs that shared an older key may ask for different things.
    sql: `
      UPDATE compute_jobs SET queue_key = apart.queue_key
        FROM (
          SELECT job_id, substr(queue_key, 1, instr(queue_key, '/') - 1) || '.' || min(job_id) OVER (
              PARTITION BY business_id, queue_key,
                json_extract(manifest, '$.image'), json_extract(manifest, '$.docker')
            ) || '/' || user_id AS queue_key
          FROM compute_jobs WHERE json_extract(manifest, '$.type') = 'DOCKER'
        ) AS apart
        WHERE apart.job_id = compute_jobs.job_id;
    `,
  },
  {
    id: "job-5",
    // One row for each artifact or job whose files a job takes. Most jobs have none.
    sql: `
      CREATE TABLE compute_job_inputs (
        input_id TEXT NOT NULL,
        job_id TEXT NOT NULL,
        PRIMARY KEY (input_id, job_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_job_inputs_by_job ON compute_job_inputs (job_id);
    `,
  },
  {
    id: "job-6",
    // The execution of a workflow of which only the failed jobs run again.
    sql: "ALTER TABLE compute_jobs ADD COLUMN rerun_of TEXT",
  },
  {
    id: "job-7",
    sql: `
      ALTER TABLE compute_jobs ADD COLUMN api_key_id TEXT;
      CREATE INDEX compute_jobs_of_key ON compute_jobs (api_key_id) WHERE ${OPEN_WITH_KEY};
      CREATE TABLE compute_key_usage (api_key_id TEXT PRIMARY KEY, usage TEXT NOT NULL) STRICT, WITHOUT ROWID;
    `,
  },
  {
    id: "job-8",
    // Counts recent failures without reading anything else.
    sql: `CREATE INDEX compute_jobs_failed ON compute_jobs (business_id, finished_at, status)
            WHERE status IN ('FAILED', 'TIMEOUT')`,
  },
  {
    id: "job-9",
    // What lists pass over most is passed over without reading its rows: the jobs of arrays, of other people, and with other names.
    sql: `
      DROP INDEX compute_jobs_by_age;
      DROP INDEX compute_jobs_by_status;
      CREATE INDEX compute_jobs_by_age ON compute_jobs (business_id, job_id, array_id, user_id, name);
      CREATE INDEX compute_jobs_by_status ON compute_jobs (business_id, status, job_id, array_id);
      CREATE INDEX compute_jobs_of_node ON compute_jobs (business_id, node_id, job_id) WHERE node_id IS NOT NULL;
      CREATE INDEX compute_jobs_made_by_template ON compute_jobs (business_id, template_id, job_id)
        WHERE template_id IS NOT NULL;
      CREATE INDEX compute_jobs_made_by_schedule ON compute_jobs (business_id, schedule_id, job_id)
        WHERE schedule_id IS NOT NULL;
    `,
  },
  {
    id: "job-10",
    // Labels have an index, and lists by several filters read only the jobs they show. The index of queues has the columns of
    // its own condition, without which SQLite reads each job to count it.
    sql: `
      DROP INDEX compute_jobs_by_age;
      DROP INDEX compute_jobs_by_status;
      DROP INDEX compute_jobs_queue;
      CREATE INDEX compute_jobs_by_age ON compute_jobs (business_id, job_id, array_id, created_at, user_id, name);
      CREATE INDEX compute_jobs_by_status ON compute_jobs
        (business_id, status, job_id, array_id, created_at, user_id, name);
      CREATE INDEX compute_jobs_queue ON compute_jobs
        (business_id, queue_key, priority DESC, job_id, status, not_before, hold) WHERE ${CLAIMABLE};
      CREATE TABLE compute_job_labels (
        business_id TEXT NOT NULL,
        label TEXT NOT NULL,
        job_id TEXT NOT NULL,
        PRIMARY KEY (business_id, label, job_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_job_labels_by_job ON compute_job_labels (job_id);
      INSERT INTO compute_job_labels (business_id, label, job_id)
        SELECT business_id, key || '=' || value, job_id FROM compute_jobs, json_each(manifest, '$.labels');
    `,
  },
];
