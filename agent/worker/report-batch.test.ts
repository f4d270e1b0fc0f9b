import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { limits } from "../../shared/limits.ts";
import type { ExecutionReport } from "../../shared/node.ts";
import { firstReports } from "./report-batch.ts";

const report = (results?: Record<string, string>): ExecutionReport => ({
  executionId: newId("exe"),
  status: "SUCCEEDED",
  at: new Date().toISOString(),
  results,
});

test("a thousand small reports go together", () => {
  const queue = Array.from({ length: 1_500 }, () => report({ VERSION: "1" }));
  expect(firstReports(queue)).toEqual(queue.slice(0, 1_000));
});

test("reports with the largest results stay below what the server takes, in order, and none is left behind", () => {
  const largest = { TEXT: "x".repeat(limits.maxResultsBytes - 20) };
  const queue = Array.from({ length: 1_000 }, () => report(largest));
  const sent: ExecutionReport[] = [];
  while (sent.length < queue.length) {
    const batch = firstReports(queue.slice(sent.length));
    expect(JSON.stringify({ reports: batch }).length).toBeLessThan(limits.maxBodyBytes);
    sent.push(...batch);
  }
  expect(sent).toEqual(queue);
});
