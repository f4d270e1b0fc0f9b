import { X509Certificate } from "node:crypto";
import { type Enrolment, enrolmentId } from "../../shared/enrolment.ts";
import type { ServerPin } from "../../shared/server-pin.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { isoTime } from "../http/iso-time.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { readPage } from "../http/page.ts";
import type { EnrolmentService } from "./enrolment-service.ts";
import type { EnrolmentRecord } from "./enrolment-store.ts";

type EnrolmentHandlers = Pick<Handlers, "enrolments.create" | "enrolments.list" | "enrolments.revoke">;

export interface EnrolmentHandlerParts {
  service: EnrolmentService;
  sessions: Pick<SessionStore, "findMember">;
  urls: Pick<OwnUrls, "forOthers" | "pin">;
  /** Ends the access of the nodes that registered with an enrolment; resolves with their ids. */
  endAccess(enrolmentId: string): Promise<string[]>;
}

export function enrolmentHandlers({
  service,
  sessions,
  urls,
  endAccess,
}: EnrolmentHandlerParts): EnrolmentHandlers {
  const view = async (record: EnrolmentRecord): Promise<Enrolment> => {
    const maker = await sessions.findMember(record.businessId, record.userId);
    return {
      enrolmentId: record.enrolmentId,
      uses: record.maxUses,
      used: record.used,
      pool: record.pool,
      labels: { ...record.labels },
      createdAt: isoTime(record.createdAtMs),
      createdBy: maker?.userName,
      expiresAt: isoTime(record.expiresAtMs),
      lastUsedAt: record.lastUsedAtMs === undefined ? undefined : isoTime(record.lastUsedAtMs),
      revokedAt: record.revokedAtMs === undefined ? undefined : isoTime(record.revokedAtMs),
    };
  };
  return {
    "enrolments.create": async (input, context) => {
      const { enrolment, token } = await service.create(userOf(context), input);
      const { forOthers: serverUrl, pin } = urls;
      const fingerprint = pin && isSelfSigned(pin) ? pin.fingerprint : undefined;
      return { ...(await view(enrolment)), token, serverUrl, fingerprint };
    },
    "enrolments.list": async (page, context) => {
      const { businessId } = userOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        enrolmentId,
        (beforeId, limit) => service.list(businessId, beforeId, limit),
        (record) => record.enrolmentId,
      );
      return { enrolments: await Promise.all(rows.map(view)), nextCursor };
    },
    "enrolments.revoke": async ({ enrolmentId, nodes }, context) => {
      const enrolment = await service.revoke(userOf(context).businessId, enrolmentId);
      return { ...(await view(enrolment)), endedNodes: nodes ? await endAccess(enrolmentId) : [] };
    },
  };
}

/** Whether no authority signed the certificate, so that clients know the server by its key alone. */
function isSelfSigned({ certificate }: ServerPin): boolean {
  const { subject, issuer } = new X509Certificate(Buffer.from(certificate, "base64"));
  return subject === issuer;
}
