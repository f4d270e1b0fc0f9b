import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { invitationStoreContract } from "./invitation-store.contract.ts";

invitationStoreContract("SQLite", async () => openSqliteStores(":memory:"));
