import { MemoryBus } from "../../server/bus/memory-bus.ts";
import { busContract } from "./bus.contract.ts";

busContract("memory", async () => {
  const bus = new MemoryBus();
  return { here: bus, there: bus, [Symbol.asyncDispose]: () => bus.close() };
});
