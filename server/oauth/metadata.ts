import { SIGNING_ALGORITHM } from "../auth/signing-keys.ts";
import { oauthPaths } from "./contract.ts";
import { scopes } from "./scopes.ts";
import { DEVICE_GRANT } from "./token-endpoint.ts";

/** What clients must know about this server (RFC 8414, OpenID Connect Discovery). */
export function metadataOf(issuer: string) {
  return {
    issuer,
    authorization_endpoint: issuer + oauthPaths.authorize,
    token_endpoint: issuer + oauthPaths.token,
    device_authorization_endpoint: issuer + oauthPaths.deviceAuthorization,
    revocation_endpoint: issuer + oauthPaths.revoke,
    jwks_uri: issuer + oauthPaths.jwks,
    userinfo_endpoint: issuer + oauthPaths.userInfo,
    scopes_supported: scopes,
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    grant_types_supported: ["authorization_code", "refresh_token", DEVICE_GRANT],
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: ["none"],
    revocation_endpoint_auth_methods_supported: ["none"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [SIGNING_ALGORITHM],
    claims_supported: [
      "sub",
      "iss",
      "aud",
      "exp",
      "iat",
      "auth_time",
      "nonce",
      "sid",
      "name",
      "preferred_username",
      "email",
    ],
    authorization_response_iss_parameter_supported: true,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
  };
}
