import { accountName, emailAddress } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { PersonRecord, PersonStore } from "../auth/person-store.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { type Codes, isCode } from "./codes.ts";
import type { PasskeyFacts, SignInSettings, SignUp } from "./contract.ts";
import type { PasskeyStore } from "./passkey-store.ts";
import type { Passkeys } from "./passkeys.ts";
import { type Passwords, requireStrong } from "./passwords.ts";

/** How many names are tried for a person whose name somebody has. */
const MAX_NAMES = 50;

export interface SettingParts {
  people: PersonStore;
  passwords: Passwords;
  codes: Codes;
  passkeys: Passkeys;
  passkeyStore: PasskeyStore;
  throttle: Throttle;
  /** Epoch milliseconds. */
  now: () => number;
}

/** What people set about how they sign in. */
export class PeopleSettings implements SignInSettings {
  constructor(private readonly parts: SettingParts) {}

  async signUp({ userName, email, password }: SignUp): Promise<PersonRecord> {
    const { people, passwords, now } = this.parts;
    const address = emailOf(email);
    if (password !== undefined) requireStrong(password, { email: address, userName });
    const passwordHash = password === undefined ? undefined : await passwords.hash(password);
    const nowMs = now();
    for (let i = 1; i <= MAX_NAMES; i++) {
      const userId = newId("usr");
      const name = nameOf(userName, i);
      const outcome = await people.create({ userId, userName: name, email: address, passwordHash, nowMs });
      if (outcome === "email-taken") throw emailTaken();
      if (outcome === "created") return this.person(userId);
    }
    throw new ComputeError("conflict", `Too many people are called ${userName} here. Choose another name.`);
  }

  async account(userId: string): Promise<{ person: PersonRecord; passkeys: readonly PasskeyFacts[] }> {
    return { person: await this.person(userId), passkeys: await this.passkeys(userId) };
  }

  async setPassword(userId: string, current: string | undefined, next: string): Promise<void> {
    const { people, passwords, now } = this.parts;
    const person = await this.person(userId);
    await this.requirePassword(person, current);
    requireStrong(next, person);
    await people.setPassword(userId, await passwords.hash(next), now());
  }

  async setEmail(userId: string, current: string | undefined, email: string): Promise<void> {
    const person = await this.person(userId);
    await this.requirePassword(person, current);
    const address = emailOf(email);
    if (address === person.email) return;
    // Each address that is taken tells that somebody has it, so nobody tries many; free ones in between count too.
    await this.parts.throttle.begin({ what: "email address", account: userId, address: undefined });
    if (!(await this.parts.people.setEmail(userId, address))) throw emailTaken();
  }

  async passkeyOptions(userId: string, origin: string): Promise<{ challengeId: string; options: object }> {
    return this.parts.passkeys.registration(await this.person(userId), origin);
  }

  async addPasskey(
    userId: string,
    passkey: { challengeId: string; response: unknown; name: string; origin: string },
  ): Promise<void> {
    await this.parts.passkeys.add(userId, passkey);
  }

  async passkeys(userId: string): Promise<readonly PasskeyFacts[]> {
    const found = await this.parts.passkeyStore.ofPerson(userId);
    return found.map(({ passkeyId, name, createdAtMs, lastUsedAtMs }) => ({
      passkeyId,
      name,
      createdAtMs,
      lastUsedAtMs,
    }));
  }

  removePasskey(userId: string, passkeyId: string): Promise<boolean> {
    return this.parts.passkeyStore.remove(userId, passkeyId);
  }

  async anyoneCanSignIn(): Promise<boolean> {
    const { people, passkeyStore } = this.parts;
    return (await people.anyoneHasPassword()) || (await passkeyStore.hasAny());
  }

  private async person(userId: string): Promise<PersonRecord> {
    const person = await this.parts.people.find(userId);
    if (!person) throw new ComputeError("not_found", "This account is no longer on this server.");
    return person;
  }

  /** A session that somebody found open must not be enough to keep its owner out. */
  private async requirePassword(person: PersonRecord, current: string | undefined): Promise<void> {
    if (person.passwordHash === undefined) return;
    if (current === undefined) throw new ComputeError("forbidden", "Give your current password too.");
    const { throttle } = this.parts;
    const counted = await throttle.begin({
      what: "current password",
      account: person.userId,
      address: undefined,
    });
    if (!(await this.isProven(person, current))) {
      const what = isCode(current) ? "The code is wrong or has expired." : "The current password is wrong.";
      throw new ComputeError("forbidden", what);
    }
    await counted.succeeded();
  }

  /** By the password, or by a code that was sent by mail; no password is as short as a code. */
  private async isProven({ email, passwordHash }: PersonRecord, current: string): Promise<boolean> {
    const { codes, passwords } = this.parts;
    if (email === undefined || !isCode(current)) return passwords.verify(current, passwordHash);
    return (await codes.isRight(email, current)) && codes.spend(email, current);
  }
}

function emailOf(email: string): string {
  const parsed = emailAddress().safeParse(email.trim());
  if (parsed.success) return parsed.data;
  throw new ComputeError("invalid_request", "This is not an email address.", {
    errors: [{ path: "email", message: "must be an email address" }],
  });
}

/** `anna`, and then `anna-2` and so on: names of people are unique on a server. */
function nameOf(userName: string, i: number): string {
  const name = i === 1 ? userName : `${userName}-${i}`;
  if (accountName.safeParse(name).success) return name;
  const message = "must be 1 to 64 letters, digits and . _ @ -, beginning with a letter or digit";
  throw new ComputeError("invalid_request", `The name ${message}.`, { errors: [{ path: "name", message }] });
}

function emailTaken(): ComputeError {
  return new ComputeError("conflict", "Somebody on this server already has this email address.");
}
