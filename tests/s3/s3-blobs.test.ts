import { afterAll, beforeAll } from "bun:test";
import { readdir } from "node:fs/promises";
import { S3Blobs } from "../../server/blob/s3-blobs.ts";
import { blobStoreContract, type OpenedBlobs } from "../contract/blob-store.contract.ts";
import { TestS3 } from "../support/moto.ts";
import { makeScratch } from "../support/scratch.ts";

let s3: TestS3;

beforeAll(async () => {
  s3 = await TestS3.start();
});
afterAll(() => s3[Symbol.asyncDispose]());

blobStoreContract("a bucket", () => openBucket(""));
blobStoreContract("a bucket with a prefix", () => openBucket("team/files"));

async function openBucket(prefix: string): Promise<OpenedBlobs> {
  const scratch = await makeScratch();
  const bucket = await s3.newBucket();
  const place = {
    bucket,
    prefix,
    endpoint: s3.endpoint,
    region: undefined,
    accessKeyId: "tests",
    secretAccessKey: "tests",
    sessionToken: undefined,
  };
  const blobs = new S3Blobs(place, scratch.join("one"));
  const other = new S3Blobs(place, scratch.join("other"));
  await Promise.all([blobs.prepare(), other.prepare()]);
  const countAll = async () => {
    const objects = (await s3.client(bucket).list()).contents ?? [];
    const uploads = await fetch(`${s3.endpoint}/${bucket}?uploads`).then((answer) => answer.text());
    const spooled = await readdir(scratch.path, { recursive: true });
    return (
      objects.length +
      (uploads.match(/<Upload>/g)?.length ?? 0) +
      spooled.filter((name) => name.includes("/")).length
    );
  };
  return { blobs, other, countAll, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}
