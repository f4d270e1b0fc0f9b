import { expect, test } from "bun:test";
import { UnreachableError } from "../../sdk/errors.ts";
import { Connection } from "./connection.ts";

const log = { info() {}, warn() {}, error() {} };

test("a call that waits for its next try makes it immediately after hurry()", async () => {
  const connection = new Connection(log);
  // The first pauses of a patient connection are short. After this many failures they are long.
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
