import { SqliteStore } from "../../server/store/sqlite.ts";
import { SqliteTemplateStore, templateMigrations } from "../../server/template/template-store.sqlite.ts";
import { templateStoreContract } from "./template-store.contract.ts";

templateStoreContract("SQLite", async () => {
  const sqlite = new SqliteStore(":memory:", templateMigrations);
  return {
    store: new SqliteTemplateStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
});
