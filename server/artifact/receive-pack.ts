import { ComputeError } from "../../shared/errors.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { PACK_HEADER_BYTES } from "../../shared/files/pack.ts";
import { PackError, PackReader } from "../../shared/files/pack-reader.ts";
import { GARBAGE_OF_FILE_BYTES, giveBack, leaveGarbage } from "../../shared/garbage.ts";
import type { IncomingBytes } from "../http/byte-bodies.ts";
import { type PackParts, PackWriter } from "./pack-writer.ts";
import type { Quota } from "./quota.ts";

/**
 * Stores a pack as it comes, with one chunk at a time in memory. Nothing is kept of a pack that is not as agreed.
 * Resolves with the number of its blobs. Throws `invalid_request` and `quota_exceeded`.
 */
export async function receivePack(
  parts: PackParts & { quota: Quota },
  businessId: string,
  body: IncomingBytes,
): Promise<number> {
  const release = await parts.quota.reserve(businessId, body.announced ?? fileLimits.maxPackBytes);
  try {
    const writer = await PackWriter.begin(parts, businessId);
    try {
      await copy(body, writer);
      await writer.finish();
      leaveGarbage(GARBAGE_OF_FILE_BYTES * writer.blobs);
      return writer.blobs;
    } finally {
      await writer.abort();
    }
  } catch (error) {
    throw error instanceof PackError ? invalidPack(error.message) : error;
  } finally {
    release();
  }
}

async function copy(body: IncomingBytes, writer: PackWriter): Promise<void> {
  const reader = new PackReader();
  let offset = 0;
  for await (const chunk of body) {
    for (const piece of reader.push(chunk)) {
      if (piece.kind === "content") offset += piece.content.length;
      if (piece.kind !== "blob") continue;
      if (writer.blobs === fileLimits.maxBlobsPerRequest)
        throw new PackError(`it has more than ${fileLimits.maxBlobsPerRequest} blobs`);
      offset += PACK_HEADER_BYTES;
      writer.place(piece.sha256, piece.bytes, offset);
    }
    await writer.write(chunk);
    giveBack(chunk);
  }
  reader.end();
  if (writer.blobs === 0) throw new PackError("it is empty");
}

function invalidPack(message: string): ComputeError {
  return new ComputeError(
    "invalid_request",
    `The pack cannot be used: ${message}. Nothing of it was stored.`,
    {
      errors: [{ path: "(body)", message }],
    },
  );
}
