import type { Tokens } from "../auth/tokens.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { Mailer } from "../mail/mailer.ts";
import type { MailSettings } from "../mail/settings.ts";
import { onlyExternal } from "../oidc/only-external.ts";
import { Codes } from "../people/codes.ts";
import { peopleHandlers } from "../people/handlers.ts";
import { Passkeys } from "../people/passkeys.ts";
import { Passwords } from "../people/passwords.ts";
import { PeopleSignIn } from "../people/sign-in-methods.ts";
import { PeopleSettings } from "../people/sign-in-settings.ts";
import { pruneTask } from "../throttle/prune-task.ts";
import { Throttle } from "../throttle/throttle.ts";
import type { PlaneBase } from "./base.ts";

export interface PeopleParts {
  tokens: Tokens;
  urls: OwnUrls;
  /** Undefined: the server sends no mail. */
  mail: MailSettings | undefined;
  /** Another issuer that signs people in; undefined: this server does. */
  issuer: string | undefined;
}

/** People, and the ways in which they sign in. */
export async function composePeople(
  { stores, log, record, now, runnerOf }: PlaneBase,
  { tokens, urls, mail, issuer }: PeopleParts,
) {
  const { people, sessions, visits, oneTime, passkeys: passkeyStore } = stores;
  const throttle = new Throttle(stores.throttle, now);
  const mailer = mail && (await Mailer.open(mail, log));
  const passwords = await Passwords.open();
  const passkeys = new Passkeys({ passkeys: passkeyStore, oneTime, now });
  const serverName = () => urls.publicUrl ?? urls.all[0] ?? "this server";
  const key = await sessions.secret("mail-codes");
  const codes = new Codes({ oneTime, mailer, key, serverName, now });
  const methods = new PeopleSignIn({ people, passwords, codes, passkeys, mailer, throttle, record });
  const settings = new PeopleSettings({ people, passwords, codes, passkeys, passkeyStore, throttle, now });
  return {
    throttle,
    mailer,
    methods,
    settings,
    handlers: {
      ...peopleHandlers({
        ...{ methods, settings, people, sessions, tokens, record, now },
        visits: { endAll: (userId) => visits.endOthers(userId, "") },
      }),
      ...(issuer !== undefined && externalOnly(issuer)),
    },
    runner: runnerOf(pruneTask([stores.throttle, oneTime])),
    close: async () => mailer?.close(),
  };
}

/** The endpoints of ways to sign in that a server with another issuer does not have. */
function externalOnly(issuer: string) {
  const refuse = () => Promise.reject(onlyExternal(issuer));
  return {
    "auth.request-otp": refuse,
    "auth.verify-otp": refuse,
    "auth.set-password": refuse,
    "auth.set-email": refuse,
  };
}
