import type { BlobDocument, PackDocument } from "../artifact/artifact-store.mongo.ts";
import { packKey } from "../artifact/artifact-store.ts";
import { plain, type Row } from "./rows.ts";
import type { MovedTable } from "./tables.ts";

/** The index of files. Their bytes move apart from it. */
export const artifactTables: readonly MovedTable[] = [
  {
    table: "compute_packs",
    key: ["business_id", "pack_id"],
    columns: ["pack", "business_id", "pack_id", "begun_at", "blobs", "bytes", "removed"],
    documents: (row) => [packDocument(row)],
  },
  {
    table: "compute_blobs",
    from: `(SELECT compute_blobs.*, numbers.business_id, pack_id FROM compute_blobs
      CROSS JOIN compute_business_numbers numbers USING (business) CROSS JOIN compute_packs USING (pack))`,
    key: ["business", "sha256"],
    binaryKey: ["sha256"],
    columns: ["business", "sha256", "pack", "offset", "bytes", "touched_at"],
    documents: (row) => [blobDocument(row)],
  },
  {
    table: "compute_artifacts",
    key: ["artifact_id"],
    columns: [
      "artifact_id",
      "business_id",
      "live",
      "user_id",
      "kind",
      "name",
      "type",
      "tree_sha256",
      "tree",
      "files",
      "bytes",
      "job_id",
      "execution_id",
      "attempt",
      "created_at",
      "expires_at",
      "trashed_expires_at",
      "held_until",
    ],
    documents: (row) => [plain(row)],
  },
];

function packDocument(row: Row): PackDocument {
  return {
    _id: packKey(String(row.business_id), String(row.pack_id)),
    business_id: String(row.business_id),
    begun_at: Number(row.begun_at),
    blobs: Number(row.blobs),
    bytes: Number(row.bytes),
    ...(row.removed === 1 && { removed: true }),
  };
}

function blobDocument(row: Row): BlobDocument {
  const businessId = String(row.business_id);
  return {
    _id: `${businessId}/${Buffer.from(row.sha256 as Uint8Array).toString("hex")}`,
    pack: packKey(businessId, String(row.pack_id)),
    offset: Number(row.offset),
    bytes: Number(row.bytes),
    touched_at: Number(row.touched_at),
  };
}
