import { expect, test } from "bun:test";
import { z } from "zod";
import { expectation } from "./zod-words.ts";

function problemOf(schema: z.ZodType, value: unknown): string | undefined {
  const issue = schema.safeParse(value, { error: expectation }).error?.issues[0];
  return issue?.message;
}

test("a message says what the value must be, as a clause that follows the name of its field", () => {
  expect(problemOf(z.string(), 5)).toBe("must be text");
  expect(problemOf(z.number(), "x")).toBe("must be a number");
  expect(problemOf(z.int(), 1.5)).toBe("must be a whole number");
  expect(problemOf(z.boolean(), "x")).toBe("must be true or false");
  expect(problemOf(z.array(z.string()), {})).toBe("must be a list");
  expect(problemOf(z.strictObject({}), [])).toBe("must be an object with fields");
  expect(problemOf(z.enum(["a", "b"]), "c")).toBe("must be one of a, b");
  expect(problemOf(z.literal("a"), "c")).toBe("must be a");
});

test("a message says which bound a value breaks", () => {
  expect(problemOf(z.number().min(0), -1)).toBe("must be at least 0");
  expect(problemOf(z.number().positive(), 0)).toBe("must be more than 0");
  expect(problemOf(z.int().max(100), 101)).toBe("must be at most 100");
  expect(problemOf(z.number().lt(5), 5)).toBe("must be less than 5");
  expect(problemOf(z.string().min(1), "")).toBe("must not be empty");
  expect(problemOf(z.array(z.int()).max(1), [1, 2])).toBe("must have at most 1 item");
  expect(problemOf(z.string().min(3), "ab")).toBe("must have at least 3 characters");
});

test("a value that is not given is missing", () => {
  expect(problemOf(z.string(), undefined)).toBe("is missing");
  expect(problemOf(z.enum(["a", "b"]), undefined)).toBe("is missing");
});

test("a message that the schema gives itself stays", () => {
  expect(problemOf(z.string({ error: "must be a name" }), 5)).toBe("must be a name");
});
