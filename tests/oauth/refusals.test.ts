import { beforeAll, expect, test } from "bun:test";
import { RedirectedError } from "../../server/oauth/contract.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedPage } from "./page.ts";

const CALLBACK = "http://127.0.0.1:50001/callback";
/** The challenge of RFC 7636, appendix B. */
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

const plane = forAllTests(await TestPlane.start());
const { origin } = new URL(plane.api.url);
let page: PlayedPage;

beforeAll(async () => {
  const { identity } = await plane.api.signIn("lab", "ben");
  page = new PlayedPage(plane.stores, () => plane.now(), identity);
});

function requestUrl(changed: Record<string, string> = {}, more = ""): URL {
  const query = new URLSearchParams({
    client_id: "tanvrit-compute-cli",
    redirect_uri: CALLBACK,
    response_type: "code",
    code_challenge: CHALLENGE,
    code_challenge_method: "S256",
    ...changed,
  });
  return new URL(`${origin}/oauth/authorize?${query}${more}`);
}

/** What the answer at the redirect URI says. */
async function errorOf(url: URL): Promise<URLSearchParams> {
  const error: unknown = await page.allow(url).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof RedirectedError) return error.location.searchParams;
  throw error ?? new Error("It was allowed.");
}

async function token(fields: Record<string, string>): Promise<{ status: number; error: string }> {
  const response = await fetch(`${origin}/oauth/token`, {
    method: "POST",
    body: new URLSearchParams({ client_id: "tanvrit-compute-cli", ...fields }),
  });
  const { error } = (await response.json()) as { error: string };
  return { status: response.status, error };
}

test("an error for the client has only characters that RFC 6749 allows in it", async () => {
  const twice = await errorOf(requestUrl({ état: "1" }, "&%C3%A9tat=2&état=3"));
  expect(twice.get("error")).toBe("invalid_request");
  expect(twice.get("error_description")).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
});

test("a request without a response type lacks a parameter; one with another type asks for what is not supported", async () => {
  expect((await errorOf(requestUrl({ response_type: "" }))).get("error")).toBe("invalid_request");
  expect((await errorOf(requestUrl({ response_type: "token" }))).get("error")).toBe(
    "unsupported_response_type",
  );
});

test("a parameter without a value counts as one that is not there", async () => {
  const empty = { state: "", nonce: "", request: "", request_uri: "", response_mode: "", prompt: "" };
  const location = await page.allow(requestUrl(empty));
  expect([...location.searchParams.keys()].sort()).toEqual(["code", "iss"]);
});

test("a client that sends a secret learns that clients here have none, and its code stays unused", async () => {
  const code = (await page.allow(requestUrl())).searchParams.get("code") ?? "";
  const fields = {
    grant_type: "authorization_code",
    code,
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
  };
  expect(await token({ ...fields, client_secret: "guess" })).toEqual({
    status: 401,
    error: "invalid_client",
  });
  expect(await token({ ...fields, client_secret: "" })).toMatchObject({ status: 200 });
});

test("the command line's answer goes to no place but its own path at an address of the machine", async () => {
  const foreign = [
    "http://127.0.0.1:9@evil.example/callback",
    "http://evil@127.0.0.1:9/callback",
    "http://127.0.0.1:9/callback#x",
    "http://127.0.0.1:9/callback?x=1",
    "http://127.0.0.1:9/callback/",
    "http://127.0.0.1:9/./callback",
    "http://127.0.0.1:99999/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.1:9\\@evil.example/callback",
    "http://localhost:9/callback",
    "http://[::ffff:127.0.0.1]:9/callback",
    "http://127.1:9/callback",
    "https://127.0.0.1:9/callback",
    "//127.0.0.1/callback",
    " http://127.0.0.1:9/callback",
    "",
  ];
  for (const uri of foreign) {
    const refused = await page.allow(requestUrl({ redirect_uri: uri })).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: "invalid_request" });
    expect(refused).not.toBeInstanceOf(RedirectedError);
  }
});
