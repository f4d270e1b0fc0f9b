import type { Collection, Filter } from "mongodb";
import { isDuplicateKey, type MongoStore } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import {
  type CodeRecord,
  type DeviceRecord,
  type DeviceRoom,
  type DeviceStatus,
  type GrantStore,
  type NewCode,
  type NewDevice,
  wordsOf,
} from "./grant-store.ts";

interface CodeDocument {
  code_hash: string;
  client_id: string;
  redirect_uri: string;
  code_challenge: string;
  /** Words with spaces between them. */
  scope: string;
  nonce?: string;
  user_id: string;
  business_id: string;
  visit_id?: string;
  created_at: number;
  expires_at: number;
  session_id?: string;
}
interface DeviceDocument {
  device_hash: string;
  user_code: string;
  client_id: string;
  scope: string;
  from_address?: string;
  agent?: string;
  created_at: number;
  expires_at: number;
  interval_seconds: number;
  polled_at?: number;
  status: DeviceStatus;
  user_id?: string;
  business_id?: string;
  session_id?: string;
}

export const oauthSteps = [
  collectionStep("oauth-codes-1", "compute_oauth_codes", [
    { key: { code_hash: 1 }, unique: true },
    { key: { expires_at: 1 } },
  ]),
  collectionStep("oauth-devices-1", "compute_oauth_devices", [
    { key: { device_hash: 1 }, unique: true },
    { key: { user_code: 1 }, unique: true },
    { key: { expires_at: 1 } },
    { key: { from_address: 1, expires_at: 1 } },
  ]),
];

export class MongoGrantStore implements GrantStore {
  private readonly codes: Collection<CodeDocument>;
  private readonly devices: Collection<DeviceDocument>;

  constructor(private readonly store: MongoStore) {
    this.codes = store.collection("compute_oauth_codes");
    this.devices = store.collection("compute_oauth_devices");
  }

  async addCode(code: NewCode): Promise<void> {
    const document: CodeDocument = {
      code_hash: code.codeHash,
      client_id: code.clientId,
      redirect_uri: code.redirectUri,
      code_challenge: code.codeChallenge,
      scope: code.scope.join(" "),
      ...(code.nonce !== undefined && { nonce: code.nonce }),
      user_id: code.userId,
      business_id: code.businessId,
      ...(code.visitId !== undefined && { visit_id: code.visitId }),
      created_at: code.createdAtMs,
      expires_at: code.expiresAtMs,
    };
    await this.store.attempt(() => this.codes.insertOne({ ...document }));
  }

