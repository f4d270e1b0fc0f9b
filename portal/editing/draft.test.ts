import { expect, test } from "bun:test";
import { looksSecret, withoutSecrets } from "./draft.ts";

test("a draft keeps no value of a variable that looks like a secret, and everything else", () => {
  const text = "# Deploys.\ncommand: ./deploy\nenv:\n  GITHUB_TOKEN: abc123\n  REGION: eu\n";
  const { text: kept, left } = withoutSecrets(text);
  expect(kept).not.toContain("abc123");
  expect(kept).toContain("# Deploys.");
  expect(kept).toContain("REGION: eu");
  expect(left).toEqual(["GITHUB_TOKEN"]);
});

test("a text that cannot be read is kept only if nothing in it looks like a secret", () => {
  expect(withoutSecrets("command: [make").text).toBe("command: [make");
  expect(withoutSecrets("command: [make\nenv: {DB_PASSWORD: x}").text).toBe("");
});

test("names that look like secrets", () => {
  for (const name of ["TOKEN", "GITHUB_TOKEN", "db_password", "AWS_SECRET_ACCESS_KEY", "APIKEY", "API_KEY"])
    expect([name, looksSecret(name)]).toEqual([name, true]);
  for (const name of ["REGION", "KEYBOARD", "TOKENIZER", "PASSES"])
    expect([name, looksSecret(name)]).toEqual([name, false]);
});
