const fs = require("fs");
const put = (file, text) => fs.appendFileSync(process.env[file], text + "\n");

console.log(`state of post: ${process.env.STATE_before}, ${process.env.STATE_main}`);

