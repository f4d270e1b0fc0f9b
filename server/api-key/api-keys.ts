import { randomBytes } from "node:crypto";
import { MAX_API_KEYS } from "../../shared/api-key.ts";
import type { Identity, Role } from "../../shared/auth.ts";
import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { lowerRole, may } from "../../shared/roles.ts";
import type { KeyUse } from "../auth/key-limits.ts";
import { type KeySecrets, SECRET_PATTERN } from "../auth/key-secrets.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { API_KEY_CLIENT_ID } from "../auth/tokens.ts";
import type { Caller } from "../http/handler.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import type { ApiKeyRecord, ApiKeyStore } from "./api-key-store.ts";

const PREFIX = "tnv_";
const PATTERN = new RegExp(`^(${PREFIX}[0-9a-hjkmnp-tv-z]{8})_(${SECRET_PATTERN})$`);
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_DIGITS = 8;
/** A use is noted at most this often, and only per server. */
const TOUCH_MS = 60_000;
const MAX_REMEMBERED = 20_000;
/** Ids are 40 random bits, so even the second try is rare. */
const MAX_TRIES = 5;

type By = Pick<Identity, "businessId" | "userId" | "userName" | "businessName" | "role">;

export interface ApiKeysParts {
  store: ApiKeyStore;
  sessions: SessionStore;
  secrets: KeySecrets;
  /** Epoch milliseconds. */
  now: () => number;
  /** Ends what waits with the session of a key, on every server. */
  onSessionEnd: (sessionId: string) => void;
  onError: (what: string, error: unknown) => void;
}

/** A key and the person that it belongs to. */
export interface OwnedKey {
  key: ApiKeyRecord;
  userName: string;
}

/**
 * API keys of people: `tnv_<eight digits>_<secret>`. Each has a session of its own, so it ends with all sessions of its
 * person in the business, and its waits end when it does.
 */
export class ApiKeys {
  /** Name and business of a key's person, by key. The role is asked for at every request. */
  private readonly people = new RecentMap<Pick<Identity, "userName" | "businessName">>(MAX_REMEMBERED);
  private readonly touchedAtMs = new RecentMap<number>(MAX_REMEMBERED);

  constructor(private readonly parts: ApiKeysParts) {}

  /** Whether the text is meant as an API key, also if a part of it is missing. */
  static looksLike(text: string): boolean {
    return text.startsWith(PREFIX);
  }

  /** The parts of a key; undefined if the text is not an API key. */
  static parse(key: string): { apiKeyId: string; secret: string } | undefined {
    const match = PATTERN.exec(key);
    return match?.[1] && match[2] ? { apiKeyId: match[1], secret: match[2] } : undefined;
  }

  /** Makes a key for a person. Throws `forbidden` for a role above theirs, and `conflict` if the name is taken. */
  async create(
    by: By,
    { expiresInSeconds, role = by.role, ...wanted }: ParsedInput<"api-keys.create">,
  ): Promise<{ owned: OwnedKey; text: string }> {
    if (lowerRole(role, by.role) !== role) throw aboveOwn(by, role);
    const { sessions, secrets, now } = this.parts;
    const nowMs = now();
    for (let tries = 0; ; tries++) {
      const apiKeyId = newKeyId();
      const { secret, hash } = await secrets.issue(apiKeyId);
      const { businessId, userId } = by;
      const key: ApiKeyRecord = {
        ...wanted,
        apiKeyId,
        businessId,
        userId,
        sessionId: newId("ses"),
        keyHash: hash,
        role,
        createdAtMs: nowMs,
        expiresAtMs: expiresInSeconds === undefined ? undefined : nowMs + expiresInSeconds * 1_000,
      };
      const session = { sessionId: key.sessionId, userId, businessId, clientId: API_KEY_CLIENT_ID, nowMs };
      if (!(await sessions.open(session)))
        throw new ComputeError("forbidden", "You have left this business.");
      const outcome = await this.parts.store.create(key, MAX_API_KEYS);
      if (outcome === "created") {
        return { owned: { key, userName: by.userName }, text: `${apiKeyId}_${secret}` };
      }
      await sessions.revoke(key.sessionId, nowMs);
      const own = { businessId, userId, before: undefined, limit: MAX_API_KEYS };
      const isFreed = outcome !== "id-taken" && (await this.revokeLost(await this.parts.store.list(own))) > 0;
      if (tries >= MAX_TRIES || (outcome !== "id-taken" && !isFreed)) throw notCreated(outcome, key.name);
    }
  }

