import { accountName, type Role } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { idFrom } from "../../shared/ids.ts";
import type { MembershipRecord, PersonRecord, PersonStore } from "../auth/person-store.ts";
import type { ExternalFacts } from "./claims.ts";

const SUFFIX_LENGTH = 8;
const MAX_NAME_LENGTH = 64;

/** Makes the people that another issuer knows into people here, and keeps what it says about them up to date. */
export class ExternalPeople {
  constructor(
    private readonly people: PersonStore,
    private readonly issuer: string,
    /** Epoch milliseconds. */
    private readonly now: () => number,
  ) {}

  /** The person, who is made if they are new. */
  async person({ subject, name, email }: ExternalFacts): Promise<PersonRecord> {
    const userId = this.userIdOf(subject);
    const known = await this.people.find(userId);
    if (known) {
      if (email !== undefined && email !== known.email) await this.people.setEmail(userId, email);
      return known;
    }
    const suffix = userId.slice(-SUFFIX_LENGTH);
    const wanted = shownName(name ?? email ?? subject, suffix);
    for (const userName of [wanted, `${wanted.slice(0, MAX_NAME_LENGTH - SUFFIX_LENGTH - 1)}-${suffix}`]) {
      for (const address of email === undefined ? [undefined] : [email, undefined]) {
        const person = { userId, userName, email: address, passwordHash: undefined, nowMs: this.now() };
        const outcome = await this.people.create(person).catch((error) => this.ignoreRace(userId, error));
        if (outcome === "created") return this.found(userId);
        if (outcome === "name-taken") break;
      }
      const made = await this.people.find(userId);
      if (made) return made;
    }
    throw new ComputeError("conflict", `Another person here is called ${wanted}. Ask an administrator.`);
  }

  /** Makes the person a member of the business, with this role. */
  async member({ userId }: PersonRecord, businessName: string, role: Role): Promise<MembershipRecord> {
    const { businessId } = await this.people.business(businessName, this.now());
    const before = await this.people.membership(businessId, userId);
    if (!before) await this.people.join(businessId, userId, role, this.now());
    // The last owner stays one, so that the business has somebody to look after it.
    else if (before.role !== role) await this.people.changeRole(businessId, userId, role);
    const membership = await this.people.membership(businessId, userId);
    if (membership) return membership;
    throw new ComputeError("conflict", `You were just removed from ${businessName}. Sign in again.`);
  }

  /** The person as the issuer describes them now: a member of these businesses and no others. */
  async signedIn(facts: ExternalFacts): Promise<PersonRecord> {
    const person = await this.person(facts);
    const kept = new Set<string>();
    for (const name of facts.businesses) kept.add((await this.member(person, name, facts.role)).businessId);
    for (const { businessId } of await this.people.memberships(person.userId)) {
      if (!kept.has(businessId)) await this.people.leave(businessId, person.userId, this.now());
    }
    return person;
  }

  /** The same at every sign-in, whatever the person is called then. Another issuer's people are others. */
  private userIdOf(subject: string): string {
    return idFrom("usr", `${this.issuer}\n${subject}`);
  }

  private async found(userId: string): Promise<PersonRecord> {
    const person = await this.people.find(userId);
    if (!person) throw new Error(`Person ${userId} is missing after their insert`);
    return person;
  }

  /** Two requests of a new person may both make them. */
  private async ignoreRace(userId: string, error: unknown): Promise<"name-taken"> {
    if (await this.people.find(userId)) return "name-taken";
    throw error;
  }
}

/** A name as accounts have them here. */
function shownName(text: string, suffix: string): string {
  const name = text
    .replaceAll(/[^A-Za-z0-9._@-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, MAX_NAME_LENGTH);
  return accountName.safeParse(name).success ? name : `person-${suffix}`;
}
