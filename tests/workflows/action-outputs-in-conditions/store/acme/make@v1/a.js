const fs = require("fs");
fs.appendFileSync(process.env.GITHUB_OUTPUT, `list<<END
["a","b"]
END
flag=true
object={"size":2}
`);
