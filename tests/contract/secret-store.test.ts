import { SqliteSecretStore, secretMigrations } from "../../server/secret/secret-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { trashMigrations } from "../../server/trash/trash-store.sqlite.ts";
import { secretStoreContract } from "./secret-store.contract.ts";

secretStoreContract("SQLite", async () => {
  const sqlite = new SqliteStore(":memory:", [...secretMigrations, ...trashMigrations]);
  return {
    store: new SqliteSecretStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
});
