import type { RecordAudit } from "../../shared/audit.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { MembershipRecord, PersonRecord, PersonStore } from "../auth/person-store.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { CODE_CLIENT_ID, type Tokens } from "../auth/tokens.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import type { From } from "./contract.ts";
import type { PeopleSignIn } from "./sign-in-methods.ts";
import type { PeopleSettings } from "./sign-in-settings.ts";

type PeopleHandlers = Pick<
  Handlers,
  "auth.request-otp" | "auth.verify-otp" | "auth.account" | "auth.set-password" | "auth.set-email"
>;

export interface PeopleHandlerParts {
  methods: PeopleSignIn;
  settings: PeopleSettings;
  people: PersonStore;
  sessions: SessionStore;
  tokens: Tokens;
  /** The browsers in which people are signed in. */
  visits: { endAll(userId: string): Promise<void> };
  record: RecordAudit;
  /** Epoch milliseconds. */
  now: () => number;
}

export function peopleHandlers(parts: PeopleHandlerParts): PeopleHandlers {
  const { methods, settings, people, sessions, tokens, visits, record, now } = parts;
  return {
    "auth.request-otp": async ({ email }, context) => {
      await methods.requestCode(email, fromOf(context));
      return {};
    },
    "auth.verify-otp": async ({ email, code, business }, context) => {
      const { person, spend } = await methods.proveByCode(email, code, fromOf(context));
      const { businessId } = choose(person, await people.memberships(person.userId), business);
      if (!(await spend())) {
        throw new ComputeError("unauthenticated", "The code was already used. Ask for a new one.");
      }
      const sessionId = newId("ses");
      const opened = { sessionId, userId: person.userId, businessId, clientId: CODE_CLIENT_ID, nowMs: now() };
      const session = await sessions.open(opened);
      if (!session) throw notMember();
      await record(businessId, {
        event: "signed in",
        actor: { kind: "user", userId: person.userId, userName: person.userName, sessionId },
        ...(context.from !== undefined && { from: context.from }),
        of: { way: "code" },
      });
      return tokens.issue(session);
    },
    "auth.account": async (_input, context) => {
      const { person, passkeys } = await settings.account(userOf(context).userId);
      const { userId, userName, email, passwordHash } = person;
      return {
        userId,
        userName,
        email,
        hasPassword: passwordHash !== undefined,
        passkeys: passkeys.map(({ passkeyId, name, createdAtMs, lastUsedAtMs }) => ({
          passkeyId,
          name,
          createdAt: new Date(createdAtMs).toISOString(),
          lastUsedAt: lastUsedAtMs === undefined ? undefined : new Date(lastUsedAtMs).toISOString(),
        })),
        hasMail: methods.hasMail,
      };
    },
    "auth.set-password": async ({ currentPassword, newPassword }, context) => {
      const { userId } = userOf(context);
      await settings.setPassword(userId, currentPassword, newPassword);
      // Who knew the old password may be signed in with it.
      await visits.endAll(userId);
      return {};
    },
    "auth.set-email": async ({ currentPassword, email }, context) => {
      const { userId } = userOf(context);
      const { person } = await settings.account(userId);
      await settings.setEmail(userId, currentPassword, email);
      context.note({ before: { email: person.email }, after: { email } });
      return {};
    },
  };
}

function fromOf({ from }: RequestContext): From {
  return { address: from, agent: undefined };
}

/** The business that a person signs in to. Only somebody whose code was right gets here, so the names are theirs. */
function choose(
  person: PersonRecord,
  memberships: readonly MembershipRecord[],
  named: string | undefined,
): MembershipRecord {
  const [first, ...others] = memberships;
  if (!first) throw notMember();
  if (named !== undefined) {
    const found = memberships.find((one) => one.businessName === named || one.businessId === named);
    if (found) return found;
    throw new ComputeError("forbidden", `${person.userName} is not a member of ${named}.`);
  }
  if (others.length === 0) return first;
  const names = memberships.map((one) => one.businessName).join(", ");
  throw new ComputeError(
    "conflict",
    `You belong to several businesses: ${names}. Name one of them in "business".`,
  );
}

function notMember(): ComputeError {
  return new ComputeError(
    "forbidden",
    "You are not a member of any business on this server. Ask for an invitation.",
  );
}
