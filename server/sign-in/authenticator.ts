import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { ComputeError } from "../../shared/errors.ts";
import { RUN_HEADER } from "../../shared/node.ts";
import { ApiKeys } from "../api-key/api-keys.ts";
import { NodeKeys } from "../auth/node-keys.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { sessionEnded, type Tokens } from "../auth/tokens.ts";
import { onlyForWaiting } from "../http/check-ticket.ts";
import type { Caller, EnrolmentIdentity } from "../http/handler.ts";
import { keyRefused, refuseUnlessSpeaker } from "../node/claim.ts";
import { rotationDigest } from "../node/node-service.ts";
import { isEnrolled, type NodeRecord, type NodeStore, speakerOf } from "../node/node-store.ts";

export interface AuthenticatorParts {
  tokens: Pick<Tokens, "verify">;
  keys: NodeKeys;
  apiKeys: ApiKeys;
  sessions: SessionStore;
  nodes: NodeStore;
  /** Resolves with undefined for a text that is no enrolment token. */
  enrolments: { authenticate(token: string): Promise<EnrolmentIdentity | undefined> };
}

/** Identifies the caller from the headers of a request. */
export class Authenticator {
  constructor(private readonly parts: AuthenticatorParts) {}

  /** The caller, if it may call this endpoint. Throws `unauthenticated`, `token_expired`, `session_ended`, `node_taken` or `forbidden`. */
  async authenticate(headers: Headers, endpoint: Endpoint): Promise<Caller> {
    const { callers, afterLogout, waitTicket } = endpoint;
    if (callers.includes("anyone")) return { kind: "anyone" };
    const caller = await this.callerOf(headers, endpoint);
    if (!caller) {
      const wanted = callers.includes("user")
        ? "Authorization: Bearer <access token> or X-API-Key: <API key>"
        : "X-API-Key: <node key>";
      throw new ComputeError("unauthenticated", `The request has no credentials. Send ${wanted}.`);
    }
    if (caller.kind === "node" && caller.sessionEnded && !afterLogout) throw sessionEnded();
    if (caller.kind === "user" && caller.ticketOf !== undefined && !waitTicket) throw onlyForWaiting();
    if (callers.includes(caller.kind)) return caller;
    throw new ComputeError(
      "forbidden",
      `Only a ${callers.join(" or a ")} can call this endpoint, not a ${caller.kind}.`,
    );
  }

  private async callerOf(headers: Headers, endpoint: Endpoint): Promise<Caller | undefined> {
    const key = headers.get("x-api-key");
    if (key && ApiKeys.looksLike(key)) return this.parts.apiKeys.authenticate(key);
    if (key) {
      const enrolment = await this.parts.enrolments.authenticate(key);
      return enrolment ? { kind: "enrolment", ...enrolment } : this.nodeOf(key, headers, endpoint);
    }
    const bearer = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
    return bearer ? this.userOf(bearer) : undefined;
  }

  private async userOf(accessToken: string): Promise<Caller> {
    return { kind: "user", ...(await this.parts.tokens.verify(accessToken)) };
  }

  private async nodeOf(key: string, headers: Headers, { anyRun, afterRotation }: Endpoint): Promise<Caller> {
    const { nodes, keys, sessions } = this.parts;
    const parsed = NodeKeys.parse(key);
    const node = parsed && (await nodes.findAny(parsed.nodeId));
    if (!node) throw keyRefused();
    const runId = headers.get(RUN_HEADER) ?? undefined;
    const isCurrent = await keys.verify(node.nodeId, parsed.secret, node.keyHash);
    const isFollowing = !isCurrent && afterRotation && (await this.mayFollow(node, parsed.secret, headers));
    if (!isCurrent && !isFollowing) throw keyRefused();
    const by = { keyHash: node.keyHash, runId };
    refuseUnlessSpeaker(node, anyRun || isFollowing ? speakerOf(node) : by);
    return {
      kind: "node",
      nodeId: node.nodeId,
      businessId: node.businessId,
      sessionEnded: isEnrolled(node) ? node.accessEnded : !(await sessions.isLive(node.sessionId)),
      ...by,
      lastHeardAtMs: node.lastHeartbeatAtMs,
      condition: node.condition,
    };
  }

  /** Whether an agent that shows the key before the current one may get the current one; see `Endpoint.afterRotation`. */
  private async mayFollow(node: NodeRecord, secret: string, headers: Headers): Promise<boolean> {
    const { replacedKey, run } = node;
    if (!replacedKey) return false;
    const rotation = headers.get("idempotency-key");
    const isOwn =
      replacedKey.byNode && rotation !== null && rotationDigest(rotation) === replacedKey.rotation;
    const isHandover = !replacedKey.byNode && run !== undefined && headers.get(RUN_HEADER) === run.runId;
    return (isOwn || isHandover) && this.parts.keys.verify(node.nodeId, secret, replacedKey.hash);
  }
}
