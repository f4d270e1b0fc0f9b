import { ComputeError } from "../../shared/errors.ts";
import type { SignInMethods, SignInSettings } from "../people/contract.ts";

/** The ways to sign in of a server whose people another issuer signs in: none of its own. */
export function noOwnMethods(issuer: string): SignInMethods {
  const refuse = async () => Promise.reject(onlyExternal(issuer));
  return {
    byPassword: refuse,
    requestCode: refuse,
    byCode: refuse,
    passkeyChallenge: refuse,
    byPasskey: refuse,
    hasMail: false,
  };
}

/** What people of such a server can set about how they sign in: nothing. */
export function noOwnSettings(settings: SignInSettings, issuer: string): SignInSettings {
  const refuse = async () => Promise.reject(onlyExternal(issuer));
  return {
    signUp: refuse,
    anyoneCanSignIn: async () => true,
    account: (userId) => settings.account(userId),
    setPassword: refuse,
    setEmail: refuse,
    passkeyOptions: refuse,
    addPasskey: refuse,
    passkeys: (userId) => settings.passkeys(userId),
    removePasskey: (userId, passkeyId) => settings.removePasskey(userId, passkeyId),
  };
}

export function onlyExternal(issuer: string): ComputeError {
  return new ComputeError(
    "forbidden",
    `This server has no passwords, codes or passkeys: ${issuer} signs people in.`,
  );
}
