import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { makeScratch, type Scratch } from "../../tests/support/scratch.ts";
import {
  fingerprintOf,
  type KeyFile,
  keyFileText,
  keysIn,
  newKey,
  readKeyFile,
  sealingKeyOf,
  withNewKey,
} from "./key-file.ts";

let scratch: Scratch;
let path: string;
beforeEach(async () => {
  scratch = await makeScratch();
  path = scratch.join("secret.key");
});
afterEach(() => scratch[Symbol.asyncDispose]());

const keyOf = (text: string) => createHash("sha256").update(text).digest();
const shown = (keys: readonly Uint8Array[] | undefined) =>
  keys?.map((key) => Buffer.from(key).toString("hex"));

function read(text: string): KeyFile {
  writeFileSync(path, text);
  const file = readKeyFile(path);
  if (!file) throw new Error("There is no file");
  return file;
}

test("a file of any text is one key, without the space around it", () => {
  for (const text of [
    "a key that is long enough for anybody",
    "# a comment is a part of it too, and\nthe second line",
  ]) {
    read(`\n${text}\r\n`);
    expect(shown(keysIn(path)?.keys)).toEqual(shown([keyOf(text)]));
  }
  expect(keysIn(scratch.join("nowhere"))).toBeUndefined();
});

test("in a rotation every file opens what the file before it and the file after it seal", () => {
  const text = "the old key\nof two lines, as openssl writes a long one";
  const first = read(text);
  const added = withNewKey(first);
  const changed = { newest: added.newest, older: { text: added.older?.text ?? "", seals: false } };
  const files = [first, added, changed, { newest: added.newest }];
  const keys = files.map((file) => {
    read(file === first ? text : keyFileText(file));
    expect(shown(keysIn(path)?.keys.slice(0, 1))).toEqual(shown([sealingKeyOf(file)]));
    return shown(keysIn(path)?.keys) ?? [];
  });
  const [old = "", fresh = ""] = [keys[0]?.[0], keys[3]?.[0]];
  expect(old).toBe(keyOf(text).toString("hex"));
  expect(keys).toEqual([[old], [old, fresh], [fresh, old], [fresh]]);
});

test("a file that is too short, or whose list of keys is broken, is refused", () => {
  const header = "# tanvrit-compute keys";
  const [a, b] = [newKey(), newKey()];
  const bad: [string, string][] = [
    ["secret\n", "has 6 characters"],
    [header, "does not have one line"],
    [`${header}\nseals ${a}\n`, "does not have one line"],
    [`${header}\nseals ${a}\nseals ${b}\n`, "does not have one line"],
    [`${header}\nopens ${a}\nopens ${b}\n`, "does not have one line"],
    [`${header}\nopens ${a}\nseals ${b}\nopens ${newKey()}\n`, "does not have one line"],
    [`${header}\nopens ${a}\nseals ${b}\nnonsense\n`, "does not have one line"],
    [`${header}\nopens ${a}\nseals short\n`, "has 5 characters"],
  ];
  for (const [text, said] of bad) {
    expect(() => read(text)).toThrow(said);
    // A key is never shown.
    expect(() => read(text)).not.toThrow(a);
  }
});

test("a fingerprint tells keys apart and is no part of the key", () => {
  const key = keyOf("one");
  expect(fingerprintOf(key)).not.toBe(fingerprintOf(keyOf("two")));
  expect(key.toString("hex")).not.toContain(fingerprintOf(key));
});
