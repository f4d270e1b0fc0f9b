import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from "@simplewebauthn/server";
import { z } from "zod";
import { ComputeError } from "../../shared/errors.ts";
import type { OneTimeStore } from "../auth/one-time-store.ts";
import type { PersonRecord } from "../auth/person-store.ts";
import type { PasskeyRecord, PasskeyStore } from "./passkey-store.ts";

const CHALLENGE_BYTES = 32;
const CHALLENGE_MS = 5 * 60_000;
const MAX_PASSKEYS = 20;
const MAX_NAME_CHARS = 64;
const SERVICE = "Tanvrit Compute";

/** What a challenge was made for. Only the answer to the same question counts. */
const madeFor = z.object({ challenge: z.string(), origin: z.string(), userId: z.string().optional() });
type MadeFor = z.infer<typeof madeFor>;

/** As much of a browser's answer as we read ourselves; the library checks the rest. */
const answer = z.looseObject({
  id: z.string().max(2_048),
  response: z.looseObject({ userHandle: z.string().max(256).nullish() }),
});

export interface Passkey {
  challengeId: string;
  response: unknown;
  origin: string;
}

export interface PasskeyParts {
  passkeys: PasskeyStore;
  oneTime: OneTimeStore;
  /** Epoch milliseconds. */
  now: () => number;
}

/** Passkeys (WebAuthn Level 3): discoverable, with user verification, bound to the server's host name. */
export class Passkeys {
  constructor(private readonly parts: PasskeyParts) {}

  async challenge(origin: string): Promise<{ challengeId: string; options: object }> {
    const challenge = randomBytes(CHALLENGE_BYTES);
    const { generateAuthenticationOptions } = await library();
    const options = await generateAuthenticationOptions({
      rpID: rpIdOf(origin),
      challenge,
      timeout: CHALLENGE_MS,
      userVerification: "required",
    });
    return { challengeId: await this.keep({ challenge: options.challenge, origin }), options };
  }

  /** The passkey that answered; undefined if the answer is not right. */
  async check({ challengeId, response, origin }: Passkey): Promise<PasskeyRecord | undefined> {
    const made = await this.spend(challengeId);
    const parsed = answer.safeParse(response);
    if (!made || made.userId !== undefined || made.origin !== origin || !parsed.success) return undefined;
    const { passkeys, now } = this.parts;
    const passkey = await passkeys.find(parsed.data.id);
    const { userHandle } = parsed.data.response;
    const isOwners = !passkey || !userHandle || userHandle === handleOf(passkey.userId);
    if (!passkey || !isOwners) return undefined;
    const counter = await this.counterAfter(passkey, parsed.data, made);
    if (counter === undefined) return undefined;
    const isFirst = await passkeys.use(passkey.passkeyId, { before: passkey.counter, after: counter }, now());
    return isFirst ? passkey : undefined;
  }

  async registration(
    person: PersonRecord,
    origin: string,
  ): Promise<{ challengeId: string; options: object }> {
    const { passkeys } = this.parts;
    const rpId = rpIdOf(origin);
    const own = await passkeys.ofPerson(person.userId);
    if (own.length >= MAX_PASSKEYS) throw tooMany();
    const { generateRegistrationOptions } = await library();
    const options = await generateRegistrationOptions({
      rpName: SERVICE,
      rpID: rpId,
      userID: new TextEncoder().encode(person.userId),
      userName: person.email ?? person.userName,
      userDisplayName: person.userName,
      challenge: randomBytes(CHALLENGE_BYTES),
      timeout: CHALLENGE_MS,
      attestationType: "none",
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      excludeCredentials: own
        .filter((passkey) => passkey.rpId === rpId)
        .map(({ passkeyId, transports }) => ({ id: passkeyId, transports: [...transports] })),
    });
    const made = { challenge: options.challenge, origin, userId: person.userId };
    return { challengeId: await this.keep(made), options };
  }

  /** Throws `invalid_request` if the browser's answer is not right, and `conflict` if somebody has the passkey. */
  async add(
    userId: string,
    { challengeId, response, origin, name }: Passkey & { name: string },
  ): Promise<PasskeyRecord> {
    const { passkeys, now } = this.parts;
    const made = await this.spend(challengeId);
    const parsed = answer.safeParse(response);
    if (!made || made.userId !== userId || made.origin !== origin || !parsed.success) throw notAdded();
    const credential = await registered(parsed.data, made);
    if (!credential) throw notAdded();
    if ((await passkeys.ofPerson(userId)).length >= MAX_PASSKEYS) throw tooMany();
    const passkey: PasskeyRecord = {
      passkeyId: credential.id,
      userId,
      rpId: rpIdOf(origin),
      publicKey: new Uint8Array(credential.publicKey),
      counter: credential.counter,
      transports: credential.transports ?? [],
      name: name.trim().slice(0, MAX_NAME_CHARS) || "Passkey",
      createdAtMs: now(),
      lastUsedAtMs: undefined,
    };
    if (await passkeys.add(passkey)) return passkey;
    throw new ComputeError("conflict", "This passkey is already in use on this server.");
  }

  private async counterAfter(passkey: PasskeyRecord, response: unknown, { challenge, origin }: MadeFor) {
    const { verifyAuthenticationResponse } = await library();
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: response as AuthenticationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: rpIdOf(origin),
        requireUserVerification: true,
        credential: {
          id: passkey.passkeyId,
          publicKey: new Uint8Array(passkey.publicKey),
          counter: passkey.counter,
        },
      });
      return verified ? authenticationInfo.newCounter : undefined;
    } catch {
      // The library throws for every answer that it does not accept.
      return undefined;
    }
  }

  private async keep(made: MadeFor): Promise<string> {
    const { oneTime, now } = this.parts;
    const challengeId = randomBytes(16).toString("base64url");
    const value = JSON.stringify(made);
    await oneTime.put({ key: `passkey/${challengeId}`, value, reads: 1, endsAtMs: now() + CHALLENGE_MS });
    return challengeId;
  }

  private async spend(challengeId: string): Promise<MadeFor | undefined> {
    const { oneTime, now } = this.parts;
    const found = await oneTime.read(`passkey/${challengeId}`, now());
    return found === undefined ? undefined : madeFor.parse(JSON.parse(found));
  }
}

/** Loaded when somebody first uses a passkey: it is large. */
async function library() {
  await import("reflect-metadata"); // which the next one needs
  return import("@simplewebauthn/server");
}

async function registered(response: unknown, { challenge, origin }: MadeFor) {
  const { verifyRegistrationResponse } = await library();
  try {
    const { registrationInfo } = await verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: rpIdOf(origin),
      requireUserVerification: true,
    });
    return registrationInfo?.credential;
  } catch {
    // The library throws for every answer that it does not accept.
    return undefined;
  }
}

/** The host name that passkeys of this origin are bound to. Throws `invalid_request` for an address, which browsers do not allow. */
function rpIdOf(origin: string): string {
  const { hostname } = new URL(origin);
  if (isIP(hostname.replace(/^\[|\]$/g, "")) === 0) return hostname;
  const detail = `Passkeys need a server with a name, and ${hostname} is an address. Use the server by its name.`;
  throw new ComputeError("invalid_request", detail);
}

function handleOf(userId: string): string {
  return Buffer.from(userId).toString("base64url");
}

function notAdded(): ComputeError {
  return new ComputeError(
    "invalid_request",
    "The passkey was not accepted. Begin again, and add it within five minutes.",
  );
}

function tooMany(): ComputeError {
  return new ComputeError(
    "conflict",
    `You have ${MAX_PASSKEYS} passkeys, which is the most. Remove one first.`,
  );
}
