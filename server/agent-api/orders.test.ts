import { expect, test } from "bun:test";
import { nodeOf } from "../../tests/contract/control-plane.contract.ts";
import { wishOf } from "./orders.ts";

const poll = { maxAssignments: 4, ahead: 9 };

test("a node gets at most two jobs ahead for each slot, and none without asking or while it takes no work", () => {
  const node = nodeOf("biz_1", { slots: 2 });
  const wish = (input: Partial<typeof poll>, draining = false) =>
    wishOf({ ...node, draining }, { maxAssignments: 4, ...input }, 7, () => true);
  expect(wish({ ahead: 9 })).toEqual({ limit: 4, ahead: { count: 4, askedAtMs: 7 } });
  expect(wish({ ahead: 1 })).toEqual({ limit: 4, ahead: { count: 1, askedAtMs: 7 } });
  expect(wish({})).toEqual({ limit: 4 });
  expect(wish({ ahead: 9 }, true)).toEqual({ limit: 0 });
});

test("nothing goes ahead in a pool that costs credit: waiting would cost it, too", () => {
  const node = nodeOf("biz_1", { slots: 2 });
  expect(wishOf(node, poll, 7, (pool) => pool !== "default")).toEqual({ limit: 4 });
});
