import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { personStoreContract } from "./person-store.contract.ts";

personStoreContract("SQLite", async () => openSqliteStores(":memory:"));
