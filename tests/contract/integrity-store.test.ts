import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { checkFilesContract } from "./check-files.contract.ts";
import { integrityStoreContract } from "./integrity-store.contract.ts";

integrityStoreContract("SQLite", async () => openSqliteStores(":memory:"));
checkFilesContract("SQLite", async () => openSqliteStores(":memory:"));
