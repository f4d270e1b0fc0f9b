import { appendFileSync } from "node:fs";

const { INPUT_A, INPUT_B, GITHUB_OUTPUT } = process.env;
console.log("version is new enough:", Number(process.versions.node.split(".")[0]) >= 24);
console.log("module:", typeof import.meta.url === "string");
appendFileSync(GITHUB_OUTPUT, `sum=${Number(INPUT_A) + Number(INPUT_B)}\n`);
