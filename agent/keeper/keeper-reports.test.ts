import { expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { within } from "../../tests/support/wait.ts";
import { KeeperReports } from "./keeper-reports.ts";

test.skipIf(process.platform !== "linux")(
  "once closed, reading ends with the last keeper, and a later keeper gets another pipe",
  async () => {
    const reports = new KeeperReports();
    const first = reports.place();
    const keeper = Bun.spawn(["cat"], { stdin: "pipe", stdout: first.status });
    const closed = reports.close();
    const state = () => Promise.race([closed.then(() => "over"), Bun.sleep(0).then(() => "reading")]);
    expect(await state()).toBe("reading");
    const second = reports.place();
    expect(second.number).toBeGreaterThan(first.number);
    keeper.stdin.end();
    await within(5_000, "the reading to end", closed);
    await within(5_000, "the other reading to end", reports.close());
    expect(() => closeSync(second.status)).toThrow("EBADF");
  },
);
