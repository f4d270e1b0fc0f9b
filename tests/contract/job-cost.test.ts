import { Database } from "bun:sqlite";
import { spyOn } from "bun:test";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { makeScratch } from "../support/scratch.ts";
import { jobCostContract } from "./job-cost.contract.ts";

jobCostContract("SQLite", open, {
  statements: 12,
  transactions: 1,
  requests: 1.1,
  "messages to the supervisor": 2.2,
  "reads of its messages": 1.2,
  "reads and writes of the supervisor": 16,
});

async function open() {
  const scratch = await makeScratch();
  const stores = openSqliteStores(scratch.path);
  const { prototype } = SqliteStore;
  const calls = [spyOn(prototype, "all"), spyOn(prototype, "get"), spyOn(prototype, "run")];
  const exec = spyOn(Database.prototype, "exec");
  return {
    stores,
    count() {
      const counts = {
        statements: calls.reduce((sum, spy) => sum + spy.mock.calls.length, 0),
        transactions: exec.mock.calls.filter(([sql]) => sql === "COMMIT").length,
      };
      for (const spy of [...calls, exec]) spy.mockClear();
      return counts;
    },
    async [Symbol.asyncDispose]() {
      await stores.close();
      for (const spy of [...calls, exec]) spy.mockRestore();
      await scratch[Symbol.asyncDispose]();
    },
  };
}
