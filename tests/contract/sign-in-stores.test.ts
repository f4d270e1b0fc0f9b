import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { signInStoresContract } from "./sign-in-stores.contract.ts";

signInStoresContract("SQLite", async () => openSqliteStores(":memory:"));
