import { ComputeClient } from "../client.ts";
import {
  type Compute,
  type ComputeClientOptions,
  computeOf,
  createComputeClient as createPlainClient,
} from "../index.ts";
import { TokenCredentials } from "../token-credentials.ts";
import { ServerProof } from "./server-proof.ts";
import { TokenFile } from "./token-file.ts";

export * from "../index.ts";
export { ServerProof, type ServerProofOptions } from "./server-proof.ts";
export { TokenFileError } from "./token-file.ts";

/**
 * What a program on a machine of its own can also use: how the server proves that it is the right one, if that is required;
 * the fingerprint of a certificate that no authority signed; a file with an access token or an API key, which is read again
 * when it changes.
 */
export type MachineClientOptions = { proof?: ServerProof; fingerprint?: string } & (
  | ComputeClientOptions
  | { url: string; tokenFile: string }
);

/** Makes a client for one server; see `createComputeClient` of the SDK for browsers. */
export function createComputeClient(options: MachineClientOptions): Compute {
  const { url, fingerprint } = options;
  const proof = options.proof ?? (fingerprint === undefined ? undefined : proofBy(url, fingerprint));
  if ("tokenFile" in options) {
    const credentials = new TokenCredentials(new TokenFile(options.tokenFile));
    return computeOf(new ComputeClient({ url, proof, credentials }));
  }
  return createPlainClient({ ...options, proof });
}

function proofBy(url: string, fingerprint: string): ServerProof {
  const todo = "Find out what listens there, or use the fingerprint that the server prints";
  return new ServerProof({ url, key: undefined, pin: { fingerprint }, todo });
}
