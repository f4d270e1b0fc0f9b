import { openSqliteStores } from "../../server/store/open-sqlite.ts";
import { scheduleStoreContract } from "./schedule-store.contract.ts";

scheduleStoreContract("SQLite", async () => [openSqliteStores(":memory:")]);
