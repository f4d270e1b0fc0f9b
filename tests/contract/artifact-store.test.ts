import { artifactMigrations, SqliteArtifactStore } from "../../server/artifact/artifact-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { artifactStoreContract } from "./artifact-store.contract.ts";
import { blobIndexContract } from "./blob-index.contract.ts";

blobIndexContract("SQLite", open);
artifactStoreContract("SQLite", open);

async function open() {
  const sqlite = new SqliteStore(":memory:", artifactMigrations);
  return {
    store: new SqliteArtifactStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
}
