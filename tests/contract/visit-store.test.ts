import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { visitStoreContract } from "./visit-store.contract.ts";

visitStoreContract("SQLite", async () => openSqliteStores(":memory:"));
