import { oauthMigrations, SqliteGrantStore } from "../../server/oauth/grant-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { grantStoreContract } from "./grant-store.contract.ts";

grantStoreContract("SQLite", async () => {
  const sqlite = new SqliteStore(":memory:", oauthMigrations);
  return {
    store: new SqliteGrantStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
});