  /** The newest first, everybody's or only the caller's. Throws `forbidden` unless the caller may see them. */
  async list(
    by: By,
    { all, beforeId, limit }: { all: boolean; beforeId: string | undefined; limit: number },
  ): Promise<OwnedKey[]> {
    if (all && !may(by.role, "api-keys.change-others")) throw onlyAdmins("see the API keys of others");
    const { store, sessions } = this.parts;
    const last = beforeId === undefined ? undefined : await store.find(beforeId);
    const before = last?.businessId === by.businessId ? last : undefined;
    const query = { businessId: by.businessId, userId: all ? undefined : by.userId, before, limit };
    let keys = await store.list(query);
    while ((await this.revokeLost(keys)) > 0) keys = await store.list(query);
    return Promise.all(
      keys.map(async (key) => {
        const member = await sessions.findMember(key.businessId, key.userId);
        return { key, userName: member?.userName ?? key.userId };
      }),
    );
  }

  /** Ends a key. Throws `not_found`, and `forbidden` for the key of somebody else unless the caller may end it. */
  async revoke(by: By, apiKeyId: string): Promise<void> {
    const key = await this.parts.store.find(apiKeyId);
    const isKnown = key !== undefined && key.businessId === by.businessId;
    const isAllowed = key?.userId === by.userId || may(by.role, "api-keys.change-others");
    if (!isKnown || (!isAllowed && key.revokedAtMs !== undefined)) {
      throw new ComputeError("not_found", `There is no API key ${apiKeyId} in this business.`);
    }
    if (!isAllowed) throw onlyAdmins("end the API keys of others");
    await this.end(key);
  }

  /** The caller behind a key. Throws `unauthenticated`. */
  async authenticate(text: string): Promise<Extract<Caller, { kind: "user" }>> {
    const { store, secrets } = this.parts;
    const parsed = ApiKeys.parse(text);
    const key = parsed && (await store.find(parsed.apiKeyId));
    if (!key || !(await secrets.verify(key.apiKeyId, parsed.secret, key.keyHash))) {
      throw new ComputeError("unauthenticated", "This API key is not valid on this server.");
    }
    const role = await this.roleOf(key);
    const { userName, businessName } = await this.personOf(key);
    this.touch(key);
    const { businessId, userId, sessionId } = key;
    return {
      kind: "user",
      ...{ businessId, businessName, userId, userName, sessionId, role },
      accessUntilMs: key.expiresAtMs ?? Number.POSITIVE_INFINITY,
      ticketOf: undefined,
      apiKey: useOf(key),
    };
  }

  /** For jobs that are made later by a schedule that the key made. Throws `forbidden` if the key has ended. */
  async useLater(apiKeyId: string): Promise<KeyUse> {
    const key = await this.parts.store.find(apiKeyId);
    try {
      if (!key) throw new ComputeError("unauthenticated", `The API key ${apiKeyId} is gone.`);
      await this.roleOf(key);
      return useOf(key);
    } catch (error) {
      if (!(error instanceof ComputeError) || error.code !== "unauthenticated") throw error;
      throw new ComputeError("forbidden", error.message);
    }
  }

