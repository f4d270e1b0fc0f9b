import { expect, test } from "bun:test";
import { hash as bcrypt, compare } from "bcryptjs";
import { newId } from "../../shared/ids.ts";
import { NodeKeys } from "./node-keys.ts";

const nodeId = newId("node");
const WRONG = "A".repeat(43);

test("a key names its node, and the hash to store does not reveal its secret", async () => {
  const { key, hash } = await new NodeKeys(Date.now).issue(nodeId);
  const parsed = NodeKeys.parse(key);
  expect(parsed).toEqual({ nodeId, secret: expect.stringMatching(/^[\w-]{43}$/) });
  expect(hash).toStartWith("$2b$05$");
  expect(await compare(parsed?.secret ?? "", hash)).toBe(true);
});

test("a hash made by another bcrypt implementation works too", async () => {
  const keys = new NodeKeys(Date.now);
  const storedHash = await bcrypt(WRONG, 10);
  expect(await keys.verify(nodeId, WRONG, storedHash)).toBe(true);
});

test("other texts do not parse as node keys", () => {
  for (const key of [
    "",
    "tnvn_",
    "tnv_abc",
    `tnvn_${"0".repeat(26)}_short`,
    `xtnvn_${"0".repeat(26)}_${WRONG}`,
  ]) {
    expect(NodeKeys.parse(key)).toBeUndefined();
  }
});

test("a key is verified once and then from memory, and concurrent first uses share the work", async () => {
  const { secret, hash } = await newKey();
  let bcrypts = 0;
  const keys = new NodeKeys(Date.now, (tried, stored) => {
    bcrypts += 1;
    return Bun.password.verify(tried, stored, "bcrypt");
  });
  const answers = await Promise.all(Array.from({ length: 50 }, () => keys.verify(nodeId, secret, hash)));
  expect(answers).toEqual(Array(50).fill(true));
  for (let i = 0; i < 1_000; i++) await keys.verify(nodeId, secret, hash);
  expect(bcrypts).toBe(1);
});

test("a rotated key fails on its very next use, and the new one passes", async () => {
  const keys = new NodeKeys(Date.now);
  const [before, after] = [await issued(keys), await issued(keys)];
  expect(await keys.verify(nodeId, before.secret, before.hash)).toBe(true);
  expect(await keys.verify(nodeId, before.secret, after.hash)).toBe(false);
  expect(await keys.verify(nodeId, after.secret, after.hash)).toBe(true);
});

test("an agent with an old key does not use up the tries of the new key", async () => {
  const old = await newKey();
  const current = await newKey();
  const keys = new NodeKeys(Date.now);
  for (let i = 0; i < 100; i++) expect(await keys.verify(nodeId, old.secret, current.hash)).toBe(false);
  expect(await keys.verify(nodeId, current.secret, current.hash)).toBe(true);
});

test("after many different wrong keys for one node, more are rejected without bcrypt for a minute", async () => {
  let nowMs = 1_000_000;
  const { secret, hash } = await newKey();
  const keys = new NodeKeys(() => nowMs);
  const guesses = Array.from({ length: 30 }, (_, i) => String(i).padStart(43, "B"));
  const answers = await Promise.allSettled(guesses.map((guess) => keys.verify(nodeId, guess, hash)));
  expect(answers.filter((answer) => answer.status === "fulfilled")).toHaveLength(5);
  const refused = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : []));
  expect(refused[0]).toMatchObject({ code: "rate_limited", retryAfterSeconds: 60 });
  await expect(keys.verify(nodeId, secret, hash)).rejects.toMatchObject({ code: "rate_limited" });
  nowMs += 60_000;
  expect(await keys.verify(nodeId, secret, hash)).toBe(true);
});

test("wrong keys tried while the clock was ahead lock nobody out after it is corrected", async () => {
  let nowMs = 7_200_000;
  const { secret, hash } = await newKey();
  const keys = new NodeKeys(() => nowMs);
  const guesses = Array.from({ length: 10 }, (_, i) => String(i).padStart(43, "B"));
  await Promise.allSettled(guesses.map((guess) => keys.verify(nodeId, guess, hash)));
  await expect(keys.verify(nodeId, secret, hash)).rejects.toMatchObject({ code: "rate_limited" });
  nowMs = 0;
  expect(await keys.verify(nodeId, secret, hash)).toBe(true);
});

test("while very many keys wait for their check, further nodes are asked to try again later", async () => {
  const { hash } = await newKey();
  const keys = new NodeKeys(Date.now);
  // A malformed hash, which bcrypt rejects immediately, stands in for the slow check of each node.
  const waiting = Array.from({ length: 1_100 }, () =>
    keys.verify(newId("node"), WRONG, hash.slice(0, 7) + newId("exe")),
  );
  const answers = await Promise.allSettled(waiting);
  const codes = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason.code] : []));
  expect(codes.filter((code) => code === "unavailable")).toHaveLength(76);
});

async function newKey(): Promise<{ secret: string; hash: string }> {
  return issued(new NodeKeys(Date.now));
}

async function issued(keys: NodeKeys): Promise<{ secret: string; hash: string }> {
  const { key, hash } = await keys.issue(nodeId);
  return { secret: NodeKeys.parse(key)?.secret ?? "", hash };
}

test("the right key is accepted whatever others tried before, even by a server that has not seen it yet", async () => {
  const mark = new Uint8Array(32).fill(7);
  const { secret, hash } = await issued(new NodeKeys(Date.now, undefined, mark));
  const keys = new NodeKeys(Date.now, undefined, mark);
  const guesses = Array.from({ length: 2_000 }, (_, i) => String(i).padStart(43, "B"));
  const answers = await Promise.allSettled(guesses.map((guess) => keys.verify(nodeId, guess, hash)));
  expect(answers.filter((answer) => answer.status === "fulfilled")).toHaveLength(5);
  expect(await keys.verify(nodeId, secret, hash)).toBe(true);
});
