import { creditMigrations, SqliteCreditStore } from "../../server/credit/credit-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { creditStoreContract } from "./credit-store.contract.ts";

creditStoreContract("SQLite", async () => {
  const sqlite = new SqliteStore(":memory:", creditMigrations);
  return { store: new SqliteCreditStore(sqlite), [Symbol.asyncDispose]: async () => sqlite.close() };
});
