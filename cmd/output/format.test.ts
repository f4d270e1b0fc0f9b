import { expect, test } from "bun:test";
import { formatAge, formatCommand, formatFields } from "./format.ts";
import { formatTable } from "./table.ts";

test("columns are aligned, wide characters included", () => {
  const table = formatTable(
    ["ID", "NAME"],
    [
      ["1", "größe"],
      ["日本", "x"],
    ],
  );
  expect<string>(table).toBe("ID    NAME\n1     größe\n日本  x");
});

test("a table may be longer than a call can have arguments", () => {
  const row = ["x"];
  expect<string>(formatTable(["ID"], Array(700_000).fill(row))).toHaveLength(
    "ID".length + 700_000 * "\nx".length,
  );
});

test("the name of a job cannot break the line or move the cursor", () => {
  expect<string>(formatFields({ name: "a\nb\u001b[2J", none: undefined, count: 0 })).toBe(
    "name: a\\nb\ufffd[2J\ncount: 0",
  );
});

test("characters that reverse text are replaced in tables and fields", () => {
  expect<string>(formatTable(["NAME"], [["a\u202eb"]])).toBe("NAME\na\ufffdb");
  expect<string>(formatFields({ name: "a\u2066b" })).toBe("name: a\ufffdb");
});

test("ages are short", () => {
  const now = Date.parse("2026-01-10T00:00:00.000Z");
  const ages = [
    "2026-01-09T23:59:30Z",
    "2026-01-09T23:55:00Z",
    "2026-01-09T20:00:00Z",
    "2026-01-02T00:00:00Z",
  ];
  expect(ages.map((at) => formatAge(at, now))).toEqual(["30s", "5m", "4h", "8d"]);
  expect(formatAge("2026-01-10T00:00:09Z", now)).toBe("0s");
});

test("an argument vector is shown as a shell would take it", () => {
  expect(formatCommand(["sh", "-c", "echo 'a b'"])).toBe("sh -c 'echo '\\''a b'\\'''");
  expect(formatCommand("echo a && echo b")).toBe("echo a && echo b");
});
