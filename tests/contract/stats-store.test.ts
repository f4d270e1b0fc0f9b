import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { statsStoreContract } from "./stats-store.contract.ts";

statsStoreContract("SQLite", async () => openSqliteStores(":memory:"));
