import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { scheduleStoreContract } from "./schedule-store.contract.ts";

scheduleStoreContract("SQLite", async () => [openSqliteStores(":memory:")]);
