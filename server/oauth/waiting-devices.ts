import { randomInt } from "node:crypto";
import { digestOf, newSecret } from "../auth/bearer-secret.ts";
import type { SessionRecord } from "../auth/session-store.ts";
import type { Clients } from "./clients.ts";
import type { Devices, Grantee, WaitingDevice } from "./contract.ts";
import type { DeviceRecord, GrantStore, NewDevice } from "./grant-store.ts";
import { OAuthError } from "./oauth-error.ts";

/** How long a person has to type the code. */
const DEVICE_LIFE_SECONDS = 600;
/** How long a device waits between two polls, and how much longer after it came too early (RFC 8628 §3.5). */
const INTERVAL_SECONDS = 2;
const SLOWER_BY_SECONDS = 5;
/** The network may deliver one poll late and the next one early. */
const JITTER_MS = 500;
/** Devices of everybody behind one proxy come from one address. */
const ROOM = { inAll: 10_000, perAddress: 1_000 };
/** Without vowels, so that no code is a word, and without digits, which look like letters (RFC 8628 §6.1). */
const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";
const CODE_LENGTH = 8;
const MAX_CODE_TRIES = 5;
const MAX_AGENT_LENGTH = 200;

export interface DeviceParts {
  grants: GrantStore;
  clients: Clients;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Who asks for a device code. */
export interface DeviceAsk {
  clientId: string;
  scope: readonly string[];
  from: string | undefined;
  agent: string | undefined;
}

/** The device authorization grant without its page (RFC 8628). */
export class WaitingDevices implements Devices {
  constructor(private readonly parts: DeviceParts) {}

  /** Throws OAuthError `temporarily_unavailable` if too many devices wait. */
  async begin({ clientId, scope, from, agent }: DeviceAsk) {
    const { grants, now } = this.parts;
    const createdAtMs = now();
    const deviceCode = newSecret();
    const device: Omit<NewDevice, "userCode"> = {
      deviceHash: digestOf(deviceCode),
      clientId,
      scope,
      ...(from !== undefined && { from }),
      ...(agent !== undefined && { agent: agent.slice(0, MAX_AGENT_LENGTH) }),
      createdAtMs,
      expiresAtMs: createdAtMs + DEVICE_LIFE_SECONDS * 1_000,
      intervalSeconds: INTERVAL_SECONDS,
    };
    for (let tries = 0; tries < MAX_CODE_TRIES; tries++) {
      const userCode = newUserCode();
      const added = await grants.addDevice({ ...device, userCode }, ROOM);
      if (added === "added") {
        const shown = shownCode(userCode);
        return {
          deviceCode,
          userCode: shown,
          lifeSeconds: DEVICE_LIFE_SECONDS,
          intervalSeconds: INTERVAL_SECONDS,
        };
      }
      if (added === "full") break;
    }
    throw new OAuthError(
      "temporarily_unavailable",
      "Too many devices wait to be let in. Try again in a minute.",
      {
        retryAfterSeconds: 60,
      },
    );
  }

  /**
   * The device that a person has let in and that has no session yet. Throws OAuthError `authorization_pending`, `slow_down`,
   * `access_denied`, `expired_token` or `invalid_grant`.
   */
  async poll(deviceCode: string, clientId: string): Promise<DeviceRecord & Grantee> {
    const { grants, now } = this.parts;
    const nowMs = now();
    const deviceHash = digestOf(deviceCode);
    const device = await grants.poll(deviceHash, nowMs);
    if (!device || device.clientId !== clientId || device.status === "taken")
      throw new OAuthError("invalid_grant", "The device code is not valid, or was used already.");
    if (device.status === "denied") throw new OAuthError("access_denied", "The person refused.");
    if (device.expiresAtMs <= nowMs)
      throw new OAuthError("expired_token", "Nobody let the device in in time. Ask for a new code.");
    const { userId, businessId } = device;
    if (device.status === "allowed" && userId !== undefined && businessId !== undefined)
      return { ...device, userId, businessId };
    const sinceMs = nowMs - (device.polledAtMs ?? Number.NEGATIVE_INFINITY);
    if (sinceMs >= device.intervalSeconds * 1_000 - JITTER_MS)
      throw new OAuthError("authorization_pending", "Nobody has let the device in yet.");
    await grants.slowDown(deviceHash, SLOWER_BY_SECONDS);
    throw new OAuthError(
      "slow_down",
      `Wait ${device.intervalSeconds + SLOWER_BY_SECONDS} seconds between polls.`,
    );
  }

  /** Resolves with whether the session is the device's: of several only one is. */
  redeem({ deviceHash }: DeviceRecord, { sessionId }: SessionRecord): Promise<boolean> {
    return this.parts.grants.redeemDevice(deviceHash, sessionId, this.parts.now());
  }

  async find(userCode: string): Promise<WaitingDevice | undefined> {
    const plain = plainCode(userCode);
    const device =
      plain === undefined ? undefined : await this.parts.grants.findWaiting(plain, this.parts.now());
    if (!device) return undefined;
    const { clientId, from, agent, createdAtMs, expiresAtMs } = device;
    const clientName = this.parts.clients.find(clientId, "")?.name ?? clientId;
    return { userCode: shownCode(device.userCode), clientName, from, agent, createdAtMs, expiresAtMs };
  }

  allow(userCode: string, by: Grantee): Promise<boolean> {
    return this.answer(userCode, by);
  }

  deny(userCode: string): Promise<boolean> {
    return this.answer(userCode, undefined);
  }

  private async answer(userCode: string, by: Grantee | undefined): Promise<boolean> {
    const plain = plainCode(userCode);
    return plain !== undefined && this.parts.grants.answer(plain, by, this.parts.now());
  }
}

function newUserCode(): string {
  return Array.from({ length: CODE_LENGTH }, () => LETTERS.charAt(randomInt(LETTERS.length))).join("");
}

function shownCode(plain: string): string {
  return `${plain.slice(0, CODE_LENGTH / 2)}-${plain.slice(CODE_LENGTH / 2)}`;
}

/** The letters that a person typed, in whatever way; undefined if this cannot be a code. */
function plainCode(typed: string): string | undefined {
  const plain = typed.toUpperCase().replaceAll(/[\s\p{Pd}._]/gu, "");
  return plain.length === CODE_LENGTH && [...plain].every((letter) => LETTERS.includes(letter))
    ? plain
    : undefined;
}
