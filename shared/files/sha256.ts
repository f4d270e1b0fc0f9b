/** SHA-256 of bytes that come in pieces. */
export interface RunningSha256 {
  update(bytes: Uint8Array): void;
  /** The digest in 64 lower-case hex digits. Ends it. */
  hex(): string;
}

/** The digest of bytes that are all there, in 64 lower-case hex digits. */
export function sha256Of(bytes: Uint8Array): string {
  if (typeof Bun !== "undefined") return Bun.SHA256.hash(bytes, "hex");
  const hash = startSha256();
  hash.update(bytes);
  return hash.hex();
}

export function startSha256(): RunningSha256 {
  if (typeof Bun !== "undefined") return runningOf(new Bun.CryptoHasher("sha256"));
  return runningOf(process.getBuiltinModule("node:crypto").createHash("sha256"));
}

function runningOf(hash: {
  update(bytes: Uint8Array): unknown;
  digest(encoding: "hex"): string;
}): RunningSha256 {
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest("hex") };
}
