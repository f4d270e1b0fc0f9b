import type { Identity } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import { may, type OthersRight, rolesOf } from "../../shared/roles.ts";
import { inWords } from "./check-right.ts";

/** Something in a business that belongs to one of its people. */
export interface Belonging {
  /** As an error calls it: `Job job_1`. */
  what: string;
  /** Undefined: it belongs to nobody in particular, so everybody who may change such things may change it. */
  ownerId: string | undefined;
}

/** The caller, as far as ownership goes. */
export type OwnerToBe = Pick<Identity, "userId" | "businessId" | "businessName" | "role">;

/** Finds out what people are called. */
export interface NamesOfMembers {
  findMember(businessId: string, userId: string): Promise<{ userId: string; userName: string } | undefined>;
}

/** Keeps people from changing what belongs to others, unless their role allows it. */
export class Ownership {
  constructor(private readonly people: NamesOfMembers) {}

  /**
   * Throws `forbidden` if something belongs to somebody else and the role of the caller lacks the right.
   * @param find reads what it is, and throws `not_found`. It is called only if the role does not decide.
   */
  async require(by: OwnerToBe, right: OthersRight, find: () => Promise<Belonging>): Promise<void> {
    if (may(by.role, right)) return;
    const { what, ownerId } = await find();
    if (ownerId === undefined || ownerId === by.userId) return;
    const found = await this.people.findMember(by.businessId, ownerId);
    // A name may read like the id of somebody else.
    const owner = found?.userId === ownerId ? found : undefined;
    const { businessName } = by;
    const whose = owner ? `to ${owner.userName}` : "to somebody else";
    const ask = [...(owner ? [owner.userName] : []), inWords(rolesOf(right))].join(", or ");
    throw new ComputeError(
      "forbidden",
      `${what} belongs ${whose}. Your role in ${businessName} is ${by.role}, which lets you change only what is yours. Ask ${ask} of ${businessName}.`,
    );
  }
}

/** The person whose things a call may change: the caller, or undefined if the role may change everybody's. */
export function onlyOwn({ userId, role }: OwnerToBe, right: OthersRight): string | undefined {
  return may(role, right) ? undefined : userId;
}
