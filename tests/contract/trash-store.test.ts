import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { trashStoreContract } from "./trash-store.contract.ts";

trashStoreContract("SQLite", async () => openSqliteStores(":memory:"));
