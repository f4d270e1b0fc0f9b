const fs = require("fs");
const put = (file, text) => fs.appendFileSync(process.env[file], text + "\n");

const text = process.env.INPUT_TEXT;
console.log(`input of main: ${text}, optional: [${process.env.INPUT_OPTIONAL}], spaces: ${process.env.INPUT_NAME_WITH_SPACES}`);
put("GITHUB_OUTPUT", "length=" + text.length);
put("GITHUB_ENV", "LETTERS=" + text.length);
put("GITHUB_STATE", "main=from main");
put("GITHUB_STEP_SUMMARY", `# ${text.length} letters`);
console.log("::warning::twelve is a lot");
console.log("::add-mask::hush-hush");
console.log("token is hush-hush");
console.log("action is " + process.env.GITHUB_ACTION.replace(/^count$/, "__acme_count"));
console.log(`repository ${process.env.GITHUB_ACTION_REPOSITORY} at ${process.env.GITHUB_ACTION_REF}`);

