const fs = require('fs');
fs.appendFileSync(process.env.GITHUB_STATE, 'mystate0=mystateval\nmulti<<X\na\nb\nX\n');
console.log('::save-state name=mystate1::old');