  /** What the key may do now. Throws `unauthenticated` if it has ended. */
  private async roleOf(key: ApiKeyRecord): Promise<Role> {
    const { apiKeyId, name, expiresAtMs, revokedAtMs } = key;
    const which = `The API key ${name} (${apiKeyId})`;
    if (revokedAtMs !== undefined) throw new ComputeError("unauthenticated", `${which} was revoked.`);
    if (expiresAtMs !== undefined && expiresAtMs <= this.parts.now()) {
      const at = new Date(expiresAtMs).toISOString();
      throw new ComputeError("unauthenticated", `${which} expired at ${at}. Make a new one.`);
    }
    const role = await this.parts.sessions.liveRole(key);
    if (role) return lowerRole(role, key.role);
    throw new ComputeError("unauthenticated", `${which} has ended: its person has left the business.`);
  }

  private async personOf({ apiKeyId, sessionId }: ApiKeyRecord) {
    const known = this.people.get(apiKeyId);
    if (known) return known;
    const session = await this.parts.sessions.find(sessionId);
    if (!session) throw new ComputeError("unauthenticated", `The API key ${apiKeyId} has ended.`);
    const { userName, businessName } = session;
    this.people.set(apiKeyId, { userName, businessName });
    return { userName, businessName };
  }

  /** Notes the use in the background: a request does not wait for it. */
  private touch({ apiKeyId, lastUsedAtMs = 0 }: ApiKeyRecord): void {
    const { store, now, onError } = this.parts;
    const nowMs = now();
    const lastMs = Math.max(lastUsedAtMs, this.touchedAtMs.get(apiKeyId) ?? 0);
    if (nowMs - lastMs < TOUCH_MS) return;
    this.touchedAtMs.set(apiKeyId, nowMs);
    store.touch(apiKeyId, nowMs).catch((error) => onError("noting the use of an API key", error));
  }

  /** Revokes those whose session has ended because their person left the business. Resolves with their number. */
  private async revokeLost(keys: readonly ApiKeyRecord[]): Promise<number> {
    const { store, sessions, now } = this.parts;
    const isLost = await Promise.all(keys.map(async (key) => !(await sessions.isLive(key.sessionId))));
    const lost = keys.filter((_, i) => isLost[i]);
    for (const { apiKeyId } of lost) await store.revoke(apiKeyId, now());
    return lost.length;
  }

  private async end({ apiKeyId, sessionId }: ApiKeyRecord): Promise<void> {
    const { store, sessions, now, onSessionEnd } = this.parts;
    await sessions.revoke(sessionId, now());
    await store.revoke(apiKeyId, now());
    onSessionEnd(sessionId);
  }
}

function useOf(key: ApiKeyRecord): KeyUse {
  const { apiKeyId, name, readOnly, allowedJobTypes, maxJobsPerHour, maxConcurrent } = key;
  return { apiKeyId, name, readOnly, allowedJobTypes, maxJobsPerHour, maxConcurrent };
}

function newKeyId(): string {
  const digits = Array.from(randomBytes(ID_DIGITS), (byte) => DIGITS.charAt(byte & 31));
  return `${PREFIX}${digits.join("")}`;
}

function aboveOwn({ role: own, businessName }: By, role: Role): ComputeError {
  const detail = `Your role in ${businessName} is ${own}, so your keys cannot have the role ${role}.`;
  return new ComputeError("forbidden", detail);
}

function notCreated(outcome: "id-taken" | "name-taken" | "full", name: string): ComputeError {
  if (outcome === "id-taken")
    return new ComputeError("unavailable", "The server found no free id. Try again.");
  return new ComputeError(
    "conflict",
    outcome === "full"
      ? `You have ${MAX_API_KEYS} API keys already. Revoke one that you no longer need.`
      : `You already have an API key named ${name}. Revoke it first, or choose another name.`,
  );
}

function onlyAdmins(what: string): ComputeError {
  return new ComputeError("forbidden", `Only owners and admins can ${what}.`);
}
