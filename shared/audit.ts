import { z } from "zod";
import { timestamp } from "./timestamp.ts";

/** Who did something: a person (with a token or an API key), a node, a machine that registers by itself, the server, or somebody who is not known. */
export const auditActor = z.object({
  kind: z.enum(["user", "node", "enrolment", "server", "anyone"]),
  userId: z.string().optional(),
  userName: z.string().optional(),
  sessionId: z.string().optional(),
  /** The API key that the person used. */
  keyId: z.string().optional(),
  nodeId: z.string().optional(),
  /** The enrolment token that a machine used. */
  enrolmentId: z.string().optional(),
});
export type AuditActor = z.infer<typeof auditActor>;

/** Names and ids, counts and words; never a secret. */
const facts = z.record(z.string(), z.unknown());

/** What happened, as it goes into the log. */
export const auditEvent = z.object({
  /** What was done, in a few words: `node drained or resumed`. */
  event: z.string(),
  actor: auditActor,
  /** The address that it came from; `socket` for the server's own machine. */
  from: z.string().optional(),
  /** What it was done to, and with what. */
  of: facts.optional(),
  /** The parts that changed, as they were and as they are now. */
  before: facts.optional(),
  after: facts.optional(),
});
export type AuditEvent = z.infer<typeof auditEvent>;

/** An entry of the audit log. Entries are never changed, and each carries the hash of the one before it. */
export const auditEntry = z.object({
  /** Counts the entries of the business, from 1. */
  seq: z.int(),
  at: timestamp,
  previousHash: z.string(),
  ...auditEvent.shape,
  /** SHA-256, in hexadecimal, of this entry as JSON without this field, with its fields in the order of the answer. */
  hash: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntry>;

/**
 * Writes an event into the audit log. Resolves when it is on disk, and never rejects.
 *
 * @param businessId undefined for what belongs to no business, such as a try to sign in as nobody.
 */
export type RecordAudit = (businessId: string | undefined, event: AuditEvent) => Promise<void>;
