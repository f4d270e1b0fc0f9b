import { expect, test } from "bun:test";
import { base64Of, bytesOfBase64 } from "./base64.ts";

test("bytes become the base64 of RFC 4648 and come back, however many there are", () => {
  for (const length of [0, 1, 2, 3, 255, 8_192, 8_193, 200_000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) % 256);
    const base64 = base64Of(bytes);
    expect(base64).toBe(Buffer.from(bytes).toString("base64"));
    expect(bytesOfBase64(base64)).toEqual(bytes);
  }
});
