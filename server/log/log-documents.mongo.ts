import { collectionStep } from "../store/mongo-migrations.ts";
import type { LogPlace } from "./log-store.ts";

/** A document of `compute_job_logs`: consecutive lines without a hole. */
export interface LogDocument {
  /** Execution and first seq. If two servers continue a log at the same place, only one can write. */
  _id: string;
  business_id: string;
  job_id: string;
  execution_id: string;
  attempt: number;
  first_seq: number;
  last_seq: number;
  /** `placeText` of the last line, which sorts over all attempts. */
  last_place: string;
  lines: string;
}

export const logSteps = [
  collectionStep("log-1", "compute_job_logs", [
    { key: { business_id: 1, job_id: 1, last_place: 1 } },
    { key: { execution_id: 1, last_seq: 1 }, unique: true },
  ]),
];

/** Text of one document. Far below the store's limit of 16 MiB even if every character takes six bytes. */
export const MAX_DOCUMENT_CHARS = 2 * 1024 * 1024;
export const ATTEMPT_DIGITS = 9;
const SEQ_DIGITS = 16;

/** A document without the fields that follow from the others. */
export type LogPart = Omit<LogDocument, "_id" | "last_place">;

export function logDocument(part: LogPart): LogDocument {
  const { execution_id, attempt, first_seq, last_seq } = part;
  return {
    ...part,
    _id: `${execution_id}/${String(first_seq).padStart(SEQ_DIGITS, "0")}`,
    last_place: placeText({ attempt, seq: last_seq }),
  };
}

export function placeText({ attempt, seq }: LogPlace): string {
  return `${String(attempt).padStart(ATTEMPT_DIGITS, "0")}.${String(seq).padStart(SEQ_DIGITS, "0")}`;
}

export function placeFrom(text: string): LogPlace {
  return { attempt: Number(text.slice(0, ATTEMPT_DIGITS)), seq: Number(text.slice(ATTEMPT_DIGITS + 1)) };
}
