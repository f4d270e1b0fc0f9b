import { expect, test } from "bun:test";
import { maskedUrl } from "./masked-url.ts";

test("only the scheme, hosts and path of a URL are shown", () => {
  expect(maskedUrl("redis://localhost:6379/2")).toBe("redis://localhost:6379/2");
  expect(maskedUrl("rediss://anna:secret@host:6379")).toBe("rediss://host:6379");
  expect(
    maskedUrl("mongodb://anna:secret@a:1,b:2/db?replicaSet=rs0&tlsCertificateKeyFilePassword=secret"),
  ).toBe("mongodb://a:1,b:2/db");
});

test("a password with characters that should have been escaped is not shown either", () => {
  for (const password of ["sec@ret", "sec/ret", "sec?ret", "sec#ret", "se?c@r#et", "ret@"]) {
    expect(maskedUrl(`redis://anna:${password}@host/1`)).not.toContain("ret");
    expect(maskedUrl(`redis://anna:pw@host/1?password=${password}`)).not.toContain("ret");
  }
  expect(maskedUrl("anna:secret@host")).toBe("(not a URL)");
});
