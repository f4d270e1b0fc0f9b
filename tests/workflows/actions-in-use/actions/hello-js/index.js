const fs = require('fs');
console.log(`hello ${process.env['INPUT_WHO-TO-GREET']}`);
console.log(`two words: ${process.env['INPUT_TWO_WORDS']}`);
if (process.env.INPUT_FLAG !== 'true' || process.env.INPUT_NUM !== '12') process.exit(3);
fs.appendFileSync(process.env.GITHUB_OUTPUT, 'time=noon\n');
