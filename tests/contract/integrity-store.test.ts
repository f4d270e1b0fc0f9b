import { openSqliteStores } from "../../server/store/open-sqlite.ts";
import { integrityStoreContract } from "./integrity-store.contract.ts";

integrityStoreContract("SQLite", async () => openSqliteStores(":memory:"));
