import { expect, test } from "bun:test";
import { SecretMask } from "./secret-mask.ts";

const PEM = [
  "-----BEGIN PRIVATE KEY-----",
  "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
  "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu",
  "-----END PRIVATE KEY-----",
  "",
].join("\n");
const JSON_KEY = '{\n  "type": "service",\n  "key": "a/b+c \\"quoted\\" é😀 100%"\n}';

/** Sixty values: many one character apart, with lines, in base64 and JSON, with characters that encodings change. */
const values = [
  ...Array.from({ length: 40 }, (_, i) => `token-one-character-apart-${String.fromCharCode(48 + i)}`),
  ...Array.from({ length: 10 }, (_, i) => Buffer.from(`base64 secret number ${i}`).toString("base64")),
  PEM,
  JSON_KEY,
  "p@ss word/+?&=%\"\\\t'<>",
  "aaaaaaaaaaaaaaab",
  "abababababababac",
  "1234",
  "pässwörd-ünïcode-😀",
  "with trailing newline\n",
  "first line\r\nsecond line\r\nthird",
  "https://user:hunter22@example.org/?a=b&c=d",
];

function bytesOf(texts: readonly string[]): Uint8Array[] {
  return texts.map((text) => Buffer.from(text));
}

/** The output for a stream cut at these places. */
function masked(mask: SecretMask, input: Uint8Array, cuts: readonly number[]): string {
  const stream = mask.stream();
  const ends = [...cuts, input.length];
  const parts = ends.map((end, i) => stream.push(input.subarray(ends[i - 1] ?? 0, end)));
  return Buffer.concat([...parts, stream.end()]).toString("utf8");
}

function everyCut(length: number): number[][] {
  return Array.from({ length: length + 1 }, (_, i) => [i]);
}

const all = new SecretMask(bytesOf(values));

/** What a job may write of a value: the name of the form, and the text. */
function formsOf(value: string): [string, string][] {
  const shifted = (before: string) => Buffer.from(`${before}${value} and more`).toString("base64");
  const json = JSON.stringify(value).slice(1, -1);
  return [
    ["whole", value],
    ["URL-encoded", encodeURIComponent(value)],
    ["URL-encoded in lower case", encodeURIComponent(value).replace(/%../g, (text) => text.toLowerCase())],
    ["as a form", new URLSearchParams({ v: value }).toString().slice(2)],
    ["in JSON", json],
    [
      "in ASCII JSON",
      json.replace(/[^ -~]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`),
    ],
    ["in base64", Buffer.from(value).toString("base64")],
    ["in base64 after 1 byte", shifted("x")],
    ["in base64 after 2 bytes", shifted("xy")],
    ["in base64 after 3 bytes", shifted("xyz")],
    ["in base64 for URLs", Buffer.from(value).toString("base64url")],
    ["in wrapped base64", (shifted("k=").match(/.{1,76}/g) ?? []).join("\n")],
  ];
}

/** The longest part of the value's form that must not be seen: without what depends on its surroundings. */
function coreOf(form: string): string {
  return form.replaceAll("\n", "").slice(6, -16);
}

for (const [number, value] of values.entries()) {
  test(`value ${number} is masked in every form, wherever the stream is cut`, () => {
    for (const [name, form] of formsOf(value)) {
      const input = Buffer.from(`before ${form} after`);
      const core = coreOf(form);
      const cuts = everyCut(input.length);
      const reference = masked(all, input, []);
      expect({ name, text: reference }).toEqual({ name, text: expect.stringContaining("***") });
      if (core.length >= 4) expect(reference.replaceAll("\n", "")).not.toContain(core);
      for (const at of cuts) expect(masked(all, input, at)).toBe(reference);
      expect(
        masked(
          all,
          input,
          Array.from({ length: input.length }, (_, i) => i),
        ),
      ).toBe(reference);
    }
  });
}

test("a secret is masked after the beginning of another one", () => {
  const mask = new SecretMask(bytesOf(['"p": "a"', "p@ss-word"]));
  expect(mask.text('{"v":"p@ss-word"}')).toBe('{"v":"***"}');
});

test("each line of a value is masked without the others", () => {
  for (const line of PEM.split("\n").filter(Boolean)) expect(all.text(`> ${line} <`)).toBe("> *** <");
});

test("a text without secrets passes byte for byte, wherever the stream is cut", () => {
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(4_096)));
  const source = Buffer.from(
    `${import.meta.path} %4 %zz \\u00 \\ud83d\\ud83d token-one-character-apar token-one`,
  );
  for (const input of [random, source]) {
    for (let seed = 0; seed < 200; seed++) {
      const cuts = Array.from({ length: 5 }, (_, i) => ((seed * 7919 + i * 104729) % input.length) + 0).sort(
        (a, b) => a - b,
      );
      const stream = all.stream();
      const ends = [...cuts, input.length];
      const parts = ends.map((end, i) => stream.push(input.subarray(ends[i - 1] ?? 0, end)));
      expect(Buffer.concat([...parts, stream.end()]).equals(input)).toBe(true);
    }
  }
});

test("a value of fewer than four characters is not masked", () => {
  const mask = new SecretMask(bytesOf(["abc", "äöü", "x\nab\nlonger"]));
  expect(mask.text("abc äöü ab x longer")).toBe("abc äöü ab x ***");
});

test("what surrounds a secret stays, and neighbours become one mask only when they touch", () => {
  const mask = new SecretMask(bytesOf(["secret", "cretin"]));
  expect(mask.text("[secret] secretin, secret cretin")).toBe("[***] ***, *** ***");
});

test("the newline after a secret stays, even if the value ends in one", () => {
  expect(new SecretMask(bytesOf(["hunter22\n"])).text("hunter22\nnext\n")).toBe("***\nnext\n");
});

test("a line is passed on with its newline, though its end could begin a secret in wrapped base64", () => {
  const stream = new SecretMask(bytesOf(["a secret of some length"])).stream();
  const line = `waiting for approva${Buffer.from("a secret").toString("base64")[0]}\n`;
  expect(Buffer.from(stream.push(Buffer.from(line))).toString()).toBe(line);
});

test("a silent stream shows a masked line although a longer secret may follow", () => {
  const stream = new SecretMask(bytesOf([PEM])).stream();
  expect(Buffer.from(stream.push(Buffer.from("key: -----BEGIN PRIVATE KEY-----\n"))).toString()).toBe(
    "key: ",
  );
  expect(Buffer.from(stream.flush()).toString()).toBe("***");
  expect(Buffer.from(stream.push(Buffer.from(PEM.slice(28)))).toString()).not.toContain("MIIE");
  expect(Buffer.from(stream.end()).toString()).not.toContain("MIIE");
});

test("the beginning of a secret is held back in silence, and passed on at the end", () => {
  const stream = new SecretMask(bytesOf(["password-1"])).stream();
  expect(Buffer.from(stream.push(Buffer.from("enter pass"))).toString()).toBe("enter ");
  expect(stream.flush().length).toBe(0);
  expect(Buffer.from(stream.end()).toString()).toBe("pass");
});

test("values that are too large together are refused", () => {
  expect(() => new SecretMask([new Uint8Array(300 * 1024).fill(65)])).toThrow("at most 131072 can be masked");
});
