/** A person's consent, which a client trades for tokens with its code (RFC 6749 §4.1). Times are epoch milliseconds. */
export interface CodeRecord {
  /** Of the code, which is not stored. */
  codeHash: string;
  clientId: string;
  redirectUri: string;
  /** Of the method S256 (RFC 7636). */
  codeChallenge: string;
  scope: readonly string[];
  nonce?: string;
  userId: string;
  businessId: string;
  /** The sign-in of the browser that asked; only for the portal, which is signed in as long as the browser is. */
  visitId?: string;
  createdAtMs: number;
  expiresAtMs: number;
  /** The session it was traded for. A code that has one is used up. */
  sessionId?: string;
}

export type NewCode = Omit<CodeRecord, "sessionId">;

/** `taken`: the device has its tokens. */
export type DeviceStatus = "waiting" | "allowed" | "denied" | "taken";

/** A device that asked to be let in (RFC 8628). Times are epoch milliseconds. */
export interface DeviceRecord {
  /** Of the device code, which is not stored. */
  deviceHash: string;
  /** Without the hyphen. */
  userCode: string;
  clientId: string;
  scope: readonly string[];
  /** The address that asked, and what it calls itself. */
  from?: string;
  agent?: string;
  createdAtMs: number;
  expiresAtMs: number;
  /** How long the device must wait between two polls. */
  intervalSeconds: number;
  polledAtMs?: number;
  status: DeviceStatus;
  /** Who let it in, and as a member of which business. */
  userId?: string;
  businessId?: string;
  sessionId?: string;
}

export type NewDevice = Omit<DeviceRecord, "status" | "polledAtMs" | "userId" | "businessId" | "sessionId">;

/** The most devices that may wait at the same time: about as many as these, under a race. */
export interface DeviceRoom {
  inAll: number;
  perAddress: number;
}

/**
 * Stores what people allowed, until a client has traded it for a session. Every operation is safe to call from several
 * servers at the same time, and its result is on disk when it resolves. Rejects with ComputeError `storage_failed` when the
 * store refuses.
 */
export interface GrantStore {
  addCode(code: NewCode): Promise<void>;
  findCode(codeHash: string): Promise<CodeRecord | undefined>;
  /** Uses the code up for this session. Resolves with whether it had not expired and nobody had used it: at most once. */
  redeemCode(codeHash: string, sessionId: string, nowMs: number): Promise<boolean>;
  /** `full`: too many devices wait. `code-taken`: another device has the same user code. */
  addDevice(device: NewDevice, room: DeviceRoom): Promise<"added" | "full" | "code-taken">;
  findDevice(deviceHash: string): Promise<DeviceRecord | undefined>;
  /** The device that waits with this code for a person. */
  findWaiting(userCode: string, nowMs: number): Promise<DeviceRecord | undefined>;
  /** Records a poll; resolves with the device as it was before. */
  poll(deviceHash: string, nowMs: number): Promise<DeviceRecord | undefined>;
  /** The device must wait this much longer between its polls from now on. */
  slowDown(deviceHash: string, bySeconds: number): Promise<void>;
  /** Resolves with whether the device still waited; of several answers the first one counts. `undefined` refuses it. */
  answer(
    userCode: string,
    by: { userId: string; businessId: string } | undefined,
    nowMs: number,
  ): Promise<boolean>;
  /** Hands the device its session. Resolves with whether it was allowed, and had none before: at most once. */
  redeemDevice(deviceHash: string, sessionId: string, nowMs: number): Promise<boolean>;
  /** Removes codes and devices that expired before this. */
  removeExpired(beforeMs: number): Promise<void>;
}

/** The words of a scope. */
export function wordsOf(scope: string): string[] {
  return scope.split(" ").filter((word) => word !== "");
}
