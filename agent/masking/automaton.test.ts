import { expect, test } from "bun:test";
import { Automaton } from "./automaton.ts";

/** The same numbers in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

function longestEndingAt(patterns: readonly Uint8Array[], text: Uint8Array, end: number): number {
  const fits = patterns.filter(
    (pattern) => pattern.length <= end && pattern.every((byte, i) => byte === text[end - pattern.length + i]),
  );
  return Math.max(0, ...fits.map((pattern) => pattern.length));
}

for (const [name, limit] of [
  ["in a table", undefined],
  ["without a table", 0],
] as const) {
  test(`every pattern is found, also where another one began: ${name}`, () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomNumbers(seed);
      const text = (length: number) => Uint8Array.from({ length }, () => 97 + random(3));
      const patterns = Array.from({ length: 1 + random(8) }, () => text(1 + random(6)));
      const stream = text(200);
      const expected = Array.from(stream, (_, i) => longestEndingAt(patterns, stream, i + 1));
      const found = new Array<number>(stream.length).fill(0);
      const automaton = new Automaton(patterns, { maxTableEntries: limit });
      automaton.run(0, stream, stream.length, (i, length) => {
        found[i] = length;
      });
      expect(found).toEqual(expected);
    }
  });
}

test("a byte that counts as another one is found as that, with and without a table", () => {
  for (const maxTableEntries of [undefined, 0]) {
    const automaton = new Automaton([Buffer.from("a+b")], { same: [[0x2d, 0x2b]], maxTableEntries });
    const found: number[] = [];
    automaton.run(0, Buffer.from("xa-b a+b"), 8, (i) => found.push(i));
    expect(found).toEqual([3, 7]);
  }
});
