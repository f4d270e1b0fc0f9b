import { openSqliteStores } from "../../server/store/open.ts";
import { scheduleStoreContract } from "./schedule-store.contract.ts";

scheduleStoreContract("SQLite", async () => [openSqliteStores(":memory:")]);
