/** Builds the package `@tanvrit/compute`: `bun run build:sdk` writes `dist/sdk`. */
import { join } from "node:path";
import { writePackage } from "./package.ts";

const root = join(import.meta.dirname, "../..");
const outDir = join(root, "dist/sdk");
await writePackage(root, outDir);
console.error(`build: ${outDir}`);
