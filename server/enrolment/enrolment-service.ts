import type { Identity } from "../../shared/auth.ts";
import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { ENROLMENT_TOKEN_PREFIX } from "../../shared/enrolment.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { may } from "../../shared/roles.ts";
import { type KeySecrets, SECRET_PATTERN } from "../auth/key-secrets.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { EnrolmentIdentity } from "../http/handler.ts";
import { type EnrolmentRecord, type EnrolmentStore, isValidAt } from "./enrolment-store.ts";

const PATTERN = new RegExp(`^${ENROLMENT_TOKEN_PREFIX}([0-9a-z]{26})_(${SECRET_PATTERN})$`);

export interface EnrolmentServiceParts {
  enrolments: EnrolmentStore;
  sessions: Pick<SessionStore, "findMember">;
  secrets: KeySecrets;
  now: () => number;
}

/** Enrolment tokens: machines without a person register with them. */
export class EnrolmentService {
  constructor(private readonly parts: EnrolmentServiceParts) {}

  async create(
    by: Identity,
    { ttlSeconds, uses, pool, labels = {} }: ParsedInput<"enrolments.create">,
  ): Promise<{ enrolment: EnrolmentRecord; token: string }> {
    const { enrolments, secrets, now } = this.parts;
    const enrolmentId = newId("enr");
    const { secret, hash } = await secrets.issue(enrolmentId);
    const createdAtMs = now();
    const enrolment: EnrolmentRecord = {
      enrolmentId,
      businessId: by.businessId,
      userId: by.userId,
      secretHash: hash,
      maxUses: uses,
      used: 0,
      pool,
      labels,
      createdAtMs,
      expiresAtMs: createdAtMs + ttlSeconds * 1_000,
      lastUsedAtMs: undefined,
      revokedAtMs: undefined,
    };
    await enrolments.insert(enrolment);
    const digits = enrolmentId.slice(enrolmentId.indexOf("_") + 1);
    return { enrolment, token: `${ENROLMENT_TOKEN_PREFIX}${digits}_${secret}` };
  }

  /**
   * The machine that shows this token; undefined if the text is no enrolment token. Throws `unauthenticated` if the token
   * is unknown, expired or revoked, or its maker may not enrol machines any more.
   */
  async authenticate(token: string): Promise<EnrolmentIdentity | undefined> {
    const { enrolments, secrets, now } = this.parts;
    const [, digits, secret] = PATTERN.exec(token) ?? [];
    if (digits === undefined || secret === undefined) return undefined;
    const enrolmentId = `enr_${digits}`;
    const enrolment = await enrolments.find(enrolmentId);
    if (!enrolment || !(await secrets.verify(enrolmentId, secret, enrolment.secretHash))) {
      throw refused("it is unknown");
    }
    const { businessId, userId } = enrolment;
    if (enrolment.revokedAtMs !== undefined) throw refused("it was revoked");
    if (!isValidAt(enrolment, now())) throw refused("it has expired");
    if (!(await this.mayEnrol(enrolment))) throw refused("the person who made it may not enrol machines");
    return { enrolmentId, businessId, userId };
  }

  /** Counts the use of a machine that registers a node. Throws `forbidden` if the token is used up. */
  async use({ enrolmentId }: EnrolmentIdentity, useKey: string): Promise<EnrolmentRecord> {
    const { enrolments, now } = this.parts;
    const isCounted = await enrolments.use(enrolmentId, useKey, now());
    const enrolment = await enrolments.find(enrolmentId);
    if (isCounted && enrolment) return enrolment;
    const uses = enrolment?.maxUses ?? 0;
    throw new ComputeError(
      "forbidden",
      `The enrolment token is used up: ${uses} of ${uses} machines have registered with it. Make another with tanvrit-compute node enroll.`,
    );
  }

  find(enrolmentId: string): Promise<EnrolmentRecord | undefined> {
    return this.parts.enrolments.find(enrolmentId);
  }

  list(businessId: string, beforeId: string | undefined, limit: number): Promise<EnrolmentRecord[]> {
    return this.parts.enrolments.list(businessId, beforeId, limit);
  }

  /** From now on no machine registers with the token. Throws `not_found`. */
  async revoke(businessId: string, enrolmentId: string): Promise<EnrolmentRecord> {
    const { enrolments, now } = this.parts;
    const enrolment = await enrolments.revoke(businessId, enrolmentId, now());
    if (enrolment) return enrolment;
    throw new ComputeError("not_found", `There is no enrolment ${enrolmentId} in this business.`);
  }

  private async mayEnrol({ businessId, userId }: EnrolmentRecord): Promise<boolean> {
    const member = await this.parts.sessions.findMember(businessId, userId);
    return may(member?.role, "nodes.enroll");
  }
}

function refused(why: string): ComputeError {
  return new ComputeError(
    "unauthenticated",
    `The enrolment token is not valid: ${why}. Make another with tanvrit-compute node enroll.`,
  );
}
