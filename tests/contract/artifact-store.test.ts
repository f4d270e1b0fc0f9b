import { artifactMigrations, SqliteArtifactStore } from "../../server/artifact/artifact-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { artifactStoreContract } from "./artifact-store.contract.ts";

artifactStoreContract("SQLite", async () => {
  const sqlite = new SqliteStore(":memory:", artifactMigrations);
  return {
    store: new SqliteArtifactStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
});
