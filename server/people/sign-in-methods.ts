import type { RecordAudit } from "../../shared/audit.ts";
import { emailAddress } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { PersonRecord, PersonStore } from "../auth/person-store.ts";
import type { Mailer } from "../mail/mailer.ts";
import type { CountedTry, Throttle } from "../throttle/throttle.ts";
import type { Codes } from "./codes.ts";
import type { From, SignInMethods } from "./contract.ts";
import type { Passkeys } from "./passkeys.ts";
import type { Passwords } from "./passwords.ts";

/** A longer text is no email address; it is only compared. */
const MAX_EMAIL_CHARS = 254;

export interface MethodParts {
  people: PersonStore;
  passwords: Passwords;
  codes: Codes;
  passkeys: Passkeys;
  mailer: Mailer | undefined;
  throttle: Throttle;
  record: RecordAudit;
}

/** A person whose code was right, and the function that ends the code; it resolves with whether the code still worked. */
export interface ProvenByCode {
  person: PersonRecord;
  spend(): Promise<boolean>;
}

/** Signs people in. Known and unknown people cost the same work, so they get the same answers after the same time. */
export class PeopleSignIn implements SignInMethods {
  constructor(private readonly parts: MethodParts) {}

  get hasMail(): boolean {
    return this.parts.mailer !== undefined;
  }

  async byPassword(email: string, password: string, from: From): Promise<PersonRecord> {
    const { people, passwords } = this.parts;
    const account = plainEmail(email);
    const counted = await this.begin("password", account, from);
    const person = await people.findByEmail(account);
    const isRight = await passwords.verify(password, person?.passwordHash);
    if (!person || !isRight) throw this.refused({ way: "password", email: account }, person, from);
    await counted.succeeded();
    await this.trust(account, from);
    return person;
  }

  async requestCode(email: string, from: From): Promise<void> {
    const { people, codes, mailer } = this.parts;
    if (!mailer) throw noMail();
    mailer.requireRoom();
    const account = plainEmail(email);
    await this.begin("code request", account, from);
    const person = await people.findByEmail(account);
    const code = await codes.make(account);
    if (person) codes.post(account, code, from);
  }

  async byCode(email: string, code: string, from: From): Promise<PersonRecord> {
    const { person, spend } = await this.proveByCode(email, code, from);
    if (await spend()) return person;
    throw this.refused({ way: "code", email: plainEmail(email) }, person, from);
  }

  /** Like `byCode`, but the code works until `spend`. */
  async proveByCode(email: string, code: string, from: From): Promise<ProvenByCode> {
    const { people, codes, mailer } = this.parts;
    if (!mailer) throw noMail();
    const account = plainEmail(email);
    const counted = await this.begin("code", account, from);
    const person = await people.findByEmail(account);
    const isRight = await codes.isRight(account, code);
    if (!person || !isRight) throw this.refused({ way: "code", email: account }, person, from);
    await counted.succeeded();
    await this.trust(account, from);
    return { person, spend: () => codes.spend(account, code) };
  }

  passkeyChallenge(origin: string): Promise<{ challengeId: string; options: object }> {
    return this.parts.passkeys.challenge(origin);
  }

  async byPasskey(challengeId: string, response: unknown, origin: string, from: From): Promise<PersonRecord> {
    const { people, passkeys } = this.parts;
    const counted = await this.begin("passkey", undefined, from);
    const passkey = await passkeys.check({ challengeId, response, origin });
    const person = passkey && (await people.find(passkey.userId));
    if (!person) throw this.refused({ way: "passkey" }, undefined, from);
    await counted.succeeded();
    return person;
  }

  /** Strangers who guess or ask for codes must not keep the person out at an address from which they signed in. */
  private async trust(account: string, { address }: From): Promise<void> {
    const { throttle } = this.parts;
    const ways = ["password", "code", "code request"];
    await Promise.all(ways.map((what) => throttle.trust({ what, account, address })));
  }

  private begin(what: string, account: string | undefined, { address }: From): Promise<CountedTry> {
    return this.parts.throttle.begin({ what, account, address });
  }

  /** The answer to every wrong try; what it was goes into the audit log of the person's businesses. */
  private refused(of: { way: Way; email?: string }, person: PersonRecord | undefined, { address }: From) {
    // Nobody waits for the entries, because an unknown person has fewer.
    void this.recordRefusal(of, person, address);
    return new ComputeError("unauthenticated", wrong[of.way]);
  }

  private async recordRefusal(
    of: { way: Way; email?: string },
    person: PersonRecord | undefined,
    from: string | undefined,
  ): Promise<void> {
    const { people, record } = this.parts;
    const event = { event: "sign-in refused", actor: { kind: "anyone" as const }, ...(from && { from }), of };
    const memberships = person ? await people.memberships(person.userId).catch(() => []) : [];
    const businessIds = memberships.map(({ businessId }) => businessId);
    for (const businessId of businessIds.length > 0 ? businessIds : [undefined])
      await record(businessId, event);
  }
}

type Way = "password" | "code" | "passkey";

const wrong: Readonly<Record<Way, string>> = {
  password: "The email address or the password is wrong.",
  code: "The code is wrong or has expired. Ask for a new one.",
  passkey: "The passkey was not accepted. Try again, or sign in another way.",
};

/** The address as it is stored. What is no address belongs to nobody, and gets the same answer. */
function plainEmail(email: string): string {
  const parsed = emailAddress().safeParse(email.trim());
  return parsed.success ? parsed.data : email.slice(0, MAX_EMAIL_CHARS).trim().toLowerCase();
}

function noMail(): ComputeError {
  return new ComputeError(
    "unavailable",
    "This server sends no mail, so it cannot send codes. Sign in another way, or ask its administrator to set --smtp-url.",
  );
}
