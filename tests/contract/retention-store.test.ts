import { openSqliteStores } from "../../server/store/open-sqlite.ts";
import { retentionStoreContract } from "./retention-store.contract.ts";

retentionStoreContract("SQLite", async () => openSqliteStores(":memory:"));
