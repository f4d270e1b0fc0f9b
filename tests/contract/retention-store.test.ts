import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { retentionStoreContract } from "./retention-store.contract.ts";

retentionStoreContract("SQLite", async () => openSqliteStores(":memory:"));
