import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { ComputeError } from "../../shared/errors.ts";
import { ApiKeys } from "../api-key/api-keys.ts";
import { apiKeyHandlers } from "../api-key/handlers.ts";
import { filesUsage } from "../artifact/files-usage.ts";
import { KeySecrets } from "../auth/key-secrets.ts";
import { NodeKeys } from "../auth/node-keys.ts";
import { ServerKey } from "../auth/server-key.ts";
import { type EndSession, type SessionLife, Tokens } from "../auth/tokens.ts";
import { EnrolmentService } from "../enrolment/enrolment-service.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { OneTimeLinks } from "../pages/links.ts";
import { Maintenance, type MaintenanceParts } from "../retention/maintenance.ts";
import { resealAll } from "../secret/reseal.ts";
import { Authenticator } from "../sign-in/authenticator.ts";
import { browserLink } from "../sign-in/browser-link.ts";
import { authHandlers } from "../sign-in/handlers.ts";
import { identityHandlers } from "../sign-in/identity-handlers.ts";
import { LocalSignIn } from "../sign-in/local-sign-in.ts";
import { sessionEnder } from "../sign-in/session-end.ts";
import { ticketHandlers } from "../sign-in/ticket-handlers.ts";
import type { PlaneBase } from "./base.ts";

export interface IdentityParts {
  urls: OwnUrls;
  sessionLife: SessionLife | undefined;
  /** Accepts the tokens of another issuer too; absent: there is none. */
  verifierWith?: (own: Tokens) => Pick<Tokens, "verify">;
  pruneArtifacts: MaintenanceParts["pruneArtifacts"];
}

/** Who calls, and who answers: tokens, node keys, the server's own key, and the sign-in on this machine. */
export async function composeIdentity(
  { stores, bus, log, record, now, onError }: PlaneBase,
  { urls, sessionLife, pruneArtifacts, verifierWith = (own) => own }: IdentityParts,
) {
  const { sessions, people, nodes, jobs, retention, file } = stores;
  const keys = new NodeKeys(now, undefined, await sessions.secret("node-keys"));
  const apiKeys = new ApiKeys({
    store: stores.apiKeys,
    sessions,
    secrets: new KeySecrets({
      now,
      ownMark: await sessions.secret("api-keys"),
      owner: "API key",
      hasOlder: false,
    }),
    now,
    onSessionEnd: (sessionId) => bus.publish("session", { sessionId }),
    onError,
  });
  const tokens = await Tokens.open(sessions, now, sessionLife, () => urls.publicUrl ?? urls.all[0]);
  const serverKey = await ServerKey.open(sessions);
  const links = new OneTimeLinks({ visits: stores.visits, now });
  const reseal = () => resealAll(stores);
  const maintenance = new Maintenance({
    retention,
    file,
    filesUsage: () => filesUsage(stores.artifacts),
    pruneArtifacts,
    reseal,
    now,
  });
  const localSignIn = new LocalSignIn({
    sessions,
    tokens,
    urls,
    serverKey: serverKey.publicKey,
    maintain: (request) =>
      request.maintain === "browser-link"
        ? browserLink({ sessions, links, urls, record, now }, request)
        : maintenance.answer(request),
    record,
    log,
    now,
  });
  const ownMark = await sessions.secret("enrolment-tokens");
  const secrets = new KeySecrets({ now, ownMark, owner: "enrolment token", hasOlder: false });
  const enrolments = new EnrolmentService({ enrolments: stores.enrolments, sessions, secrets, now });
  const authenticator = new Authenticator({
    tokens: verifierWith(tokens),
    keys,
    apiKeys,
    sessions,
    nodes,
    enrolments,
  });
  const authenticate = async (headers: Headers, endpoint: Endpoint) => {
    try {
      return await authenticator.authenticate(headers, endpoint);
    } catch (error) {
      if (isTaken(error))
        log.warn("an agent that lost its node to another agent still speaks for it", { error });
      throw error;
    }
  };
  const hasJob = async (businessId: string, jobId: string) =>
    (await jobs.find(businessId, jobId)) !== undefined;
  return {
    keys,
    apiKeys,
    enrolments,
    tokens,
    localSignIn,
    authenticate,
    /** @param onSessionEnd removes what the session gave access to. */
    sessionEnder: (onSessionEnd: (sessionId: string) => Promise<void>) =>
      sessionEnder({ sessions, bus, onSessionEnd, now }),
    handlersWith: (endSession: EndSession) => ({
      ...authHandlers({ sessions, people, tokens, record, endSession, now }),
      ...identityHandlers(serverKey, urls),
      ...ticketHandlers(tokens, hasJob),
      ...apiKeyHandlers(apiKeys),
    }),
  };
}

function isTaken(error: unknown): boolean {
  return error instanceof ComputeError && error.code === "node_taken";
}
