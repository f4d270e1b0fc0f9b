import { expect, test } from "bun:test";
import {
  answerFrame,
  callFrame,
  cancelFrame,
  FrameError,
  MAX_HEAD_LENGTH,
  readAnswerFrame,
  readCallFrame,
} from "./call-frames.ts";

const body = JSON.stringify({ text: 'a line\nwith "quotes", \u2028 and 😀' });

test("a frame that was written is read as the same frame", () => {
  const call = { number: 7, endpoint: "nodes.poll", body };
  expect(readCallFrame(callFrame(call))).toEqual({ type: "call", ...call });
  const keyed = { ...call, idempotencyKey: 'a"b\\' };
  expect(readCallFrame(callFrame(keyed))).toEqual({ type: "call", ...keyed });
  expect(readCallFrame(cancelFrame(7))).toEqual({ type: "cancel", number: 7 });
  const answer = { number: 7, status: 200, body };
  expect(readAnswerFrame(answerFrame(answer))).toEqual(answer);
  const problem = { ...answer, status: 503, retryAfterSeconds: 2 };
  expect(readAnswerFrame(answerFrame(problem))).toEqual(problem);
});

test("a text that is no frame is refused with the reason", () => {
  const reasons: [string, string][] = [
    ["", "no head"],
    ["{}", "no head"],
    [`${" ".repeat(MAX_HEAD_LENGTH + 1)}\n`, "no head"],
    ["no\n", "not JSON"],
    ["null\n", "not an object"],
    ["[1]\n", "neither a call nor a cancel"],
    ['{"call":"1","endpoint":"a"}\n', "neither a call nor a cancel"],
    ['{"call":0,"endpoint":"a"}\n', "neither a call nor a cancel"],
    ['{"call":1e99,"endpoint":"a"}\n', "neither a call nor a cancel"],
    ['{"call":1}\n', "no endpoint"],
    ['{"call":1,"endpoint":"a","idempotencyKey":1}\n', "not a text"],
  ];
  for (const [text, reason] of reasons) expect(() => readCallFrame(text)).toThrow(reason);
  expect(() => readAnswerFrame(cancelFrame(1))).toThrow("no answer");
  expect(() => readAnswerFrame('{"answer":1}\n')).toThrow("no status");
  expect(() => readAnswerFrame('{"answer":1,"status":200,"retryAfterSeconds":"1"}\n')).toThrow("pause");
});

test("any text is read or refused with a FrameError, and never with another error", () => {
  const whole = callFrame({ number: 12, endpoint: "nodes.poll", body, idempotencyKey: "k" });
  const texts = Array.from({ length: whole.length }, (_, at) => [
    whole.slice(0, at),
    whole.slice(at),
    `${whole.slice(0, at)}\u0000${whole.slice(at + 1)}`,
    `${whole.slice(0, at)}\n${whole.slice(at)}`,
  ]).flat();
  for (const text of texts) {
    for (const read of [readCallFrame, readAnswerFrame]) {
      try {
        read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    }
  }
});
