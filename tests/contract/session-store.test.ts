import { AuthWorld } from "../support/auth-world.ts";
import { sessionStoreContract } from "./session-store.contract.ts";

sessionStoreContract("SQLite", async () => {
  const world = await AuthWorld.open();
  return { store: world.sessions, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
});
