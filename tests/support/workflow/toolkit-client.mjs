// Uses GitHub's own client libraries, as actions do: artifact and cache, up and down. Prints what it got as JSON.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import artifacts from "@actions/artifact";
import * as caches from "@actions/cache";

const directory = process.env.GITHUB_WORKSPACE;
const log = console.log;
// The libraries print workflow commands.
process.stdout.write = () => true;

const file = join(directory, "data.bin");
writeFileSync(file, Buffer.alloc(20 * 1024 * 1024, "abc"));
const uploaded = await artifacts.uploadArtifact("data", [file], directory, { compressionLevel: 0 });
const again = await artifacts.uploadArtifact("data", [file], directory).catch((error) => error.message);
const { artifacts: listed } = await artifacts.listArtifacts();
const down = join(directory, "down");
await artifacts.downloadArtifact(uploaded.id, { path: down });
const isSame = readFileSync(join(down, "data.bin")).equals(readFileSync(file));
await artifacts.uploadArtifact("gone", [file], directory);
await artifacts.deleteArtifact("gone");

const miss = await caches.restoreCache([file], "k-1");
await caches.saveCache([file], "k-1");
const before = readFileSync(file);
rmSync(file);
const hit = await caches.restoreCache([file], "k-1");
const isRestored = existsSync(file) && readFileSync(file).equals(before);
const byPrefix = await caches.restoreCache([file], "k-2", ["k-"]);
process.stdout.write = log;
console.error(
  JSON.stringify({
    size: uploaded.size,
    again,
    listed: listed.map(({ name }) => name),
    isSame,
    miss,
    hit,
    isRestored,
    byPrefix,
  }),
);
process.exit(0);
