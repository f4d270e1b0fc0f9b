/**
 * Calls of endpoints over a WebSocket. Each frame is a text: a line of JSON that says what it is, then the JSON of its body.
 * The client sends calls, each with a number of its own that only rises, and takes one back with a cancel; the server
 * answers each call once, in any order, with the status and the body that HTTP would have. An answer is all the
 * acknowledgement there is.
 *
 *     {"call":7,"endpoint":"nodes.poll"}
 *     {"executions":[],"maxAssignments":4,"waitSeconds":30}
 */

/** The subprotocol of the WebSocket. Frames of another shape get another name. */
export const CALLS_PROTOCOL = "tanvrit.calls.v1";

/** More than any head has. */
export const MAX_HEAD_LENGTH = 1_024;

export interface CallFrame {
  type: "call";
  number: number;
  /** The endpoint's id. */
  endpoint: string;
  idempotencyKey?: string;
  /** JSON. */
  body: string;
}

/** Nobody waits for the answer any more. */
export interface CancelFrame {
  type: "cancel";
  number: number;
}

export interface AnswerFrame {
  number: number;
  /** That of HTTP: 200 with the endpoint's output, or that of the problem. */
  status: number;
  retryAfterSeconds?: number;
  /** JSON. */
  body: string;
}

/** The text is no frame. The message says why, in few words. */
export class FrameError extends Error {
  override name = "FrameError";
}

export function callFrame(call: Omit<CallFrame, "type">): string {
  const { number, endpoint, idempotencyKey, body } = call;
  return `${JSON.stringify({ call: number, endpoint, idempotencyKey })}\n${body}`;
}

export function cancelFrame(number: number): string {
  return `{"cancel":${number}}\n`;
}

export function answerFrame({ number, status, retryAfterSeconds, body }: AnswerFrame): string {
  if (retryAfterSeconds === undefined) return `{"answer":${number},"status":${status}}\n${body}`;
  return `${JSON.stringify({ answer: number, status, retryAfterSeconds })}\n${body}`;
}

/** Reads a frame that a client sends. The body is not parsed. Throws FrameError. */
export function readCallFrame(text: string): CallFrame | CancelFrame {
  const { head, body } = split(text);
  const { call, cancel, endpoint, idempotencyKey } = head;
  if (isNumber(cancel)) return { type: "cancel", number: cancel };
  if (!isNumber(call)) throw new FrameError("the frame is neither a call nor a cancel");
  if (typeof endpoint !== "string") throw new FrameError("the call names no endpoint");
  if (idempotencyKey === undefined) return { type: "call", number: call, endpoint, body };
  if (typeof idempotencyKey !== "string") throw new FrameError("the idempotency key is not a text");
  return { type: "call", number: call, endpoint, idempotencyKey, body };
}

/** Reads a frame that the server sends. The body is not parsed. Throws FrameError. */
export function readAnswerFrame(text: string): AnswerFrame {
  const { head, body } = split(text);
  const { answer, status, retryAfterSeconds } = head;
  if (!isNumber(answer)) throw new FrameError("the frame is no answer");
  if (!isNumber(status)) throw new FrameError("the answer has no status");
  if (retryAfterSeconds === undefined) return { number: answer, status, body };
  if (typeof retryAfterSeconds !== "number") throw new FrameError("the pause is not a number");
  return { number: answer, status, retryAfterSeconds, body };
}

function split(text: string): { head: Record<string, unknown>; body: string } {
  const end = text.indexOf("\n");
  if (end < 0 || end > MAX_HEAD_LENGTH) throw new FrameError("the frame has no head");
  const head = parse(text.slice(0, end));
  if (typeof head !== "object" || head === null) throw new FrameError("the head is not an object");
  return { head: head as Record<string, unknown>, body: text.slice(end + 1) };
}

function parse(head: string): unknown {
  try {
    return JSON.parse(head);
  } catch {
    throw new FrameError("the head is not JSON");
  }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
