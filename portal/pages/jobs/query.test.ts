import { expect, test } from "bun:test";
import { addressOf, filterOf, isFiltered, readQuery } from "./query.ts";

const NOW_MS = Date.parse("2026-03-04T10:20:30.400Z");
const read = (search: string) => readQuery(new URLSearchParams(search));

test("an address keeps every filter, whatever its values contain", () => {
  const address =
    "/jobs?status=FAILED%2CTIMEOUT&label=team%3Da%2Bb+%26c&label=k%3D%3D&q=%3Cscript%3E&node=node_1&by=me&since=24h";
  expect(addressOf(read(address.slice("/jobs?".length)))).toBe(address);
  expect(addressOf(read(""))).toBe("/jobs");
  expect([isFiltered(read("")), isFiltered(read("q=a"))]).toEqual([false, true]);
});

test("what makes no sense in an address is left out", () => {
  expect(read("status=BOGUS,failed&label=novalue&since=soon&until=x&q=++")).toEqual({
    status: ["FAILED"],
    labels: [],
  });
});

test("the filter of the API says who, since when and which id", () => {
  const query = read("by=me&since=24h&q=job_01abc&label=team=vision=a");
  expect(filterOf(query, "usr_1", NOW_MS)).toEqual({
    idPrefix: "job_01abc",
    labels: { team: "vision=a" },
    userId: "usr_1",
    since: "2026-03-03T10:20:00.000Z",
  });
  expect(filterOf(read("q=train"), "usr_1", NOW_MS)).toEqual({ search: "train", topLevel: true });
});
