import type { Identity } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { may } from "../../shared/roles.ts";
import { MAX_SECRET_BYTES, MAX_SECRETS } from "../../shared/secret.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import { type DataKeys, openValue, sealValue } from "./data-keys.ts";
import type { SecretRecord, SecretStore } from "./secret-store.ts";

type By = Pick<Identity, "businessId" | "userId">;

export interface SecretServiceParts {
  secrets: SecretStore;
  keys: DataKeys;
  sessions: Pick<SessionStore, "findMember">;
  /** Epoch milliseconds. */
  now: () => number;
}

/** How often a value is sealed again because the business's data key was replaced meanwhile. */
const SET_TRIES = 5;

/** What people and jobs do with secrets. Every method is scoped to the business. */
export class SecretService {
  constructor(private readonly parts: SecretServiceParts) {}

  /** Overwrites `value` with zeros when it is done. Throws ComputeError `forbidden`, `invalid_request` or `conflict`. */
  async set(by: By, name: string, value: Uint8Array, ttlSeconds?: number): Promise<SecretRecord> {
    try {
      await this.requireRight(by, "change");
      checkSize(value);
      return await this.seal(by, name, value, ttlSeconds);
    } finally {
      value.fill(0);
    }
  }

  async list(by: By, afterName: string | undefined, limit: number): Promise<SecretRecord[]> {
    await this.requireRight(by, "use");
    return this.parts.secrets.list(by.businessId, afterName, limit, this.parts.now());
  }

  /** Resolves with the names that existed. */
  async remove(by: By, names: readonly string[], into?: IntoTrash): Promise<string[]> {
    await this.requireRight(by, "change");
    return this.parts.secrets.remove(by.businessId, names, into);
  }

  /** The names of these that no secret of the business has. */
  async missing(businessId: string, names: readonly string[]): Promise<string[]> {
    if (names.length === 0) return [];
    const known = new Set(await this.parts.secrets.known(businessId, names, this.parts.now()));
    return names.filter((name) => !known.has(name));
  }

  /** Whether jobs of this user may get secrets of the business now. */
  async mayUse(businessId: string, userId: string): Promise<boolean> {
    return may(await this.roleOf({ businessId, userId }), "secrets.use");
  }

  /**
   * The values of these secrets, for a job of this user. The caller overwrites them with zeros when they are sent. Throws
   * ComputeError `forbidden` if the user may not, or may no longer, use them, `not_found` if one does not exist, and
   * `conflict` if one cannot be decrypted.
   */
  async open(businessId: string, userId: string, names: readonly string[]): Promise<Map<string, Uint8Array>> {
    if (names.length === 0) return new Map();
    if (!(await this.mayUse(businessId, userId))) {
      throw new ComputeError("forbidden", `User ${userId} may not use the secrets of this business.`);
    }
    const { secrets, keys, now } = this.parts;
    const sealed = await secrets.find(businessId, names, now());
    const found = new Map(sealed.map((secret) => [secret.name, secret]));
    const absent = names.find((name) => !found.has(name));
    const key = await keys.forOpening(businessId);
    if (absent !== undefined || !key) {
      throw new ComputeError("not_found", `There is no secret ${absent ?? names[0]} in this business.`);
    }
    try {
      return new Map([...found].map(([name, secret]) => [name, openValue(key, secret)]));
    } finally {
      key.key.fill(0);
    }
  }

  /** The names of these users; the id of one who has left the business. */
  async namesOf(businessId: string, userIds: readonly string[]): Promise<Map<string, string>> {
    const names = new Map<string, string>();
    for (const userId of new Set(userIds)) {
      const member = await this.parts.sessions.findMember(businessId, userId);
      names.set(userId, member?.userId === userId ? member.userName : userId);
    }
    return names;
  }

  private async seal(
    { businessId, userId }: By,
    name: string,
    value: Uint8Array,
    ttlSeconds: number | undefined,
  ): Promise<SecretRecord> {
    const { secrets, keys, now } = this.parts;
    const nowMs = now();
    const expiresAtMs = ttlSeconds === undefined ? undefined : nowMs + ttlSeconds * 1_000;
    for (let tries = 0; tries < SET_TRIES; tries++) {
      const key = await keys.forSealing(businessId);
      const sealed = sealValue(key, { businessId, name }, value);
      key.key.fill(0);
      const outcome = await secrets.set({
        businessId,
        name,
        sealed,
        keyId: key.keyId,
        userId,
        nowMs,
        expiresAtMs,
        maxSecrets: MAX_SECRETS,
      });
      if (outcome.kind === "set") return outcome.secret;
      if (outcome.kind === "full") {
        const detail = `This business has ${MAX_SECRETS} secrets, which is the most. Delete one first.`;
        throw new ComputeError("conflict", detail);
      }
    }
    throw new ComputeError("conflict", "The key of this business's secrets keeps changing; try again.");
  }

  private async requireRight(by: By, right: "use" | "change"): Promise<void> {
    if (may(await this.roleOf(by), `secrets.${right}`)) return;
    const what = right === "use" ? "use the secrets of this business" : "set or delete its secrets";
    throw new ComputeError(
      "forbidden",
      `Your role in this business does not let you ${what}.${askWhom(right)}`,
    );
  }

  /** The role that the user has now, whatever the token says. */
  private async roleOf({ businessId, userId }: By) {
    const member = await this.parts.sessions.findMember(businessId, userId);
    // A name may read like the id of somebody else.
    return member?.userId === userId ? member.role : undefined;
  }
}

function askWhom(right: "use" | "change"): string {
  return right === "change" ? " An owner or admin can." : "";
}

function checkSize(value: Uint8Array): void {
  if (value.byteLength > 0 && value.byteLength <= MAX_SECRET_BYTES) return;
  const message =
    value.byteLength === 0
      ? "is empty; a secret has at least one byte"
      : `is larger than ${MAX_SECRET_BYTES / 1024} KiB`;
  throw new ComputeError("invalid_request", `valueBase64: ${message}`, {
    errors: [{ path: "valueBase64", message }],
  });
}
