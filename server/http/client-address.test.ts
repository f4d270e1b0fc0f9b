import { expect, test } from "bun:test";
import { clientAddress } from "./client-address.ts";

const from = (peer: string | undefined, forwarded: string | undefined, trusted: string[]) =>
  clientAddress(peer, new Headers(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }), trusted);

test("without a trusted proxy, the peer is the client, whatever a header says", () => {
  expect(from("10.0.0.1", "1.2.3.4", [])).toBe("10.0.0.1");
  expect(from("10.0.0.1", "1.2.3.4", ["10.0.0.2"])).toBe("10.0.0.1");
  expect(from("::ffff:10.0.0.1", undefined, [])).toBe("10.0.0.1");
  expect(from(undefined, "1.2.3.4", ["10.0.0.1"])).toBeUndefined();
});

test("behind a trusted proxy, the client is the last address that a trusted proxy added", () => {
  expect(from("10.0.0.1", "1.2.3.4", ["10.0.0.1"])).toBe("1.2.3.4");
  expect(from("10.0.0.1", "6.6.6.6, 1.2.3.4", ["10.0.0.1"])).toBe("1.2.3.4");
  expect(from("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", ["10.0.0.1", "10.0.0.2"])).toBe("1.2.3.4");
  expect(from("::1", "[2001:DB8::1]:4711", ["::1"])).toBe("2001:db8::1");
  expect(from("::ffff:10.0.0.1", "1.2.3.4:5678", ["10.0.0.1"])).toBe("1.2.3.4");
});

test("a proxy that names no address, or nonsense, is the client itself", () => {
  expect(from("10.0.0.1", undefined, ["10.0.0.1"])).toBe("10.0.0.1");
  expect(from("10.0.0.1", "unknown", ["10.0.0.1"])).toBe("10.0.0.1");
  expect(from("10.0.0.1", "1.2.3.4, <script>", ["10.0.0.1"])).toBe("10.0.0.1");
});
