const fs = require("fs");
const put = (file, text) => fs.appendFileSync(process.env[file], text + "\n");

console.log("pre: text is " + process.env.INPUT_TEXT);
put("GITHUB_STATE", "before=from pre");

