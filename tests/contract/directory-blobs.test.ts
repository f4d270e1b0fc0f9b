import { readdir } from "node:fs/promises";
import { DirectoryBlobs } from "../../server/blob/directory-blobs.ts";
import { makeScratch } from "../support/scratch.ts";
import { blobStoreContract } from "./blob-store.contract.ts";

blobStoreContract("a directory", async () => {
  const scratch = await makeScratch();
  const dir = scratch.join("artifacts");
  const blobs = new DirectoryBlobs(dir);
  await blobs.prepare();
  return {
    blobs,
    other: new DirectoryBlobs(dir),
    countAll: async () => (await readdir(dir, { recursive: true })).length,
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
});
