const { INPUT_OLD, INPUT_NEW, INPUT_REPOSITORY, INPUT_FLAG, INPUT_LINES, INPUT_EMPTY } = process.env;
console.log(`old=${INPUT_OLD} new=${INPUT_NEW}`);
console.log(`default: ${INPUT_REPOSITORY}`);
console.log(`flag ${INPUT_FLAG}`);
console.log(`lines: ${INPUT_LINES.trim().split("\n")}`);
console.log(`empty: [${INPUT_EMPTY}]`);
