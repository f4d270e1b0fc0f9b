import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { AuthWorld } from "../support/auth-world.ts";
import { makeScratch } from "../support/scratch.ts";
import { sealedSecretsContract } from "./sealed-secrets.contract.ts";
import { sessionStoreContract } from "./session-store.contract.ts";

sessionStoreContract("SQLite", async () => {
  const world = await AuthWorld.open();
  return { store: world.sessions, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
});

sealedSecretsContract("SQLite", async () => {
  const scratch = await makeScratch();
  const open = async (seal: Parameters<typeof openSqliteStores>[1]) => {
    const stores = openSqliteStores(scratch.path, seal);
    return { sessions: stores.sessions, [Symbol.asyncDispose]: () => stores.close() };
  };
  return { open, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
});
