import { SqliteStore } from "../../server/store/sqlite.ts";
import { SqliteRunStore, workflowMigrations } from "../../server/workflow/run-store.sqlite.ts";
import { runStoreContract } from "./run-store.contract.ts";

runStoreContract("SQLite", async () => {
  const sqlite = new SqliteStore(":memory:", workflowMigrations);
  return {
    store: new SqliteRunStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
});
