import { MemoryLeaseStore } from "../../server/tasks/lease-store.memory.ts";
import { leaseStoreContract } from "./lease-store.contract.ts";

leaseStoreContract("memory", async () => ({
  leases: new MemoryLeaseStore(),
  [Symbol.asyncDispose]: async () => undefined,
}));
