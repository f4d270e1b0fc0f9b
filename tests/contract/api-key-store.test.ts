import { apiKeyMigrations, SqliteApiKeyStore } from "../../server/api-key/api-key-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { apiKeyStoreContract } from "./api-key-store.contract.ts";

apiKeyStoreContract("SQLite", async () => {
  const sqlite = new SqliteStore(":memory:", apiKeyMigrations);
  return {
    store: new SqliteApiKeyStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
});
