import { logMigrations, SqliteLogStore } from "../../server/log/log-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { makeScratch } from "../support/scratch.ts";
import { logStoreContract } from "./log-store.contract.ts";

logStoreContract("SQLite", async () => {
  const scratch = await makeScratch();
  const sqlite = new SqliteStore(scratch.join("store.db"), logMigrations);
  return {
    store: new SqliteLogStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
      await scratch[Symbol.asyncDispose]();
    },
  };
});