  findCode(codeHash: string): Promise<CodeRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.codes.findOne({ code_hash: codeHash });
      return found ? codeFrom(found) : undefined;
    });
  }

  redeemCode(codeHash: string, sessionId: string, nowMs: number): Promise<boolean> {
    const unused = { code_hash: codeHash, session_id: { $exists: false }, expires_at: { $gt: nowMs } };
    return this.store.attempt(async () => {
      const { modifiedCount } = await this.codes.updateOne(unused, { $set: { session_id: sessionId } });
      return modifiedCount === 1;
    });
  }

  addDevice(device: NewDevice, { inAll, perAddress }: DeviceRoom): Promise<"added" | "full" | "code-taken"> {
    const document: DeviceDocument = {
      device_hash: device.deviceHash,
      user_code: device.userCode,
      client_id: device.clientId,
      scope: device.scope.join(" "),
      ...(device.from !== undefined && { from_address: device.from }),
      ...(device.agent !== undefined && { agent: device.agent }),
      created_at: device.createdAtMs,
      expires_at: device.expiresAtMs,
      interval_seconds: device.intervalSeconds,
      status: "waiting",
    };
    return this.store.attempt(async () => {
      const waiting = { expires_at: { $gt: device.createdAtMs } };
      const here = { from_address: device.from ?? { $exists: false }, ...waiting };
      const [all, same] = await Promise.all([
        this.devices.countDocuments(waiting, { limit: inAll }),
        this.devices.countDocuments(here, { limit: perAddress }),
      ]);
      if (all >= inAll || same >= perAddress) return "full";
      try {
        await this.devices.insertOne({ ...document });
        return "added";
      } catch (error) {
        if (isDuplicateKey(error)) return "code-taken";
        throw error;
      }
    });
  }

  findDevice(deviceHash: string): Promise<DeviceRecord | undefined> {
    return this.findOne({ device_hash: deviceHash });
  }

  findWaiting(userCode: string, nowMs: number): Promise<DeviceRecord | undefined> {
    return this.findOne(waitingWith(userCode, nowMs));
  }

  poll(deviceHash: string, nowMs: number): Promise<DeviceRecord | undefined> {
    return this.store.attempt(async () => {
      const before = await this.devices.findOneAndUpdate(
        { device_hash: deviceHash },
        { $set: { polled_at: nowMs } },
        { returnDocument: "before" },
      );
      return before ? deviceFrom(before) : undefined;
    });
  }

  async slowDown(deviceHash: string, bySeconds: number): Promise<void> {
    const change = { $inc: { interval_seconds: bySeconds } };
    await this.store.attempt(() => this.devices.updateOne({ device_hash: deviceHash }, change));
  }

  answer(
    userCode: string,
    by: { userId: string; businessId: string } | undefined,
    nowMs: number,
  ): Promise<boolean> {
    const change = by
      ? { status: "allowed" as const, user_id: by.userId, business_id: by.businessId }
      : { status: "denied" as const };
    return this.change(waitingWith(userCode, nowMs), change);
  }

  redeemDevice(deviceHash: string, sessionId: string, nowMs: number): Promise<boolean> {
    const allowed = { device_hash: deviceHash, status: "allowed" as const, expires_at: { $gt: nowMs } };
    return this.change(allowed, { status: "taken", session_id: sessionId });
  }

  async removeExpired(beforeMs: number): Promise<void> {
    const expired = { expires_at: { $lt: beforeMs } };
    await this.store.attempt(() =>
      Promise.all([this.codes.deleteMany(expired), this.devices.deleteMany(expired)]),
    );
  }

  private findOne(where: Filter<DeviceDocument>): Promise<DeviceRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.devices.findOne(where);
      return found ? deviceFrom(found) : undefined;
    });
  }

  private change(where: Filter<DeviceDocument>, change: Partial<DeviceDocument>): Promise<boolean> {
    return this.store.attempt(
      async () => (await this.devices.updateOne(where, { $set: change })).modifiedCount === 1,
    );
  }
}

function waitingWith(userCode: string, nowMs: number): Filter<DeviceDocument> {
  return { user_code: userCode, status: "waiting", expires_at: { $gt: nowMs } };
}

function codeFrom(found: CodeDocument): CodeRecord {
  return {
    codeHash: found.code_hash,
    clientId: found.client_id,
    redirectUri: found.redirect_uri,
    codeChallenge: found.code_challenge,
    scope: wordsOf(found.scope),
    ...(found.nonce !== undefined && { nonce: found.nonce }),
    userId: found.user_id,
    businessId: found.business_id,
    ...(found.visit_id !== undefined && { visitId: found.visit_id }),
    createdAtMs: found.created_at,
    expiresAtMs: found.expires_at,
    ...(found.session_id !== undefined && { sessionId: found.session_id }),
  };
}

function deviceFrom(found: DeviceDocument): DeviceRecord {
  return {
    deviceHash: found.device_hash,
    userCode: found.user_code,
    clientId: found.client_id,
    scope: wordsOf(found.scope),
    ...(found.from_address !== undefined && { from: found.from_address }),
    ...(found.agent !== undefined && { agent: found.agent }),
    createdAtMs: found.created_at,
    expiresAtMs: found.expires_at,
    intervalSeconds: found.interval_seconds,
    ...(found.polled_at !== undefined && { polledAtMs: found.polled_at }),
    status: found.status,
    ...(found.user_id !== undefined && { userId: found.user_id }),
    ...(found.business_id !== undefined && { businessId: found.business_id }),
    ...(found.session_id !== undefined && { sessionId: found.session_id }),
  };
}
