import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { integrityStoreContract } from "./integrity-store.contract.ts";

integrityStoreContract("SQLite", async () => openSqliteStores(":memory:"));
