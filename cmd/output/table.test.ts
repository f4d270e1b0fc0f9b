import { expect, test } from "bun:test";
import { formatFields } from "./format.ts";
import { formatTable } from "./table.ts";

const ID = "job_01m8k1bg4depbsf22sf4s1hm5w";
const headings = ["ID", "STATUS", "AGE", "NAME", "COMMAND"];
const long = "python3 train.py --epochs 100 --data /srv/data/images --out /srv/out";
const rows = [
  [ID, "SUCCESS", "12s", "a name that is rather long for a table", long],
  [ID, "FAILED", "3h", "", "ls"],
];

test("on a terminal every row takes one line, at any usual width", () => {
  for (const columns of [80, 100, 120]) {
    const lines = formatTable(headings, rows, { columns, color: false }).split("\n");
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
    expect(lines).toHaveLength(3);
    expect(lines[1]).toContain("…");
  }
});

test("ids, states and numbers are never cut, however narrow the terminal is", () => {
  const table = formatTable(headings, rows, { columns: 30, color: false });
  for (const text of [ID, "SUCCESS", "FAILED", "12s"]) expect(table).toContain(text);
  const amounts = formatTable(["AMOUNT", "FOR"], [["+$1,234.567890", ID]], { columns: 10, color: false });
  expect(amounts).toContain("+$1,234.567890");
});

test("if whole ids leave no room, an empty column goes first, then a spare one, which is named", () => {
  const two = formatTable(
    ["ID", "JOB", "NOTE", "LINES"],
    [[ID, ID, "", "1000"]],
    { columns: 64, color: false },
    ["LINES"],
  );
  expect(two.split("\n")).toEqual([
    `ID${" ".repeat(30)}JOB`,
    `${ID}  ${ID}`,
    "(no room for LINES; --json shows all)",
  ]);
});

test("an empty column stays if there is room", () => {
  const table = formatTable(["ID", "NOTE", "LINES"], [["a", "", "1"]], { columns: 80, color: false });
  expect<string>(table).toBe("ID  NOTE  LINES\na         1");
});

test("a pipe gets every cell uncut", () => {
  expect(formatTable(headings, rows)).toContain(long);
  expect(formatTable(headings, rows)).not.toContain("…");
});

test("a text of wide characters is cut between them", () => {
  const table = formatTable(["ID", "NAME"], [[ID, "日本語".repeat(20)]], { columns: 60, color: false });
  for (const line of table.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(60);
  expect(table).not.toContain("\ufffd");
});

test("colours change no width and no word", () => {
  const look = { columns: 80, color: true };
  const colored = formatTable(headings, rows, look);
  expect(colored).toContain("\u001b[32mSUCCESS\u001b[0m");
  expect(colored).toContain("\u001b[31mFAILED\u001b[0m");
  expect(Bun.stripANSI(colored)).toBe(formatTable(headings, rows, { ...look, color: false }));
});

test("a job that is named like a state has no colour", () => {
  const look = { columns: 80, color: true };
  expect(formatTable(["NAME"], [["FAILED"]], look)).not.toContain("\u001b[31m");
  expect(formatFields({ name: "FAILED" }, look)).not.toContain("\u001b[31m");
});

test("the name of a job cannot bring a colour of its own", () => {
  const look = { columns: 80, color: true };
  expect(formatTable(["NAME"], [["a\u001b[31mb"]], look)).not.toContain("\u001b[31m");
  expect(formatFields({ name: "a\u001b[31mb" }, look)).not.toContain("\u001b[31m");
});

test("the values of fields are aligned on a terminal", () => {
  const look = { columns: 80, color: false };
  expect<string>(formatFields({ id: "x", status: "QUEUED" }, look)).toBe("id:     x\nstatus: QUEUED");
});
