console.log(`pre ${process.env.INPUT_NAME}`);
require('fs').appendFileSync(process.env.GITHUB_STATE, 'pre=done\n');
