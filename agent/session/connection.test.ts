import { expect, test } from "bun:test";
import { UnreachableError } from "../../sdk/errors.ts";
import { Connection } from "./connection.ts";

const log = { info() {}, warn() {}, error() {} };

test("what waits for its next attempt makes it at once when it is told to", async () => {
  const connection = new Connection(log);
  // A first pause of a patient connection would be short; so many failures make it a long one.
  connection.isPatient = true;
  let attempts = 0;
  const answered = connection.attempt(AbortSignal.timeout(5_000), async () => {
    attempts++;
    if (attempts <= 12) {
      queueMicrotask(() => setTimeout(() => connection.hurry()));
      throw new UnreachableError("http://localhost", "it is away");
    }
    return "here";
  });
  expect(await answered).toBe("here");
  expect(attempts).toBe(13);
});
