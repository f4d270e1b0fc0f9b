import { expect, test } from "bun:test";
import { describeNode } from "../tests/support/played-node.ts";
import { announcedBy, grantsFor, withinGrants } from "./grants.ts";
import { nodeDescription } from "./node.ts";

const described = (change: object) => nodeDescription.parse({ ...describeNode().description, ...change });

test("a registration by a person is granted in full, and a later announcement can be rebuilt from its granted and waiting parts", () => {
  const first = described({ labels: { os: "linux", disk: "ssd" }, pool: "attic" });
  const grants = grantsFor(first);
  expect(grants).toEqual({ pools: ["attic"], labels: { disk: "ssd" }, slots: first.capacity.slots });
  expect(withinGrants(first, grants)).toEqual({ description: first, ungranted: undefined });
  const capacity = { ...first.capacity, slots: 9_000 };
  const more = described({ labels: { os: "mac", disk: "hdd", constructor: "x" }, pool: "cellar", capacity });
  const { description, ungranted } = withinGrants(more, grants, "attic");
  expect(description).toMatchObject({ labels: { os: "mac" }, pool: "attic", capacity: { slots: 1_024 } });
  expect(announcedBy(description, ungranted)).toEqual(more);
});
