import { enrolmentMigrations, SqliteEnrolmentStore } from "../../server/enrolment/enrolment-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { enrolmentStoreContract } from "./enrolment-store.contract.ts";

enrolmentStoreContract("SQLite", async () => {
  const sqlite = new SqliteStore(":memory:", enrolmentMigrations);
  return {
    store: new SqliteEnrolmentStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
});
