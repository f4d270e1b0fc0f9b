import { executionMigrations, SqliteExecutionStore } from "../../server/execution/execution-store.sqlite.ts";
import { jobMigrations, SqliteJobStore } from "../../server/job/job-store.sqlite.ts";
import { nodeMigrations, SqliteNodeStore } from "../../server/node/node-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { controlPlaneContract } from "./control-plane.contract.ts";
import { manyJobsContract } from "./many-jobs.contract.ts";

controlPlaneContract("SQLite", open);
manyJobsContract("SQLite", open);

async function open() {
  const store = new SqliteStore(":memory:", [...jobMigrations, ...executionMigrations, ...nodeMigrations]);
  return {
    jobs: new SqliteJobStore(store),
    nodes: new SqliteNodeStore(store),
    executions: new SqliteExecutionStore(store),
    close: async () => store.close(),
  };
}
