import { generateKeyPair, SignJWT } from "jose";
import { SigningKeys } from "../../server/auth/signing-keys.ts";
import type { Role } from "../../shared/auth.ts";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { keyMay, may } from "../../shared/roles.ts";
import { type As, headersOf } from "../support/api.ts";
import type { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { teamOf } from "./team.ts";

/** Somebody or something that sends requests. What the requests are about belongs to `mia`, a member of `acme`. */
export type Caller = { name: string; headers: Record<string, string> } & (
  | { kind: "refused" }
  | { kind: "user"; role: Role; is: "owner-of-it" | "colleague" | "stranger" }
  | { kind: "key"; role: Role; readOnly: boolean }
  | { kind: "node" | "enrolment" }
);

/** What the table says about an endpoint, as far as a call's status depends on it. */
export interface Declared extends Pick<Endpoint, "callers" | "right" | "othersRight"> {
  /** Whether it is about one thing of the business of `mia`. */
  isAboutOne: boolean;
  /** Whether it leaves out, without a refusal, what belongs to others. */
  isForMany: boolean;
}

/** The status of a call with a valid input: the only place that says so. */
export function statusOf(caller: Caller, declared: Declared): number {
  const { callers, right, othersRight, isAboutOne, isForMany } = declared;
  switch (caller.kind) {
    case "refused":
      return 401;
    case "node":
    case "enrolment":
      return callers.includes(caller.kind) ? 200 : 403;
    case "key":
      if (!callers.includes("user") || right === undefined) return 403;
      return keyMay(right, caller) && may(caller.role, right) ? 200 : 403;
    case "user": {
      if (!callers.includes("user") || right === undefined || !may(caller.role, right)) return 403;
      if (caller.is === "stranger") return isAboutOne && !isForMany ? 404 : 200;
      const isOthers = caller.is === "colleague" && othersRight !== undefined && !isForMany;
      return isOthers && !may(caller.role, othersRight) ? 403 : 200;
    }
  }
}

/** The people of `acme`, and everybody and everything that calls. */
export async function callersOf(plane: TestPlane): Promise<{ callers: Caller[]; mia: As }> {
  const { api } = plane;
  const roles = { olga: "owner", ada: "admin", mia: "member", max: "member", vera: "viewer" } as const;
  const team = await teamOf(plane, "acme", roles);
  const stranger = await api.user("other", "otto");
  const users = (["olga", "ada", "mia", "max", "vera"] as const).map((name): Caller => {
    const is = name === "mia" ? "owner-of-it" : "colleague";
    return {
      kind: "user",
      name: `${roles[name]} ${name}`,
      headers: headersOf(team[name]),
      role: roles[name],
      is,
    };
  });
  const key = (name: string, readOnly: boolean) => api.call("api-keys.create", { name, readOnly }, team.mia);
  const [full, reading, revoked] = [
    await key("full", false),
    await key("reading", true),
    await key("gone", false),
  ];
  await api.call("api-keys.revoke", { apiKeyId: revoked.apiKeyId }, team.mia);
  const brief = await api.call("api-keys.create", { name: "brief", expiresInSeconds: 1 }, team.mia);
  const node = await PlayedNode.register(api, team.mia, { labels: { only: "matrix" } });
  const replaced = await PlayedNode.register(api, team.mia, { labels: { only: "matrix" } });
  await api.call("nodes.rotate-key", { nodeId: replaced.nodeId }, team.mia);
  const { token } = await api.call("enrolments.create", { uses: 100 }, team.olga);
  const forged = await refusedTokens(plane);
  plane.pass(2);
  const withKey = (value: string) => ({ "x-api-key": value });
  const refused = (name: string, headers: Record<string, string>): Caller => ({
    kind: "refused",
    name,
    headers,
  });
  const callers: Caller[] = [
    ...users,
    {
      kind: "user",
      name: "owner of another business",
      headers: headersOf(stranger),
      role: "owner",
      is: "stranger",
    },
    { kind: "key", name: "API key", headers: withKey(full.key), role: "member", readOnly: false },
    { kind: "key", name: "read-only API key", headers: withKey(reading.key), role: "member", readOnly: true },
    { kind: "node", name: "node", headers: headersOf(node.as) },
    { kind: "enrolment", name: "enrolment token", headers: withKey(token) },
    refused("nobody", {}),
    refused("revoked API key", withKey(revoked.key)),
    refused("expired API key", withKey(brief.key)),
    refused("replaced node key", headersOf(replaced.as)),
    ...Object.entries(forged).map(([name, one]) => refused(name, { authorization: `Bearer ${one}` })),
  ];
  return { callers, mia: team.mia };
}

/** Tokens that no server may accept, by what is wrong with each. */
async function refusedTokens(plane: TestPlane): Promise<Record<string, string>> {
  const { api, stores } = plane;
  const over = (await api.signIn("acme", "mia")).accessToken;
  await api.call("auth.logout", {}, { token: over });
  const { accessToken } = await api.signIn("acme", "mia");
  const [header = "", payload = ""] = accessToken.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const { alg: _, ...names } = JSON.parse(Buffer.from(header, "base64url").toString());
  const { privateKey, jwk } = await new SigningKeys(stores.sessions, () => plane.now()).current();
  const own = (change: object) =>
    new SignJWT({ ...claims, ...change }).setProtectedHeader({ alg: "EdDSA", ...names }).sign(privateKey);
  const hmac = (key: Uint8Array, change: object = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg: "HS256", ...names, ...change }).sign(key);
  const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.concat([SPKI_PREFIX, Buffer.from(jwk.x ?? "", "base64url")]).toString("base64")}\n-----END PUBLIC KEY-----\n`;
  const foreign = await generateKeyPair("EdDSA");
  const none = Buffer.from(JSON.stringify({ alg: "none", ...names })).toString("base64url");
  const nowSeconds = Math.floor(plane.now() / 1_000);
  return {
    "token of a session that was ended": over,
    "expired token": await own({ iat: nowSeconds - 2_000, exp: nowSeconds - 1_000 }),
    "token for another audience": await own({ aud: "somebody-else" }),
    "token of another key": await new SignJWT(claims)
      .setProtectedHeader({ alg: "EdDSA", ...names })
      .sign(foreign.privateKey),
    "HS256 with the bytes of the public key": await hmac(Buffer.from(jwk.x ?? "", "base64url")),
    "HS256 with the PEM of the public key": await hmac(Buffer.from(pem)),
    "alg none": `${none}.${payload}.`,
    "a kid that is a path": await hmac(new Uint8Array([0]), { kid: "../../../../dev/null" }),
  };
}

/** What comes before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
